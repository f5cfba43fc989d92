// From a compiled schema to the model. A hostile file is told from a sound one here, and nowhere
// behind.
#include <flatbuffers/reflection_generated.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "schema/model.hpp"

namespace idem {
namespace {

[[noreturn]] void refuse(std::string_view what) {
    throw error(errc::invalid_input,
                fmt::format("the compiled schema is no sound one: {}; make it anew with `flatc "
                            "--binary --schema`",
                            what),
                {.field = "schema"});
}

std::string name_of(const flatbuffers::String* name, std::string_view what) {
    if (!name || name->size() == 0 || name->size() > limits::name_bytes_max) {
        refuse(fmt::format("a name of {} is empty, or longer than {} bytes", what,
                           limits::name_bytes_max));
    }
    const std::string_view text = name->string_view();
    if (text::invalid_utf8(text) || text::has_control(text)) {
        refuse(fmt::format("{} is no name of {}", text::shown(text), what));
    }
    return std::string(text);
}

template <class Attributes>
std::string attribute(const Attributes* attributes, std::string_view key) {
    if (!attributes) return {};
    for (const auto* a : *attributes) {
        if (a->key()->string_view() != key) continue;
        return a->value() ? a->value()->str() : std::string("0");
    }
    return {};
}

class loader {
public:
    explicit loader(schema::model& model) : model_(model) {}

    void load() {
        const std::string& bytes = model_.bytes;
        if (bytes.size() > schema_limits::bfbs_bytes_max) {
            refuse(fmt::format("it has {} bytes, the limit is {}", bytes.size(),
                               schema_limits::bfbs_bytes_max));
        }
        flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                       bytes.size());
        if (bytes.size() < 16 || !reflection::VerifySchemaBuffer(verifier)) {
            refuse("its bytes are not those of one");
        }
        source_ = reflection::GetSchema(bytes.data());
        objects_ = source_->objects()->size();
        enums_ = source_->enums()->size();
        if (objects_ > schema_limits::objects_max || enums_ > schema_limits::objects_max) {
            refuse("it has more types than there may be");
        }
        for (const auto* e : *source_->enums()) load_enum(*e);
        for (const auto* o : *source_->objects()) load_object(*o);
        check_names();
        for (const schema_object& o : model_.objects) check_object(o);
        for (const schema_enum& e : model_.enums) check_enum(e);
        check_struct_sizes();
        if (source_->root_table()) model_.root = name_of(source_->root_table()->name(), "a table");
        if (source_->file_ident()) model_.file_identifier = source_->file_ident()->str();
    }

private:
    static base_type base_of(reflection::BaseType type) {
        if (type < reflection::None || type >= reflection::MaxBaseType) {
            refuse(fmt::format("it has a type {} that is not known", static_cast<int>(type)));
        }
        return static_cast<base_type>(type);
    }

    field_type type_of(const reflection::Type* from) const {
        if (!from) refuse("a type is missing");
        field_type type;
        type.base = base_of(from->base_type());
        type.element = base_of(from->element());
        type.length = from->fixed_length();
        const bool list = type.base == base_type::vector || type.base == base_type::array;
        if (!list) type.element = base_type::none;
        const base_type held = list ? type.element : type.base;
        const std::int32_t index = from->index();
        if (held == base_type::object) {
            if (index < 0 || static_cast<std::size_t>(index) >= objects_) {
                refuse("a field's table is not in it");
            }
            type.object = static_cast<std::size_t>(index);
        } else if (index >= 0) {
            if (static_cast<std::size_t>(index) >= enums_) refuse("a field's enum is not in it");
            type.enumeration = static_cast<std::size_t>(index);
        }
        const bool union_part = held == base_type::union_value || held == base_type::union_type;
        if (union_part && type.enumeration == no_index) refuse("a union names no members");
        if (list &&
            (held == base_type::vector || held == base_type::array || held == base_type::none)) {
            refuse("a list holds something that lists cannot hold");
        }
        return type;
    }

    void load_enum(const reflection::Enum& from) {
        schema_enum e;
        e.name = name_of(from.name(), "an enum");
        e.is_union = from.is_union();
        e.underlying = base_of(from.underlying_type()->base_type());
        if (!is_integer(e.underlying))
            refuse(e.name + " is an enum of something else than numbers");
        e.bit_flags = !attribute(from.attributes(), "bit_flags").empty();
        if ((values_ += from.values()->size()) > schema_limits::values_max) {
            refuse("its enums have more values than there may be");
        }
        for (const auto* v : *from.values()) {
            enum_value value{name_of(v->name(), "a value"), v->value(), {}};
            if (e.is_union && v->union_type()) value.member = type_of(v->union_type());
            e.values.push_back(std::move(value));
        }
        model_.enums.push_back(std::move(e));
    }

    void load_object(const reflection::Object& from) {
        schema_object o;
        o.name = name_of(from.name(), "a table");
        o.is_struct = from.is_struct();
        if (from.minalign() < 1 || from.minalign() > 256 || from.bytesize() < 0) {
            refuse(o.name + " has a size that cannot be");
        }
        o.align = static_cast<std::uint32_t>(from.minalign());
        o.size = static_cast<std::uint32_t>(from.bytesize());
        if ((fields_ += from.fields()->size()) > schema_limits::fields_max) {
            refuse("its tables have more fields than there may be");
        }
        for (const auto* f : *from.fields()) {
            schema_field field;
            field.name = name_of(f->name(), "a field");
            field.type = type_of(f->type());
            field.id = f->id();
            field.offset = f->offset();
            field.default_integer = f->default_integer();
            field.default_real = f->default_real();
            field.deprecated = f->deprecated();
            field.required = f->required();
            field.optional = f->optional() && is_scalar(field.type.base);
            field.key = f->key();
            field.nested = attribute(f->attributes(), "nested_flatbuffer");
            if (!attribute(f->attributes(), "flexbuffer").empty()) {
                refuse(fmt::format("{}.{} is a flexbuffer, which is not supported", o.name,
                                   field.name));
            }
            o.fields.push_back(std::move(field));
        }
        std::sort(o.fields.begin(), o.fields.end(),
                  [](const auto& a, const auto& b) { return a.id < b.id; });
        model_.objects.push_back(std::move(o));
    }

    void check_names() const {
        std::set<std::string_view> names;
        for (const auto& o : model_.objects) {
            if (!names.insert(o.name).second) refuse(o.name + " is in it twice");
        }
        for (const auto& e : model_.enums) {
            if (!names.insert(e.name).second) refuse(e.name + " is in it twice");
        }
    }

    void check_enum(const schema_enum& e) const {
        std::set<std::string_view> names;
        for (const enum_value& v : e.values) {
            if (!names.insert(v.name).second) refuse(e.name + " has a value twice");
            const base_type member = v.member.base;
            if (e.is_union && member != base_type::none && member != base_type::object &&
                member != base_type::text) {
                refuse(e.name + " is a union of something else than tables and texts");
            }
        }
        const bool starts_with_none = !e.values.empty() && e.values.front().value == 0 &&
                                      e.values.front().member.base == base_type::none;
        if (e.is_union && !starts_with_none) refuse(e.name + " is a union without NONE");
    }

    void check_object(const schema_object& o) const {
        std::set<std::string_view> names;
        for (std::size_t i = 0; i < o.fields.size(); ++i) {
            const schema_field& f = o.fields[i];
            const std::string where = fmt::format("{}.{}", o.name, f.name);
            if (!names.insert(f.name).second) refuse(where + " is in it twice");
            if (f.id != i) refuse(where + " leaves a gap between the ids of the fields");
            if (o.is_struct) {
                check_struct_field(f, where);
            } else {
                check_table_field(o, f, where);
            }
        }
    }

    static void check_struct_field(const schema_field& f, const std::string& where) {
        const base_type held = f.type.base == base_type::array ? f.type.element : f.type.base;
        if (!is_scalar(held) && held != base_type::object) {
            refuse(where + " is of a type that structs cannot hold");
        }
        if (held == base_type::union_type) refuse(where + " is of a type that structs cannot hold");
        if (f.type.base == base_type::array && f.type.length == 0) refuse(where + " has no length");
    }

    void check_table_field(const schema_object& o, const schema_field& f,
                           const std::string& where) const {
        if (f.offset != 4 + 2 * f.id) refuse(where + " is not where its id says");
        const field_type& t = f.type;
        if (t.base == base_type::none || t.base == base_type::array) {
            refuse(where + " is of a type that tables cannot hold");
        }
        const base_type held = t.base == base_type::vector ? t.element : t.base;
        if (t.enumeration != no_index && is_scalar(held) &&
            model_.enums[t.enumeration].underlying != held && held != base_type::union_type) {
            refuse(where + " is of another type than its enum");
        }
        if (held == base_type::union_value || held == base_type::union_type) {
            if (!model_.enums[t.enumeration].is_union) refuse(where + " names no union");
        }
        if (held != base_type::union_value) return;
        const bool typed = f.id > 0 && type_field_of(o.fields[f.id - 1], f);
        if (!typed) refuse(where + " is a union without the field that says which member it is");
    }

    static bool type_field_of(const schema_field& type, const schema_field& value) {
        const field_type& t = type.type;
        const base_type held = t.base == base_type::vector ? t.element : t.base;
        return held == base_type::union_type && t.enumeration == value.type.enumeration &&
               (t.base == base_type::vector) == (value.type.base == base_type::vector);
    }

    // Fields of structs must lie behind one another, and structs must end: one that holds itself
    // would not.
    void check_struct_sizes() const {
        std::vector<std::size_t> depth(model_.objects.size(), 0);
        for (std::size_t pass = 0; pass <= schema_limits::depth_max; ++pass) {
            bool changed = false;
            for (std::size_t i = 0; i < model_.objects.size(); ++i) {
                const schema_object& o = model_.objects[i];
                if (!o.is_struct) continue;
                for (const schema_field& f : o.fields) {
                    if (f.type.object == no_index) continue;
                    const std::size_t needed = depth[f.type.object] + 1;
                    if (needed > depth[i]) {
                        depth[i] = needed;
                        changed = true;
                    }
                }
            }
            if (!changed) break;
            if (pass == schema_limits::depth_max) refuse("structs lie too deep in one another");
        }
        for (const schema_object& o : model_.objects) {
            if (o.is_struct) check_layout(o);
        }
    }

    void check_layout(const schema_object& o) const {
        std::uint64_t end = 0;
        for (const schema_field& f : o.fields) {
            const bool list = f.type.base == base_type::array;
            const base_type held = list ? f.type.element : f.type.base;
            std::uint64_t size = size_of(held);
            std::uint64_t align = size;
            if (held == base_type::object) {
                const schema_object& inner = model_.objects[f.type.object];
                if (!inner.is_struct) refuse(o.name + " is a struct that holds a table");
                size = inner.size;
                align = inner.align;
            }
            if (list) size *= f.type.length;
            if (f.offset < end || f.offset % align != 0 || o.align % align != 0) {
                refuse(fmt::format("{}.{} is not where it can be", o.name, f.name));
            }
            end = f.offset + size;
        }
        if (end > o.size || o.size % o.align != 0 || o.fields.empty()) {
            refuse(o.name + " has a size that cannot be");
        }
    }

    schema::model& model_;
    const reflection::Schema* source_ = nullptr;
    std::size_t objects_ = 0;
    std::size_t enums_ = 0;
    std::size_t fields_ = 0;
    std::size_t values_ = 0;
};

}  // namespace

schema::model load_model(std::string bfbs) {
    schema::model model;
    model.bytes = std::move(bfbs);
    loader(model).load();
    return model;
}

}  // namespace idem
