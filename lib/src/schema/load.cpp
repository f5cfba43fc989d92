// From a compiled schema to the model. A hostile file is told from a sound one here and in
// sound.cpp, and nowhere behind.
#include <flatbuffers/reflection_generated.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "schema/bfbs.hpp"
#include "schema/model.hpp"
#include "schema/sound.hpp"

namespace idem {
namespace {

void check_bytes(const std::string& bytes) {
    const auto refuse = [](std::string_view why) {
        throw error(
            errc::invalid_input,
            fmt::format(
                "the compiled schema is no sound one: its bytes are not those of one: {}; make it "
                "anew with `flatc --binary --schema --bfbs-builtins`",
                why),
            {.field = "schema"});
    };
    if (bytes.size() > schema_limits::bfbs_bytes_max) {
        refuse(fmt::format("there are {}, and the limit is {}", bytes.size(),
                           schema_limits::bfbs_bytes_max));
    }
    if (bytes.size() < 16 || !reflection::SchemaBufferHasIdentifier(bytes.data())) {
        refuse("the word BFBS is missing at byte 4");
    }
    try {
        check_bfbs(bytes);
    } catch (const error& e) {
        refuse(e.what());
    }
}

bool is_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// As FlatBuffers' language has them. Others would not come back from a path or from JSON as they
// were: flags of one field are told apart by spaces.
bool is_name(std::string_view text, bool may_have_namespace) noexcept {
    bool starts = true;
    for (const char c : text) {
        if (starts && !is_letter(c)) return false;
        starts = c == '.';
        if (starts ? !may_have_namespace : !is_letter(c) && !(c >= '0' && c <= '9')) return false;
    }
    return !starts;
}

constexpr bool with_namespace = true;
constexpr bool without_namespace = false;

std::string checked_name(std::string_view name, std::string_view what, bool may_have_namespace) {
    if (name.size() > limits::name_bytes_max) {
        refuse_schema(
            fmt::format("a name of {} is longer than {} bytes", what, limits::name_bytes_max));
    }
    if (!is_name(name, may_have_namespace)) {
        refuse_schema(fmt::format("{} is no name of {}", text::shown(name), what));
    }
    return std::string(name);
}

std::string name_of(const flatbuffers::String* name, std::string_view what,
                    bool may_have_namespace) {
    return checked_name(name->string_view(), what, may_have_namespace);
}

using attribute_list = flatbuffers::Vector<flatbuffers::Offset<reflection::KeyValue>>;

// Its value, "0" where it has none; nullopt where there is no such attribute.
std::optional<std::string_view> attribute(const attribute_list* attributes, std::string_view key) {
    if (!attributes) return std::nullopt;
    for (const auto* a : *attributes) {
        if (a->key()->string_view() == key) return a->value() ? a->value()->string_view() : "0";
    }
    return std::nullopt;
}

class loader {
public:
    explicit loader(schema::model& model)
        : model_(model), source_(*reflection::GetSchema(model.bytes.data())) {}

    void load() {
        objects_ = source_.objects()->size();
        enums_ = source_.enums()->size();
        if (objects_ > schema_limits::objects_max || enums_ > schema_limits::objects_max) {
            refuse_schema(fmt::format("it has more than {} types", schema_limits::objects_max));
        }
        for (const auto* e : *source_.enums()) load_enum(*e);
        for (const auto* o : *source_.objects()) load_object(*o);
        if (source_.root_table()) {
            model_.root = name_of(source_.root_table()->name(), "a table", with_namespace);
        }
        if (source_.file_ident()) {
            const std::string_view identifier = source_.file_ident()->string_view();
            if (!identifier.empty() && identifier.size() != 4) {
                refuse_schema("its file identifier has not four characters");
            }
            model_.file_identifier = identifier;
        }
        model_.sort_places();
    }

    // Of the namespace of the table that holds it, or of one around it. Requires a sound model.
    void find_nested() {
        for (const nested_table& nested : nested_) {
            const schema_object& holder = model_.objects[nested.holder];
            schema_field& field = model_.objects[nested.holder].fields[nested.field];
            const std::string where = fmt::format("{}.{}", holder.name, field.name);
            if (field.type.base != base_type::vector || field.type.element != base_type::uint8) {
                refuse_schema(where + " is a table within bytes, and no list of bytes");
            }
            const schema_object* found = nullptr;
            std::string space = holder.name;
            while (!found && !space.empty()) {
                space.resize(space.find('.') == space.npos ? 0 : space.rfind('.'));
                found = model_.find_object(space.empty() ? nested.name : space + "." + nested.name);
            }
            if (!found) refuse_schema(where + " holds a table in its bytes that is not in it");
            field.nested = static_cast<std::size_t>(found - model_.objects.data());
        }
    }

private:
    struct nested_table {
        std::size_t holder;
        std::uint16_t field;
        std::string name;
    };

    // Past the accessors: a number outside of reflection's enumeration must not become one of it.
    static base_type base_of(const reflection::Type& from, flatbuffers::voffset_t field) {
        const auto number = reinterpret_cast<const flatbuffers::Table&>(from).GetField<std::int8_t>(
            field, reflection::None);
        if (number < reflection::None || number >= reflection::MaxBaseType) {
            refuse_schema(fmt::format("it has a type {} that is not known", number));
        }
        return static_cast<base_type>(number);
    }

    field_type type_of(const reflection::Type& from) const {
        field_type type;
        type.base = base_of(from, reflection::Type::VT_BASE_TYPE);
        type.element = base_of(from, reflection::Type::VT_ELEMENT);
        if (type.base == base_type::array) type.length = from.fixed_length();
        const bool list = type.base == base_type::vector || type.base == base_type::array;
        if (!list) type.element = base_type::none;
        const base_type held = list ? type.element : type.base;
        const std::int32_t index = from.index();
        const bool is_union = held == base_type::union_value || held == base_type::union_type;
        if (held == base_type::object) {
            if (index < 0 || static_cast<std::size_t>(index) >= objects_) {
                refuse_schema("a field's table is not in it");
            }
            type.object = static_cast<std::size_t>(index);
        } else if (index >= 0 && (is_union || is_scalar(held))) {
            if (static_cast<std::size_t>(index) >= enums_) {
                refuse_schema("a field's enum is not in it");
            }
            type.enumeration = static_cast<std::size_t>(index);
        }
        if (is_union && type.enumeration == no_index) refuse_schema("a union names no members");
        if (list &&
            (held == base_type::vector || held == base_type::array || held == base_type::none)) {
            refuse_schema("a list holds something that lists cannot hold");
        }
        return type;
    }

    void load_enum(const reflection::Enum& from) {
        schema_enum e;
        e.name = name_of(from.name(), "an enum", with_namespace);
        e.is_union = from.is_union();
        e.underlying = base_of(*from.underlying_type(), reflection::Type::VT_BASE_TYPE);
        e.bit_flags = !e.is_union && attribute(from.attributes(), "bit_flags");
        if ((values_ += from.values()->size()) > schema_limits::values_max) {
            refuse_schema(
                fmt::format("its enums have more than {} values", schema_limits::values_max));
        }
        for (const auto* v : *from.values()) {
            enum_value value{name_of(v->name(), "a value", without_namespace), v->value(), {}};
            if (e.is_union && v->union_type()) value.member = type_of(*v->union_type());
            e.values.push_back(std::move(value));
        }
        model_.enums.push_back(std::move(e));
    }

    void load_object(const reflection::Object& from) {
        schema_object o;
        o.name = name_of(from.name(), "a table", with_namespace);
        o.is_struct = from.is_struct();
        if (o.is_struct) {
            o.align = static_cast<std::uint32_t>(from.minalign());
            o.size = static_cast<std::uint32_t>(from.bytesize());
        }
        if ((fields_ += from.fields()->size()) > schema_limits::fields_max) {
            refuse_schema(
                fmt::format("its tables have more than {} fields", schema_limits::fields_max));
        }
        for (const auto* f : *from.fields()) {
            o.fields.push_back(load_field(*f));
            if (const auto nested = attribute(f->attributes(), "nested_flatbuffer")) {
                nested_.push_back({model_.objects.size(), f->id(),
                                   checked_name(*nested, "a table", with_namespace)});
            }
            if (attribute(f->attributes(), "flexbuffer")) {
                refuse_schema(fmt::format("{}.{} is a flexbuffer, which is not supported", o.name,
                                          o.fields.back().name));
            }
        }
        std::sort(o.fields.begin(), o.fields.end(),
                  [](const auto& a, const auto& b) { return a.id < b.id; });
        model_.objects.push_back(std::move(o));
    }

    schema_field load_field(const reflection::Field& from) const {
        schema_field field;
        field.name = name_of(from.name(), "a field", without_namespace);
        field.type = type_of(*from.type());
        field.id = from.id();
        field.offset = from.offset();
        field.default_integer = from.default_integer();
        field.default_real = from.default_real();
        field.deprecated = from.deprecated();
        // What is deprecated is not written any more, so nobody can require it.
        field.required = from.required() && !from.deprecated();
        const base_type base = field.type.base;
        field.optional = from.optional() && is_scalar(base) && base != base_type::union_type;
        field.key = from.key();
        return field;
    }

    schema::model& model_;
    const reflection::Schema& source_;
    std::size_t objects_ = 0;
    std::size_t enums_ = 0;
    std::size_t fields_ = 0;
    std::size_t values_ = 0;
    std::vector<nested_table> nested_;
};

}  // namespace

schema::model load_model(std::string bfbs) {
    schema::model model;
    model.bytes = std::move(bfbs);
    check_bytes(model.bytes);
    loader from(model);
    from.load();
    check_sound(model);
    from.find_nested();
    return model;
}

}  // namespace idem
