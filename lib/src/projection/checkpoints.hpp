// Rows of a projection as they were at a position, so that a later look at the past need not replay
// the log from its beginning.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idem/store_info.hpp"
#include "projection/runner.hpp"

namespace idem {

inline constexpr std::string_view checkpoints_table = "checkpoints";
inline constexpr std::size_t checkpoints_max = 8;  // of a projection's version

std::vector<checkpoint_info> list_checkpoints(storage::environment& env);

// The rows of `p` after `position` in a scratch environment, from the nearest checkpoint on.
// Replays at most what lies between; `replayed` is how much that was.
struct state_found {
    idem::state rows;
    std::string fingerprint;  // of what made them
    std::uint64_t replayed = 0;
};
state_found find_state_at(const event_source& source, const projection& p, std::uint64_t position,
                          unsigned threads, const watch_work& watch);

// The same, with the place where it is.
struct scratch_rows {
    projection_place place;
    std::string fingerprint;
    std::uint64_t position = 0;
    std::uint64_t replayed = 0;
};
scratch_rows find_scratch_at(const event_source& source, const projection& p,
                             std::uint64_t position, unsigned threads, const watch_work& watch = {},
                             std::uint64_t horizon_ms = limits::horizon_ms);

// Keeps rows that were replayed, where that is wanted.
enum class checkpoint_outcome : std::uint8_t {
    kept,
    too_large,
    busy,               // others keep one
    none_of_canonical,  // an event that came late would have to be put in its place in it
};
checkpoint_outcome save_checkpoint(const event_source& source, const projection& p,
                                   const state_found& made);

void drop_checkpoints(storage::environment& env, std::string_view name, std::uint32_t version);

// Those at or behind a position are not used any more; their rows go with the next that is kept,
// or with clear_dropped_checkpoints().
void drop_checkpoint_entries(storage::write_transaction& txn, storage::table catalog,
                             std::uint64_t first);
void clear_dropped_checkpoints(storage::environment& env);

}  // namespace idem
