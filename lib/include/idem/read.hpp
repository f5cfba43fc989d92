// Which events to read, and in which order.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "idem/event.hpp"

namespace idem {

enum class direction : std::uint8_t { forwards, backwards };

// By position; or by stamp, the least that is known of the event up to `to`, and then by id, which
// is the same order in every store that holds the same events.
enum class event_order : std::uint8_t { arrival, canonical };

// A selection of the log: every condition given must hold. `stream` is answered from the index of
// streams, and without it `tags` from the index of tags; the other conditions by looking at each
// event that these lead to, or of the position range.
struct query {
    std::uint64_t from = 1;                                        // lowest position, inclusive
    std::uint64_t to = std::numeric_limits<std::uint64_t>::max();  // highest position, inclusive
    std::optional<std::string> stream = {};
    std::uint64_t from_revision = 0;      // lowest revision; only together with `stream`
    std::vector<std::string> types = {};  // any of these; empty: every type
    std::vector<std::string> tags = {};   // all of these
    std::optional<std::string> correlation_id = {};
    std::optional<timestamp> since = {};  // event time at or after
    std::optional<timestamp> until = {};  // event time before
    idem::direction direction = direction::forwards;
    // Canonical: forwards alone, by store::read() alone, and of all events up to `to` the places
    // are looked for first, whatever else is selected.
    event_order order = event_order::arrival;
    std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();  // events at most

    bool matches(const event_view& event) const noexcept;  // all but range, direction and limit
};

struct event_page {
    std::vector<recorded_event> events = {};
    std::optional<query> next = {};  // nullopt: nothing is left at this time
};

}  // namespace idem
