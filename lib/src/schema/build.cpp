// From JSON to a payload.
#include <flatbuffers/flatbuffers.h>
#include <fmt/format.h>

#include <cstring>
#include <optional>

#include "base/json.hpp"
#include "base/text.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "schema/payload.hpp"
#include "schema/scalar.hpp"

namespace idem {
namespace {

using offset = flatbuffers::Offset<void>;

class payload_builder {
public:
    explicit payload_builder(const schema::model& model) : model_(model) {}

    std::string build(const schema_object& root, std::string_view text) {
        if (text.size() > schema_limits::json_bytes_max) {
            refuse(fmt::format("has {} bytes; the limit is {}", text.size(),
                               schema_limits::json_bytes_max));
        }
        if (const auto fault = json::check(text)) {
            refuse(fmt::format("is not JSON at byte {}: {}", fault->offset, fault->reason));
        }
        const offset made = table(root, {json::kind_of(text), text});
        count(0);
        builder_.Finish(flatbuffers::Offset<flatbuffers::Table>(made.o));
        return {reinterpret_cast<const char*>(builder_.GetBufferPointer()), builder_.GetSize()};
    }

private:
    // Where in the JSON we are, for messages.
    class step {
    public:
        step(payload_builder& owner, std::string part) : owner_(owner) {
            owner.path_.push_back(std::move(part));
        }
        ~step() { owner_.path_.pop_back(); }
        step(const step&) = delete;
        step& operator=(const step&) = delete;

    private:
        payload_builder& owner_;
    };

    // A table, struct or list that is being made: as deep as the walk over a payload will go.
    class container {
    public:
        container(payload_builder& owner, std::size_t steps) : owner_(owner) {
            if (owner.depth_ >= schema_limits::depth_max) owner.refuse("lies too deep");
            owner.count(steps);
            ++owner.depth_;
        }
        ~container() { --owner_.depth_; }
        container(const container&) = delete;
        container& operator=(const container&) = delete;

    private:
        payload_builder& owner_;
    };

    // As the walk counts, so that what is made can be read: a table of many fields, or one of
    // fields of its own for each table, makes much of little JSON.
    void count(std::size_t steps) {
        if ((steps_ += steps) > schema_limits::payload_steps_max) {
            refuse("makes the payload larger than it may be when what it shares is counted");
        }
        check_size(0);
    }
    void check_size(std::size_t more) const {
        if (builder_.GetSize() + more > schema_limits::payload_bytes_max) {
            refuse(fmt::format("makes the payload longer than {} bytes",
                               schema_limits::payload_bytes_max));
        }
    }

    [[noreturn]] void refuse(std::string_view why) const {
        std::string path = "data";
        for (const auto& part : path_) path += part;
        throw error(errc::invalid_input, fmt::format("{} {}", path, why), {.field = path});
    }
    void expect(const raw_value& value, json::kind kind) const {
        if (value.kind != kind) refuse(says_wrong_kind(value.kind, kind));
    }

    // The members of an object by the ids of the fields that they are; null counts as absent.
    std::vector<std::optional<raw_value>> members(const schema_object& object,
                                                  const raw_value& value) {
        expect(value, json::kind::object);
        std::vector<std::optional<raw_value>> found(object.fields.size());
        json::each_member(value.text,
                          [&](std::string_view name, json::kind kind, std::string_view raw) {
                              const schema_field* field = object.find(name);
                              if (!field) {
                                  refuse(fmt::format("has a member {} that {} does not know",
                                                     text::shown(name), object.name));
                              }
                              if (kind == json::kind::null) return;
                              auto& place = found[field->id];
                              if (place)
                                  refuse(fmt::format("has the member {} twice", text::shown(name)));
                              place = raw_value{kind, raw};
                          });
        for (const schema_field& field : object.fields) {
            if (found[field.id] || !(field.required || object.is_struct)) continue;
            const step at(*this, "." + field.name);
            refuse("is required, and missing");
        }
        return found;
    }

    offset table(const schema_object& object, const raw_value& value) {
        const container inside(*this, 1 + object.fields.size());
        const auto given = members(object, value);
        std::vector<offset> made(object.fields.size());  // what fields refer to
        for (const schema_field& field : object.fields) {
            if (!given[field.id] || is_inline(field.type)) continue;
            const step at(*this, "." + field.name);
            const auto* type_of = field.id > 0 ? &given[field.id - 1] : nullptr;
            made[field.id] = reference(field, *given[field.id], type_of);
        }
        check_unions(object, given);
        const auto start = builder_.StartTable();
        for (const std::uint32_t size : {8U, 4U, 2U, 1U}) {  // without gaps between them
            for (const schema_field& field : object.fields) {
                if (!given[field.id]) continue;
                const step at(*this, "." + field.name);
                if (!is_inline(field.type)) {
                    if (size == 4) builder_.AddOffset(field.offset, made[field.id]);
                } else if (field.type.base == base_type::object) {
                    if (size == 8) add_struct(field, *given[field.id]);
                } else if (size_of(field.type.base) == size) {
                    add_scalar(field, *given[field.id]);
                }
            }
        }
        return end_table(start);
    }

    offset end_table(flatbuffers::uoffset_t start) {
        constexpr std::size_t table_bytes_max = 65'535;  // its table of fields has 16-bit offsets
        const std::size_t before = builder_.GetSize();
        if (before - start + 8 > table_bytes_max) {  // with padding and the reference to it
            refuse(fmt::format("has more than {} bytes in place", table_bytes_max));
        }
        const offset made = builder_.EndTable(start);
        // Tables of fields are shared where they are the same, which each new one is compared with
        // all others for: enough for payloads, too much for what is made to take long.
        constexpr std::size_t shared_max = 256;
        const bool is_new = builder_.GetSize() - before >= 8;
        if (is_new && ++field_tables_ == shared_max) builder_.DedupVtables(false);
        return made;
    }

    void check_unions(const schema_object& object,
                      const std::vector<std::optional<raw_value>>& given) {
        for (const schema_field& field : object.fields) {
            const field_type& t = field.type;
            const bool is_union =
                t.base == base_type::union_value || t.element == base_type::union_value;
            if (!is_union || given[field.id] || !given[field.id - 1]) continue;
            const raw_value& type = *given[field.id - 1];
            const bool none = t.base == base_type::union_value && member_of(t, type) == 0;
            const step at(*this, "." + field.name);
            if (!none) refuse("is missing, though its member is named");
        }
    }

    bool is_inline(const field_type& t) const {
        return is_scalar(t.base) ||
               (t.base == base_type::object && model_.objects[t.object].is_struct);
    }

    void add_struct(const schema_field& field, const raw_value& value) {
        const schema_object& object = model_.objects[field.type.object];
        const offset made = place_struct(object, struct_bytes(object, value));
        builder_.AddStructOffset(field.offset, made.o);
    }

    offset place_struct(const schema_object& object, const std::string& bytes) {
        builder_.StartStruct(object.align);
        builder_.PushBytes(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        return builder_.EndStruct();
    }

    std::string struct_bytes(const schema_object& object, const raw_value& value) {
        const container inside(*this, 1 + object.fields.size());
        const auto given = members(object, value);
        std::string bytes(object.size, '\0');
        for (const schema_field& field : object.fields) {
            const step at(*this, "." + field.name);
            const field_type& t = field.type;
            const raw_value& member = *given[field.id];
            std::string part;
            if (t.base == base_type::array) {
                const container items(*this, t.length);
                std::uint32_t length = 0;
                expect(member, json::kind::array);
                json::each_item(member.text, [&](json::kind kind, std::string_view raw) {
                    const step item(*this, fmt::format("[{}]", length));
                    if (length++ < t.length) part += element_bytes(t, {kind, raw});
                });
                if (length != t.length) {
                    refuse(fmt::format("has {} items where it must have {}", length, t.length));
                }
            } else if (t.base == base_type::object) {
                part = struct_bytes(model_.objects[t.object], member);
            } else {
                part = scalar_bytes(t, t.base, member);
            }
            bytes.replace(field.offset, part.size(), part);
        }
        return bytes;
    }

    std::string element_bytes(const field_type& t, const raw_value& value) {
        if (t.element == base_type::object) return struct_bytes(model_.objects[t.object], value);
        return scalar_bytes(t, t.element, value);
    }

    void add_scalar(const schema_field& field, const raw_value& value) {
        const base_type base = field.type.base;
        const std::string bytes = scalar_bytes(field.type, base, value);
        // What is deprecated prints where it is there, and only there.
        const bool may_be_absent = !field.optional && !field.deprecated;
        if (may_be_absent && bytes == default_bytes(field)) return;
        switch (bytes.size()) {
            case 1:
                return push<std::uint8_t>(field, bytes);
            case 2:
                return push<std::uint16_t>(field, bytes);
            case 4:
                return push<std::uint32_t>(field, bytes);
            default:
                return push<std::uint64_t>(field, bytes);
        }
    }
    template <class T>
    void push(const schema_field& field, const std::string& bytes) {
        T value;
        std::memcpy(&value, bytes.data(), sizeof value);
        builder_.AddElement<T>(field.offset, value);
    }

    static std::string default_bytes(const schema_field& field) {
        if (field.type.base == base_type::float32) {
            return bytes_of(static_cast<float>(field.default_real));
        }
        if (field.type.base == base_type::float64) return bytes_of(field.default_real);
        return bytes_of(field.default_integer).substr(0, size_of(field.type.base));
    }

    std::string scalar_bytes(const field_type& t, base_type base, const raw_value& value) const {
        const schema_enum* named =
            t.enumeration == no_index ? nullptr : &model_.enums[t.enumeration];
        try {
            return read_scalar(base, named, value);
        } catch (const unfit_value& unfit) {
            refuse(unfit.why);
        }
    }

    offset reference(const schema_field& field, const raw_value& value,
                     const std::optional<raw_value>* member) {
        const field_type& t = field.type;
        if (t.base == base_type::vector) return list(field, value, member);
        if (t.base == base_type::text) return text_value(value);
        if (t.base == base_type::object) return table(model_.objects[t.object], value);
        const schema_enum& members = model_.enums[t.enumeration];
        if (!member || !*member) {
            refuse(fmt::format("is a union; say in {}_type which member of {} it is", field.name,
                               members.name));
        }
        return union_member(members, member_of(t, **member), value);
    }

    std::uint8_t member_of(const field_type& t, const raw_value& value) const {
        field_type type = t;
        type.base = base_type::union_type;
        return static_cast<std::uint8_t>(scalar_bytes(type, base_type::union_type, value)[0]);
    }

    offset union_member(const schema_enum& members, std::uint8_t type, const raw_value& value) {
        const enum_value* member = members.find(static_cast<std::int64_t>(type));
        if (!member || member->member.base == base_type::none) {
            refuse(fmt::format("is member {} of {}, which has no value", type, members.name));
        }
        if (member->member.base == base_type::text) return text_value(value);
        const schema_object& object = model_.objects[member->member.object];
        if (!object.is_struct) return table(object, value);
        return place_struct(object, struct_bytes(object, value));
    }

    offset text_value(const raw_value& value) {
        expect(value, json::kind::string);
        const std::string text = json::decode_string(value.text);
        count(1 + text.size() / 4);
        return builder_.CreateString(text).Union();
    }

    offset list(const schema_field& field, const raw_value& value,
                const std::optional<raw_value>* members) {
        expect(value, json::kind::array);
        const field_type& t = field.type;
        const bool in_place = is_scalar(t.element) || (t.element == base_type::object &&
                                                       model_.objects[t.object].is_struct);
        const container items(*this, 1);
        if (in_place) return list_in_place(t, value);

        std::vector<std::uint8_t> types;
        if (t.element == base_type::union_value) {
            if (!members || !*members || (*members)->kind != json::kind::array) {
                refuse(fmt::format("is a list of unions; list in {}_type which members they are",
                                   field.name));
            }
            json::each_item((*members)->text, [&](json::kind kind, std::string_view raw) {
                types.push_back(member_of(t, {kind, raw}));
            });
        }
        std::vector<offset> made;
        json::each_item(value.text, [&](json::kind kind, std::string_view raw) {
            const std::size_t i = made.size();
            count(1);
            const step at(*this, fmt::format("[{}]", i));
            const raw_value item{kind, raw};
            if (t.element == base_type::text) {
                made.push_back(text_value(item));
            } else if (t.element == base_type::object) {
                made.push_back(table(model_.objects[t.object], item));
            } else {
                if (i >= types.size()) refuse("has no member type");
                made.push_back(union_member(model_.enums[t.enumeration], types[i], item));
            }
        });
        if (t.element == base_type::union_value && types.size() != made.size()) {
            refuse("is not as long as the list of its members");
        }
        return builder_.CreateVector(made).Union();
    }

    offset list_in_place(const field_type& t, const raw_value& value) {
        std::string bytes;
        std::size_t length = 0;
        json::each_item(value.text, [&](json::kind kind, std::string_view raw) {
            count(1);
            const step at(*this, fmt::format("[{}]", length++));
            bytes += element_bytes(t, {kind, raw});
            check_size(bytes.size());
        });
        const std::size_t align =
            t.element == base_type::object ? model_.objects[t.object].align : size_of(t.element);
        builder_.StartVector(bytes.size() / align, align);
        builder_.PushBytes(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        return {builder_.EndVector(length)};
    }

    const schema::model& model_;
    flatbuffers::FlatBufferBuilder builder_;
    std::vector<std::string> path_;
    std::size_t depth_ = 0;  // of containers
    std::size_t steps_ = 0;
    std::size_t field_tables_ = 0;
};

}  // namespace

std::string build_payload(const schema::model& model, const schema_object& root,
                          std::string_view json) {
    return payload_builder(model).build(root, json);
}

}  // namespace idem
