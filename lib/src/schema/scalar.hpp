// Scalars from JSON: the bytes of a number, a name of an enumeration, true or false.
#pragma once

#include <string>
#include <string_view>

#include "base/json.hpp"
#include "schema/model.hpp"

namespace idem {

struct raw_value {
    json::kind kind = json::kind::null;
    std::string_view text;  // checked JSON
};

struct unfit_value {
    std::string why;
};

template <class T>
std::string bytes_of(T value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

// As they lie in a payload. `named` is the enumeration that the scalar is of, or nullptr. Throws
// unfit_value.
std::string read_scalar(base_type base, const schema_enum* named, const raw_value& value);

// "is a list where it must be text"
std::string says_wrong_kind(json::kind given, json::kind wanted);

}  // namespace idem
