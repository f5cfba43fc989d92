// What FlatBuffers' compiler would not have let through, a hostile schema may hold: told from a
// sound one here, so that nobody behind has to ask.
#include "schema/sound.hpp"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <limits>
#include <set>

#include "idem/error.hpp"

namespace idem {
namespace {

// Of its bits, as a schema holds it; an unsigned 64-bit number has no others.
bool fits(base_type base, std::int64_t number) noexcept {
    if (base == base_type::boolean) return number == 0 || number == 1;
    const unsigned width = 8 * size_of(base);
    if (width == 64) return true;
    if (is_signed(base)) {
        const std::int64_t max = (std::int64_t{1} << (width - 1)) - 1;
        return number >= -max - 1 && number <= max;
    }
    return number >= 0 && number < std::int64_t{1} << width;
}

base_type held_by(const field_type& t) noexcept {
    return t.base == base_type::vector || t.base == base_type::array ? t.element : t.base;
}

class soundness {
public:
    explicit soundness(const schema::model& model) : model_(model) {}

    void check() const {
        check_names();
        for (const schema_object& o : model_.objects) check_object(o);
        for (const schema_enum& e : model_.enums) check_enum(e);
        check_struct_depth();
        for (const schema_object& o : model_.objects) {
            if (o.is_struct) check_layout(o);
        }
        const schema_object* root = model_.find_object(model_.root);
        if (!model_.root.empty() && (!root || root->is_struct)) {
            refuse_schema("its root is no table of it");
        }
    }

private:
    void check_names() const {
        std::set<std::string_view> names;
        for (const auto& o : model_.objects) {
            if (!names.insert(o.name).second) refuse_schema(o.name + " is in it twice");
        }
        for (const auto& e : model_.enums) {
            if (!names.insert(e.name).second) refuse_schema(e.name + " is in it twice");
        }
    }

    void check_enum(const schema_enum& e) const {
        if (e.is_union != (e.underlying == base_type::union_type) || !is_integer(e.underlying)) {
            refuse_schema(e.name + " is of something else than numbers");
        }
        std::set<std::string_view> names;
        std::set<std::int64_t> numbers;
        for (const enum_value& v : e.values) {
            const std::string where = fmt::format("{}.{}", e.name, v.name);
            if (!names.insert(v.name).second) refuse_schema(where + " is in it twice");
            if (!numbers.insert(v.value).second)
                refuse_schema(where + " has the number of another");
            if (!fits(e.underlying, v.value)) refuse_schema(where + " has too large a number");
            if (e.bit_flags && !std::has_single_bit(static_cast<std::uint64_t>(v.value))) {
                refuse_schema(where + " is a flag of more or less than one bit");
            }
            const base_type member = v.member.base;
            const bool can_be = member == base_type::object || member == base_type::text ||
                                (member == base_type::none && v.value == 0);
            if (e.is_union && !can_be) {
                refuse_schema(where + " is a member that is neither table, struct nor text");
            }
        }
        const enum_value* none = e.find(std::int64_t{0});
        if (e.is_union && (!none || none->member.base != base_type::none)) {
            refuse_schema(e.name + " is a union without NONE");
        }
    }

    void check_object(const schema_object& o) const {
        if (!o.is_struct && o.fields.size() > schema_limits::table_fields_max) {
            refuse_schema(
                fmt::format("{} has more than {} fields", o.name, schema_limits::table_fields_max));
        }
        std::set<std::string_view> names;
        for (std::size_t i = 0; i < o.fields.size(); ++i) {
            const schema_field& f = o.fields[i];
            const std::string where = fmt::format("{}.{}", o.name, f.name);
            if (!names.insert(f.name).second) refuse_schema(where + " is in it twice");
            if (f.id != i) refuse_schema(where + " leaves a gap between the ids of the fields");
            check_enum_of(f, where);
            if (o.is_struct) {
                check_struct_field(f, where);
            } else {
                check_table_field(o, f, where);
            }
        }
    }

    void check_enum_of(const schema_field& f, const std::string& where) const {
        if (f.type.enumeration == no_index) return;
        const schema_enum& e = model_.enums[f.type.enumeration];
        const base_type held = held_by(f.type);
        if (e.is_union != (held == base_type::union_value || held == base_type::union_type)) {
            refuse_schema(where + " names no union");
        }
        if (!e.is_union && e.underlying != held) {
            refuse_schema(where + " is of another type than its enum");
        }
    }

    static void check_struct_field(const schema_field& f, const std::string& where) {
        const base_type held = f.type.base == base_type::array ? f.type.element : f.type.base;
        if ((!is_scalar(held) && held != base_type::object) || held == base_type::union_type) {
            refuse_schema(where + " is of a type that structs cannot hold");
        }
        if (f.type.base == base_type::array && f.type.length == 0) {
            refuse_schema(where + " has no length");
        }
    }

    static void check_table_field(const schema_object& o, const schema_field& f,
                                  const std::string& where) {
        if (f.offset != 4 + 2 * f.id) refuse_schema(where + " is not where its id says");
        const field_type& t = f.type;
        if (t.base == base_type::none || t.base == base_type::array) {
            refuse_schema(where + " is of a type that tables cannot hold");
        }
        if (f.required && is_scalar(t.base)) {
            refuse_schema(where + " is required, which numbers cannot be");
        }
        check_default(f, where);
        if (held_by(t) != base_type::union_value) return;
        const bool typed = f.id > 0 && is_type_of(o.fields[f.id - 1], f);
        if (!typed) {
            refuse_schema(where + " is a union without the field that says which member it is");
        }
    }

    static void check_default(const schema_field& f, const std::string& where) {
        const base_type base = f.type.base;
        bool can_be = true;
        if (base == base_type::float32) {
            can_be = !std::isfinite(f.default_real) ||
                     std::abs(f.default_real) <= std::numeric_limits<float>::max();
        } else if (base == base_type::union_type) {
            can_be = f.default_integer == 0;
        } else if (is_scalar(base) && !is_real(base)) {
            can_be = fits(base, f.default_integer);
        }
        if (!can_be) refuse_schema(where + " has a default that its type cannot hold");
    }

    static bool is_type_of(const schema_field& type, const schema_field& value) {
        const field_type& t = type.type;
        return held_by(t) == base_type::union_type && t.enumeration == value.type.enumeration &&
               (t.base == base_type::vector) == (value.type.base == base_type::vector);
    }

    // Structs must end: one that holds itself would not.
    void check_struct_depth() const {
        std::vector<std::size_t> depth(model_.objects.size(), 0);
        for (bool changed = true; changed;) {
            changed = false;
            for (std::size_t i = 0; i < model_.objects.size(); ++i) {
                if (!model_.objects[i].is_struct) continue;
                for (const schema_field& f : model_.objects[i].fields) {
                    if (f.type.object == no_index || depth[f.type.object] < depth[i]) continue;
                    depth[i] = depth[f.type.object] + 1;
                    changed = true;
                    if (depth[i] < schema_limits::depth_max) continue;
                    refuse_schema(model_.objects[i].name + " has structs too deep in one another");
                }
            }
        }
    }

    // Its fields behind one another, aligned, and nothing behind them: a size of which no field has
    // need would be given out by the gigabyte.
    void check_layout(const schema_object& o) const {
        if (o.size > schema_limits::struct_bytes_max || !std::has_single_bit(o.align) ||
            o.align > schema_limits::struct_align_max) {
            refuse_schema(fmt::format("{} has {} bytes, aligned to {}; structs may have {}, and {}",
                                      o.name, o.size, o.align, schema_limits::struct_bytes_max,
                                      schema_limits::struct_align_max));
        }
        std::uint64_t end = 0;
        for (const schema_field& f : o.fields) {
            const base_type held = held_by(f.type);
            std::uint64_t size = size_of(held);
            std::uint64_t align = size;
            if (held == base_type::object) {
                const schema_object& inner = model_.objects[f.type.object];
                if (!inner.is_struct) refuse_schema(o.name + " is a struct that holds a table");
                size = inner.size;
                align = inner.align;
            }
            if (f.type.base == base_type::array) size *= f.type.length;
            if (f.offset < end || align == 0 || f.offset % align != 0 || o.align % align != 0) {
                refuse_schema(fmt::format("{}.{} is not where it can be", o.name, f.name));
            }
            end = f.offset + size;
        }
        if (end == 0 || o.size != (end + o.align - 1) / o.align * o.align) {
            refuse_schema(o.name + " has a size that cannot be");
        }
    }

    const schema::model& model_;
};

}  // namespace

void refuse_schema(std::string_view why) {
    throw error(errc::invalid_input, fmt::format("the schema is not sound: {}", why),
                {.field = "schema"});
}

void check_sound(const schema::model& model) {
    soundness(model).check();
}

}  // namespace idem
