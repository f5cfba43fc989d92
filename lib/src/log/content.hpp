// When two events are the same fact.
#pragma once

#include <string_view>

namespace idem {

// application/json, text/json and anything+json, with or without parameters, in either case.
bool is_json_content_type(std::string_view content_type) noexcept;

// The same bytes or, with a JSON content type, the same value.
bool same_data(std::string_view content_type, std::string_view a, std::string_view b);

}  // namespace idem
