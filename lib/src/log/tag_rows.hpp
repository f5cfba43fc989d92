// The tags of the log in order, numbered from 1: the table `tagged`. The number of a tag is its
// ordinal; the index of tags leads to ordinals, and these rows from there to positions.
//
//   offset     bytes
//   0          count n, 4 bytes; zero, 4 bytes
//   8          XXH3-64 of all that follows
//   16         the position of the first, 8 bytes
//   24         n fingerprints, 8 bytes each
//   24 + 8 n   n offsets, 4 bytes each: position less that of the first
//
// The key is the ordinal of the first. All tags of an event stand in one row, in their order.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "index/chunk.hpp"
#include "storage/cursor.hpp"
#include "storage/storage.hpp"

namespace idem {

// Positions of one row span less than 2^32.
void append_tag_row(storage::write_transaction& txn, storage::table rows, std::uint64_t first,
                    std::span<const index::entry> tags);

class tag_row {
public:
    tag_row() = default;  // of nothing
    // Checks sizes, so that nothing outside is ever read; throws corrupt.
    tag_row(std::uint64_t first, std::string_view bytes);
    bool checksum_holds() const noexcept;

    std::uint64_t first() const noexcept { return first_; }  // ordinal
    std::uint64_t behind() const noexcept { return first_ + count_; }
    bool holds(std::uint64_t ordinal) const noexcept { return ordinal - first_ < count_; }
    index::fingerprint key(std::uint64_t ordinal) const noexcept;
    std::uint64_t position(std::uint64_t ordinal) const noexcept;

private:
    std::string_view bytes_;
    std::uint64_t first_ = 0;
    std::uint64_t base_ = 0;
    std::uint32_t count_ = 0;
};

// Lives within its transaction. Rows are never written again, so what it has found stays.
class tag_rows {
public:
    tag_rows(const storage::transaction& txn, storage::table rows)
        : cursor_(txn, rows, storage::kept::yes) {}

    // Throw corrupt where there is no such row.
    const tag_row& row_of(std::uint64_t ordinal);
    std::uint64_t position(std::uint64_t ordinal) { return row_of(ordinal).position(ordinal); }
    // Of the ordinals (above, up_to], with the checksums of their rows.
    std::vector<index::entry> read(std::uint64_t above, std::uint64_t up_to);

    std::optional<tag_row> last();

private:
    storage::cursor cursor_;
    tag_row row_;
};

}  // namespace idem
