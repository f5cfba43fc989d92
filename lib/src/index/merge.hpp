// A merge: four adjacent runs become one of the next level, a chunk at a time. Its chunks stand in
// the table before anybody reads them, so they are checked before they replace what they were made
// from.
#pragma once

#include <cstdint>
#include <string>

#include "index/manifest.hpp"

namespace idem::index {

enum class merge_state : std::uint8_t {
    unfinished,
    whole,    // every chunk was written, found sound, and stands in the directory
    damaged,  // a chunk that was written is not what was written: begin again from the sources
};

// One step: writes the next chunk, or where all are written checks some of them. Throws corrupt
// where a source is damaged; what is hidden in it would be hidden for good. `bytes` is memory for a
// chunk.
merge_state advance(storage::write_transaction& txn, storage::table t, const manifest& m,
                    run_info& merge, std::string& bytes);

// What the chunks of a merge hold, in order: all are full but the last.
std::uint64_t entries_of_chunk(const run_info& r, std::uint32_t chunk,
                               std::uint32_t chunk_entries) noexcept;

}  // namespace idem::index
