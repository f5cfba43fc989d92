// Rows that two states do not have alike.
#pragma once

#include "idem/state.hpp"
#include "session.hpp"

namespace idem::cli {

// Prints each, and at the end how many there are.
void print_differences(const state& before, const state& after, session& s);

}  // namespace idem::cli
