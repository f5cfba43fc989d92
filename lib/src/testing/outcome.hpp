// What became of a projection: its rows, or why there are none.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "idem/testing.hpp"

namespace idem::testing {

struct outcome {
    std::string failure = {};  // of the handler; empty while all is well
    state_digest digest = {};
    std::map<std::string, std::string> rows = {};  // bounded; the digest is of all

    // Two that failed are alike: which event a handler met first is a matter of the order.
    bool same_as(const outcome& other) const noexcept {
        return failure.empty() == other.failure.empty() &&
               (!failure.empty() || digest == other.digest);
    }
};

outcome outcome_of(const state& rows);

// As bytes for another process, and back; of very many rows the first.
std::string encode(const outcome& o);
outcome decode_outcome(std::string_view in);

std::vector<differing_row> differing_rows(const projection& p, const outcome& wanted,
                                          const outcome& found);

}  // namespace idem::testing
