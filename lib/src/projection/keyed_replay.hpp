// Folds independent rows on several threads. In rounds: first every thread reads a part of the log
// and finds which rows its events touch; then every thread applies all of them, in the order of the
// log, to the rows of one shard. So a row sees what it would see on one thread, and the digest is
// the same.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "log/canonical_walk.hpp"
#include "log/index.hpp"
#include "projection/canonical_fold.hpp"
#include "projection/catalog.hpp"
#include "projection/row_cache.hpp"
#include "schema/payload_reader.hpp"

namespace idem {

struct replay_source {
    storage::environment& events;
    const log_tables& tables;
    storage::environment& rows;                // maybe the same
    const payload_reader* payloads;            // nullptr: events are given as stored
    const projection_record& record;           // which events it skips
    std::optional<fold_terms> canonical = {};  // of one in canonical order
    const stamp_notes* notes = &no_other_stamps();
    const canonical_walk* walk = nullptr;  // that puts the events in order
};

// Folds the events at first .. last, a thread for each shard of `rows` or as many as the system
// grants, until `enough` says so
// between two rounds, told the position reached. Returns the last position that was folded; nullopt
// if an event failed, and `rows` is then of no use but to be cleared. `p` has keys_of and
// apply_row.
std::optional<std::uint64_t> replay_keyed(const projection& p, const replay_source& source,
                                          row_cache& rows, std::uint64_t first, std::uint64_t last,
                                          const std::function<bool(std::uint64_t)>& enough);

// The same of events that the caller puts in order: `next` gives positions, at most so many at
// once, and none at the end. Returns how many were folded, and whether those were all.
struct folded_list {
    std::uint64_t events = 0;
    bool all = false;
};
using next_positions = std::function<std::vector<std::uint64_t>(std::size_t max)>;
std::optional<folded_list> replay_keyed(const projection& p, const replay_source& source,
                                        row_cache& rows, const next_positions& next,
                                        const std::function<bool(std::uint64_t)>& enough);

// Whether a projection asks for events of this type.
bool handles(const projection& p, std::string_view type);

}  // namespace idem
