// Projections written as JSON; PROJECTIONS.md describes the language.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "idem/projection.hpp"

namespace idem::cli {

struct json_projection {
    projection fold;
    // Why the order of events matters for the rows; empty: it does not.
    std::vector<std::string> order_reasons;
};

// Throws invalid_input that names `origin`, the JSON pointer concerned and the remedy.
json_projection parse_json_projection(std::string text, const std::string& origin);
json_projection read_json_projection(const std::string& file_name);

// Whether two definitions mean the same, whatever their white space and order of members.
bool same_definition(std::string_view a, std::string_view b);

}  // namespace idem::cli
