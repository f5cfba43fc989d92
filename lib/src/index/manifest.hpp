// What an index consists of: one value, written in the commit that changes it (schemas/index.fbs).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/storage.hpp"

namespace idem::index {

struct run_info {
    std::uint64_t number = 0;
    std::uint64_t first = 0;  // positions
    std::uint64_t last = 0;
    std::uint32_t level = 0;
    std::uint32_t chunks = 0;

    std::uint64_t entries() const noexcept { return last - first + 1; }
};

struct manifest {
    std::uint64_t seed = 0;
    std::uint32_t chunk_entries = 0;
    std::uint32_t phase = 0;
    std::uint64_t next_number = 1;
    std::vector<run_info> runs;
    std::vector<run_info> merges;
    std::vector<run_info> dead;
    std::string mark;

    // The last position that stands in a run; what follows is in the log alone.
    std::uint64_t flushed() const noexcept { return runs.empty() ? 0 : runs.back().last; }
    // Where the run of level 0 that holds `position` ends.
    std::uint64_t end_of_run(std::uint64_t position) const noexcept;
};

// Throws corrupt where it is missing or damaged.
manifest read_manifest(const storage::transaction& txn, storage::table t);
void write_manifest(storage::write_transaction& txn, storage::table t, const manifest& m);

// Rows of a run are its chunks, from 0, and its directory.
inline constexpr std::uint32_t directory_row = 0xffffffU;
constexpr std::uint64_t row_key(std::uint64_t run, std::uint32_t row) noexcept {
    return run << 24 | row;
}

}  // namespace idem::index
