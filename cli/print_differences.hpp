// Rows that two states do not have alike.
#pragma once

#include <optional>
#include <string>

#include "idem/state.hpp"
#include "session.hpp"

namespace idem::cli {

// Prints each, or that of one key, and at the end how many there are.
void print_differences(const state& before, const state& after,
                       const std::optional<std::string>& key, session& s);

}  // namespace idem::cli
