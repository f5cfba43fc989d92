// What the sweeps of keys, effects and sagas have in common: bounded steps, one or all.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "session.hpp"

namespace idem::cli {

struct sweep_extent {
    std::string store;
    std::optional<std::uint64_t> limit;  // rows in one commit
    bool all = false;                    // or one step
};

// Throws invalid_input for 0, with which no step would let go of anything.
std::size_t rows_of_a_step(const sweep_extent& extent);

// A hundred years at most.
std::chrono::hours kept_for(std::optional<std::uint64_t> hours, std::chrono::hours usual);

// Makes one step, or all; `step` says whether there may be more, and so does the last of them.
bool sweep_in_steps(const sweep_extent& extent, const std::function<bool()>& step);

// The result of a sweep that lets go of one kind of thing.
void print_swept(std::uint64_t swept, bool more, session& s);
void tell_of_more(bool more, session& s);

}  // namespace idem::cli
