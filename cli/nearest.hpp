// What somebody may have meant who wrote something else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace idem::cli {

// The known words that begin with it; else those that take the fewest changed letters, where these
// are few enough to be a slip. Of equally near ones all, as none is more likely.
std::vector<std::string> nearest(std::string_view written, const std::vector<std::string>& known);

}  // namespace idem::cli
