// Payloads by their schema alone: checked, printed as JSON, and made of JSON.
#pragma once

#include <string>
#include <string_view>

#include "schema/model.hpp"

namespace idem {

// All throw invalid_input that names the field.
void check_payload(const schema::model& model, const schema_object& root, std::string_view payload);
std::string print_payload(const schema::model& model, const schema_object& root,
                          std::string_view payload);
std::string build_payload(const schema::model& model, const schema_object& root,
                          std::string_view json);

}  // namespace idem
