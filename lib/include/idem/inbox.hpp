// The inbox: events of foreign sources, which deliver at least once and number what they deliver.
// What is taken in and how far that was is one commit; see consumers::ingest().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idem/append.hpp"
#include "idem/event.hpp"

namespace idem {

enum class ingest_outcome : std::uint8_t {
    accepted,      // the events and the source's position are on disk
    duplicate,     // the position is not beyond the last; every event is in the log, or was erased
    stale,         // likewise, and an event is not: it came out of order, or the source began anew
    gap,           // it follows a position that has not come yet
    not_appended,  // its events were rejected (see `rejection`)
};
std::string_view to_string(ingest_outcome outcome) noexcept;  // "not_appended"

struct ingest_options {
    // The position that the source gave before this one. Without it a position may follow the last
    // by any distance, as the offsets of a broker do that compacts its log; and then two callers at
    // once may not take in the same source, for the later one would hide the earlier.
    std::optional<std::uint64_t> after = {};
    // Events of senders that name none are named by source, position and place in the batch,
    // whatever id they bear, so that a redelivery bears the same.
    bool name_events = false;
};

struct ingest_answer {
    ingest_outcome outcome = ingest_outcome::accepted;
    std::optional<std::uint64_t> last = {};  // the source's position in the store, after this
    // Of each event; for one that is known the original. Of a duplicate and of what is stale
    // likewise, position 0 where the event is not in the log. Of other outcomes none. Data that was
    // erased does not come back: it is gone past, with the outcome `erased`, and position 0 where
    // it was erased before it came.
    std::vector<receipt> receipts = {};
    std::optional<idem::rejection> rejection = {};

    // What was delivered is in the store, by now or before: it can be acknowledged.
    bool taken() const noexcept {
        return outcome == ingest_outcome::accepted || outcome == ingest_outcome::duplicate;
    }
};

struct source_info {
    std::string name;
    std::optional<std::uint64_t> position;  // nullopt: set so by a person, to begin anew
    std::uint64_t deliveries = 0;           // that were accepted
    std::uint64_t events = 0;               // in them, duplicates counted, erased ones not
    timestamp ingested;                     // the last of them
    std::string reason;                     // why a person has set the position last
};

}  // namespace idem
