// Doing what a schedule says.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "testing/checks.hpp"
#include "testing/outcome.hpp"

namespace idem::testing {

// What events give that are delivered once, in the order given, in one batch. Computed once for
// each order that is asked for.
class expectations {
public:
    expectations(const projection& p, const scenario& s) : projection_(p), scenario_(s) {}
    const outcome& of(const std::vector<std::size_t>& numbers);
    // The same, folded by a process of its own: no handler is called in this one.
    void know_from_child(const std::vector<std::size_t>& numbers);

private:
    const projection& projection_;
    const scenario& scenario_;
    std::map<std::vector<std::size_t>, outcome> known_;
};

struct delivery_counts {
    std::size_t deliveries = 0;
    std::size_t crashes = 0;
};

// Throws invalid_input where a step names a store or an event that is not there.
fault deliver(const projection& p, const scenario& s, const schedule& steps, bool processes,
              expectations& expected, delivery_counts& counts);

// The same in a process of its own, so that every run finds the program as the first one did, and a
// handler that ends its process ends no other.
fault deliver_in_child(const projection& p, const scenario& s, const schedule& steps,
                       expectations& expected, delivery_counts& counts);

}  // namespace idem::testing
