// What somebody may have meant who wrote something else.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idem/error.hpp"

namespace idem::cli {

// The known words that begin with it; else those that take the fewest changed letters, where these
// are few enough to be a slip. Of equally near ones all, as none is more likely.
std::vector<std::string> nearest(std::string_view written, const std::vector<std::string>& known);

// For a value of an option that is none of the known ones; says which may have been meant.
error no_such_value(std::string_view option, std::string_view written,
                    const std::vector<std::string>& known);

// The value of --state among those from `first` to `last`; nullopt where none is asked for.
template <class State, class Parse>
std::optional<State> parse_state(std::string_view written, Parse&& parse, State first, State last) {
    if (written.empty()) return std::nullopt;
    if (const std::optional<State> state = parse(written)) return state;
    std::vector<std::string> known;
    for (int i = static_cast<int>(first); i <= static_cast<int>(last); ++i) {
        known.emplace_back(to_string(static_cast<State>(i)));
    }
    throw no_such_value("--state", written, known);
}

}  // namespace idem::cli
