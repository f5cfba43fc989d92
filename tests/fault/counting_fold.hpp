// The projection that victims and tests run: how many events each stream has, and the sum of their
// numbers.
#pragma once

#include <cstdint>
#include <string>

#include "idem/keyed_fold.hpp"

struct stream_count {
    std::uint64_t events = 0;
    std::uint64_t last_position = 0;
    friend bool operator==(const stream_count&, const stream_count&) = default;
};

inline auto counting_fold() {
    return idem::keyed_fold<std::string, stream_count>("counts").on(
        "Happened", [](const idem::event_view& e) { return std::string(e.stream()); },
        [](stream_count row, const idem::event_view& e) {
            ++row.events;
            row.last_position = e.position();
            return row;
        });
}
