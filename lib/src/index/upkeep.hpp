// How an index grows: the tail is written out as a run of level 0 whenever it is long enough, and
// four adjacent runs of a level are merged into one of the next, a chunk at a time, so that no
// commit stalls. Everything happens in the write transaction of an append.
#pragma once

#include <cstdint>

#include "index/chains.hpp"
#include "index/manifest.hpp"
#include "index/tail.hpp"

namespace idem::index {

inline constexpr std::uint32_t default_chunk_entries = 1 << 16;

// Makes an empty index within a new table of integer keys.
void create(storage::write_transaction& txn, storage::table t, std::uint64_t seed,
            std::uint32_t chunk_entries, std::uint32_t phase);

// Runs that are merged at once.
inline constexpr std::size_t fan = 4;

// The log has grown from `before` to `after`: writes and merges as much as that is due for.
// `recent` and then `added`, which begins behind `before`, have the entries in no run yet. True:
// the manifest changed.
bool keep_up(storage::write_transaction& txn, storage::table t, manifest& m, const tail& recent,
             const chains& added, std::uint64_t before, std::uint64_t after);

}  // namespace idem::index
