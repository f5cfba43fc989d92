#include "schema/walk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "idem/error.hpp"

namespace idem {
namespace {

class payload_walk {
public:
    payload_walk(const schema::model& model, std::string_view payload, payload_sink& sink,
                 const walk_options& options)
        : model_(model), bytes_(payload), sink_(sink), options_(options) {}

    void run(const schema_object& root) {
        if (bytes_.size() < 8) refuse("is too short to be a table");
        if (bytes_.size() > UINT32_MAX / 2) refuse("is too long to be a table");
        enter_table(root, follow(0));
        while (!frames_.empty()) {
            step();
            if (sink_.bytes() > schema_limits::json_bytes_max) {
                refuse(fmt::format("makes the JSON longer than {} bytes",
                                   schema_limits::json_bytes_max));
            }
        }
    }

private:
    struct frame {
        const schema_object* object = nullptr;  // nullptr: a list
        const schema_field* field = nullptr;    // that the list is the value of
        std::uint64_t at = 0;                   // of table, struct or the list's first element
        std::uint64_t vtable = 0;               // of a table
        std::uint32_t vtable_bytes = 0;
        std::uint32_t table_bytes = 0;
        std::uint32_t next = 0;   // field or element
        std::uint32_t count = 0;  // of elements
        std::uint64_t types = 0;  // of a list of unions: the first of their types
    };

    template <class T>
    T read(std::uint64_t at) const noexcept {
        T value;
        std::memcpy(&value, bytes_.data() + at, sizeof value);
        return value;
    }
    template <class T>
    T read_checked(std::uint64_t at) const {
        if (at + sizeof(T) > bytes_.size()) refuse("lies beyond the payload's end");
        if (at % sizeof(T) != 0) refuse("is not aligned");
        return read<T>(at);
    }
    std::uint64_t follow(std::uint64_t at) const {
        const auto distance = read_checked<std::uint32_t>(at);
        if (distance == 0) refuse("refers to itself");
        return at + distance;
    }

    void count(std::uint64_t steps) {
        if ((steps_ += steps) > options_.steps_max) {
            refuse("makes the payload larger than it may be when what it shares is counted");
        }
    }
    void push(frame f) {
        if (frames_.size() >= schema_limits::depth_max) refuse("lies too deep in other tables");
        frames_.push_back(f);
    }

    void enter_table(const schema_object& object, std::uint64_t at) {
        frame f{.object = &object, .at = at};
        const auto back = read_checked<std::int32_t>(at);
        const std::int64_t vtable = static_cast<std::int64_t>(at) - back;
        if (vtable < 0) refuse("has no table of fields");
        f.vtable = static_cast<std::uint64_t>(vtable);
        f.vtable_bytes = read_checked<std::uint16_t>(f.vtable);
        f.table_bytes = read_checked<std::uint16_t>(f.vtable + 2);
        if (f.vtable_bytes < 4 || f.vtable_bytes % 2 != 0 || f.table_bytes < 4 ||
            f.vtable + f.vtable_bytes > bytes_.size() || at + f.table_bytes > bytes_.size()) {
            refuse("has no sound table of fields");
        }
        // Counted first: a table of fields can be much longer than its tables, and shared by them.
        count(1 + std::max<std::uint64_t>(object.fields.size(), (f.vtable_bytes - 4) / 2));
        if (!options_.skip_unknown) refuse_unknown(object, f);
        push(f);
        sink_.begin_object();
    }

    void refuse_unknown(const schema_object& object, const frame& f) const {
        for (std::uint64_t offset = 4 + 2 * object.fields.size(); offset < f.vtable_bytes;
             offset += 2) {
            if (read<std::uint16_t>(f.vtable + offset) != 0) {
                refuse(fmt::format("has a field {} that {} of this version does not know",
                                   (offset - 4) / 2, object.name));
            }
        }
    }

    void enter_struct(const schema_object& object, std::uint64_t at) {
        count(1 + object.fields.size());
        push({.object = &object, .at = at});
        sink_.begin_object();
    }

    void step() {
        frame& f = frames_.back();
        const std::uint32_t end =
            f.object ? static_cast<std::uint32_t>(f.object->fields.size()) : f.count;
        if (f.next == end) {
            f.object ? sink_.end_object() : sink_.end_list();
            frames_.pop_back();
            return;
        }
        const std::uint32_t i = f.next++;
        if (!f.object) {
            element(f, i);
        } else if (f.object->is_struct) {
            const schema_field& field = f.object->fields[i];
            sink_.member(field);
            inline_value(field, f.at + field.offset);
        } else {
            table_field(f, f.object->fields[i]);
        }
    }

    // The place of a table's field; 0: it is absent.
    std::uint64_t place_of(const frame& f, const schema_field& field) const {
        if (field.offset + 2U > f.vtable_bytes) return 0;
        const auto offset = read<std::uint16_t>(f.vtable + field.offset);
        if (offset == 0) return 0;
        const field_type& t = field.type;
        const bool is_struct = t.base == base_type::object && model_.objects[t.object].is_struct;
        const std::uint64_t size = is_struct           ? model_.objects[t.object].size
                                   : is_scalar(t.base) ? size_of(t.base)
                                                       : 4;
        const std::uint64_t align = is_struct ? model_.objects[t.object].align : size;
        if (offset < 4 || offset + size > f.table_bytes) refuse("lies outside of its table");
        if ((f.at + offset) % align != 0) refuse("is not aligned");
        return f.at + offset;
    }

    static bool is_union(const field_type& t) noexcept {
        return t.base == base_type::union_value || t.element == base_type::union_value;
    }
    // Which member of a union it is; of a list of them, whether their members are named.
    std::uint8_t member_type(const frame& f, const schema_field& field) const {
        const std::uint64_t at = place_of(f, f.object->fields[field.id - 1]);
        return at == 0 ? 0 : field.type.base == base_type::vector ? 1 : read<std::uint8_t>(at);
    }

    void table_field(const frame& f, const schema_field& field) {
        const std::uint64_t at = place_of(f, field);
        const bool no_member = at != 0 && field.type.base == base_type::union_type &&
                               read<std::uint8_t>(at) == 0;  // written, and says nothing
        if (at == 0 || no_member) {
            if (field.required) refuse("is required, and missing");
            if (is_union(field.type) && member_type(f, field) != 0) {
                refuse("is missing, though its member is named");
            }
            sink_.absent(field);
            return;
        }
        const field_type& t = field.type;
        if (t.base == base_type::union_value) {
            sink_.member(field);
            union_member(field, member_type(f, field), follow(at));
            return;
        }
        sink_.member(field);
        if (t.base == base_type::vector) {
            enter_list(f, field, follow(at));
        } else if (t.base == base_type::text) {
            text(follow(at));
        } else if (t.base == base_type::object && !model_.objects[t.object].is_struct) {
            enter_table(model_.objects[t.object], follow(at));
        } else {
            inline_value(field, at);
        }
    }

    // What lies in place: a scalar, a struct, an array of either.
    void inline_value(const schema_field& field, std::uint64_t at) {
        const field_type& t = field.type;
        if (t.base == base_type::array) {
            count(t.length);
            push({.field = &field, .at = at, .count = t.length});
            sink_.begin_list();
        } else if (t.base == base_type::object) {
            enter_struct(model_.objects[t.object], at);
        } else {
            scalar(t, t.base, at);
        }
    }

    void scalar(const field_type& t, base_type base, std::uint64_t at) {
        if (sink_.reads_scalars()) sink_.scalar(t, base, bytes_.data() + at);
    }

    void text(std::uint64_t at) {
        const std::uint64_t size = read_checked<std::uint32_t>(at);
        if (at + 4 + size + 1 > bytes_.size()) refuse("lies beyond the payload's end");
        const std::string_view found = bytes_.substr(at + 4, size);
        if (bytes_[at + 4 + size] != '\0') refuse("is a text without its end");
        if (const auto fault = text::invalid_utf8(found)) {
            refuse(fmt::format("is not UTF-8 at byte {}", *fault));
        }
        count(1 + size / 4);
        sink_.text(found);
    }

    void union_member(const schema_field& field, std::uint8_t type, std::uint64_t at) {
        const schema_enum& members = model_.enums[field.type.enumeration];
        const enum_value* member = members.find(static_cast<std::int64_t>(type));
        if (!member || member->member.base == base_type::none) {
            refuse(fmt::format("is member {} of {}, which is not known", type, members.name));
        }
        if (member->member.base == base_type::text) return text(at);
        const schema_object& object = model_.objects[member->member.object];
        if (!object.is_struct) return enter_table(object, at);
        if (at + object.size > bytes_.size()) refuse("lies beyond the payload's end");
        if (at % object.align != 0) refuse("is not aligned");
        enter_struct(object, at);
    }

    std::uint64_t element_bytes(const field_type& t) const noexcept {
        if (is_scalar(t.element)) return size_of(t.element);
        const bool is_struct = t.element == base_type::object && model_.objects[t.object].is_struct;
        return is_struct ? model_.objects[t.object].size : 4;
    }

    void enter_list(const frame& table, const schema_field& field, std::uint64_t at) {
        const field_type& t = field.type;
        const std::uint64_t length = read_checked<std::uint32_t>(at);
        const std::uint64_t first = at + 4;
        if (first + length * element_bytes(t) > bytes_.size()) {
            refuse("lies beyond the payload's end");
        }
        const bool is_struct = t.element == base_type::object && model_.objects[t.object].is_struct;
        const std::uint64_t align = is_struct              ? model_.objects[t.object].align
                                    : is_scalar(t.element) ? size_of(t.element)
                                                           : 4;
        if (length > 0 && first % align != 0) refuse("is not aligned");
        count(1 + length);
        frame list{.field = &field, .at = first, .count = static_cast<std::uint32_t>(length)};
        if (t.element == base_type::union_value) {
            const std::uint64_t types = place_of(table, table.object->fields[field.id - 1]);
            if (types == 0) refuse("is a list of unions without the list of their members");
            const std::uint64_t types_at = follow(types);
            if (read_checked<std::uint32_t>(types_at) != length) {
                refuse("is not as long as the list of its members");
            }
            if (types_at + 4 + length > bytes_.size()) refuse("lies beyond the payload's end");
            list.types = types_at + 4;
        }
        if (!sink_.reads_scalars() && is_scalar(t.element)) list.count = 0;
        push(list);
        sink_.begin_list();
    }

    void element(const frame& f, std::uint32_t i) {
        const field_type& t = f.field->type;
        const std::uint64_t at = f.at + i * element_bytes(t);
        if (is_scalar(t.element)) {
            scalar(t, t.element, at);
        } else if (t.element == base_type::text) {
            text(follow(at));
        } else if (t.element == base_type::union_value) {
            union_member(*f.field, read<std::uint8_t>(f.types + i), follow(at));
        } else if (model_.objects[t.object].is_struct) {
            enter_struct(model_.objects[t.object], at);
        } else {
            enter_table(model_.objects[t.object], follow(at));
        }
    }

    [[noreturn]] void refuse(std::string_view why) const {
        std::string path(options_.name);
        for (const frame& f : frames_) {
            if (f.next == 0) continue;
            path += f.object ? "." + f.object->fields[f.next - 1].name
                             : fmt::format("[{}]", f.next - 1);
        }
        throw error(errc::invalid_input, fmt::format("{} {}", path, why), {.field = path});
    }

    const schema::model& model_;
    const std::string_view bytes_;
    payload_sink& sink_;
    const walk_options& options_;
    std::vector<frame> frames_;
    std::uint64_t steps_ = 0;
};

}  // namespace

void walk_payload(const schema::model& model, const schema_object& root, std::string_view payload,
                  payload_sink& sink, const walk_options& options) {
    payload_walk(model, payload, sink, options).run(root);
}

}  // namespace idem
