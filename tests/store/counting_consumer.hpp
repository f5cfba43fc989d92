// A consumer whose state counts events, and would show one that came twice.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "idem/store.hpp"
#include "sample_events.hpp"

inline idem::event typed(std::uint64_t number, const std::string& type,
                         const std::string& stream = "stream") {
    auto e = numbered_event(number, stream);
    e.type = type;
    return e;
}

inline std::string counted(const std::string& state, const idem::consumer_batch& batch) {
    const std::uint64_t before = state.empty() ? 0 : std::stoull(state);
    return std::to_string(before + batch.events.size());
}

// Advances over all that is there; how many batches that took.
inline int drain(idem::store& store, const std::string& name, std::size_t limit = 0) {
    int batches = 0;
    for (;;) {
        const auto batch = store.consumers().next(name, limit);
        if (batch.events.empty()) return batches;
        REQUIRE(store.consumers().advance(batch, counted(batch.state, batch)).accepted());
        ++batches;
    }
}
