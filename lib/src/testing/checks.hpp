// The checks of one store: is the fold pure, do its two forms agree, are its upcasters pure.
#pragma once

#include <string>
#include <vector>

#include "idem/testing.hpp"

namespace idem::testing {

// What is wrong, and with which rows; an empty message: nothing.
struct fault {
    finding_kind kind = finding_kind::impure;
    std::string message = {};
    std::vector<differing_row> rows = {};
};

// Replays the log of `from` in a process of its own, here, and here after the handlers have seen
// the events in another order, each in another world.
fault check_pure(const store& from, const projection& p, bool processes);

// Folds by apply(), and beside it by keys_of() and apply_row(), event by event.
fault check_rows(const store& from, const projection& p);

// Calls each upcaster on each event there and back, each time twice.
fault check_upcasters(const store& from, const projection& p);

}  // namespace idem::testing
