// Counts of events by stream, each version by another factor.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "error_code.hpp"
#include "idem/keyed_fold.hpp"
#include "idem/store.hpp"
#include "sample_events.hpp"

inline auto counts(std::uint32_t version = 1, std::string code = {}) {
    return idem::keyed_fold<std::string, std::uint64_t>("counts", version)
        .on(
            "Numbered", [](const idem::event_view& e) { return std::string(e.stream()); },
            [version](std::uint64_t n, const idem::event_view&) { return n + version; })
        .code(std::move(code));
}

inline idem::event counted(std::uint64_t number, std::uint64_t streams = 7) {
    idem::event e = numbered_event(number, "s" + std::to_string(number % streams));
    e.type = "Numbered";
    return e;
}

inline void append_some(idem::store& store, std::uint64_t first, std::uint64_t count,
                        std::uint64_t streams = 7) {
    std::vector<idem::event> batch;
    for (std::uint64_t i = first; i < first + count; ++i) batch.push_back(counted(i, streams));
    REQUIRE(store.append(batch).accepted());
}
