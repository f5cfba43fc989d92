// Whether the model of a schema is one that all the rest can rely on.
#pragma once

#include <string_view>

#include "schema/model.hpp"

namespace idem {

// Throws invalid_input.
[[noreturn]] void refuse_schema(std::string_view why);

// Throws as refuse_schema() does. Requires that every index of a type is within the model.
void check_sound(const schema::model& model);

}  // namespace idem
