// What somebody may have meant who wrote something else.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace idem::cli {

// The known word that takes the fewest changed letters, where these are few enough to be a slip.
std::optional<std::string> nearest(std::string_view written, const std::vector<std::string>& known);

}  // namespace idem::cli
