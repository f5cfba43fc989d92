#include "schema/model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/text.hpp"
#include "idem/error.hpp"

namespace idem {
namespace {

template <class Entry, class Key>
sorted_places sort_by(const std::vector<Entry>& entries, Key Entry::*key) {
    sorted_places places(entries.size());
    std::iota(places.begin(), places.end(), 0U);
    std::stable_sort(places.begin(), places.end(), [&](std::uint32_t a, std::uint32_t b) {
        return entries[a].*key < entries[b].*key;
    });
    return places;
}

template <class Entry, class Key, class Wanted>
const Entry* find_by(const std::vector<Entry>& entries, const sorted_places& places,
                     Key Entry::*key, const Wanted& wanted) noexcept {
    const auto at = std::lower_bound(
        places.begin(), places.end(), wanted,
        [&](std::uint32_t place, const Wanted& than) { return entries[place].*key < than; });
    return at == places.end() || entries[*at].*key != wanted ? nullptr : &entries[*at];
}

}  // namespace

const schema_field* schema_object::find(std::string_view field) const noexcept {
    return find_by(fields, by_name, &schema_field::name, field);
}

const enum_value* schema_enum::find(std::int64_t value) const noexcept {
    return find_by(values, by_number, &enum_value::value, value);
}

const enum_value* schema_enum::find(std::string_view value) const noexcept {
    return find_by(values, by_name, &enum_value::name, value);
}

const schema_object* schema::model::find_object(std::string_view name) const noexcept {
    return find_by(objects, objects_by_name, &schema_object::name, name);
}

const schema_enum* schema::model::find_enum(std::string_view name) const noexcept {
    return find_by(enums, enums_by_name, &schema_enum::name, name);
}

void schema::model::sort_places() {
    for (schema_object& o : objects) o.by_name = sort_by(o.fields, &schema_field::name);
    for (schema_enum& e : enums) {
        e.by_name = sort_by(e.values, &enum_value::name);
        e.by_number = sort_by(e.values, &enum_value::value);
    }
    objects_by_name = sort_by(objects, &schema_object::name);
    enums_by_name = sort_by(enums, &schema_enum::name);
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
