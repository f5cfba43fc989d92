#include "schema/model.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "idem/error.hpp"

namespace idem {
namespace {

template <class Range>
auto find_named(const Range& range, std::string_view name) noexcept -> decltype(&*range.begin()) {
    const auto found = std::find_if(range.begin(), range.end(),
                                    [name](const auto& entry) { return entry.name == name; });
    return found == range.end() ? nullptr : &*found;
}

}  // namespace

const schema_field* schema_object::find(std::string_view field) const noexcept {
    return find_named(fields, field);
}

const enum_value* schema_enum::find(std::int64_t value) const noexcept {
    const auto found = std::find_if(values.begin(), values.end(),
                                    [value](const auto& v) { return v.value == value; });
    return found == values.end() ? nullptr : &*found;
}

const enum_value* schema_enum::find(std::string_view value) const noexcept {
    return find_named(values, value);
}

const schema_object* schema::model::find_object(std::string_view name) const noexcept {
    return find_named(objects, name);
}

const schema_enum* schema::model::find_enum(std::string_view name) const noexcept {
    return find_named(enums, name);
}

const schema_object& schema::model::table(std::string_view name) const {
    const schema_object* found = find_object(name);
    if (found && !found->is_struct) return *found;
    throw error(errc::invalid_input, fmt::format("the schema has no table {}", text::shown(name)),
                {.field = "type"});
}

std::uint32_t size_of(base_type type) noexcept {
    switch (type) {
        case base_type::union_type:
        case base_type::boolean:
        case base_type::int8:
        case base_type::uint8:
            return 1;
        case base_type::int16:
        case base_type::uint16:
            return 2;
        case base_type::int32:
        case base_type::uint32:
        case base_type::float32:
            return 4;
        case base_type::int64:
        case base_type::uint64:
        case base_type::float64:
            return 8;
        default:
            return 0;
    }
}

bool is_real(base_type type) noexcept {
    return type == base_type::float32 || type == base_type::float64;
}

bool is_signed(base_type type) noexcept {
    return type == base_type::int8 || type == base_type::int16 || type == base_type::int32 ||
           type == base_type::int64;
}

bool is_scalar(base_type type) noexcept {
    return size_of(type) != 0;
}

bool is_integer(base_type type) noexcept {
    return is_scalar(type) && !is_real(type) && type != base_type::boolean;
}

}  // namespace idem
