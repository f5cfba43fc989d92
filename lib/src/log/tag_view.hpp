// The index of tags as it stands in one transaction: from a tag to the positions of its events.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "index/view.hpp"
#include "log/coverage.hpp"
#include "log/tag_rows.hpp"
#include "log/tag_tail.hpp"
#include "storage/storage.hpp"

namespace idem {

// The tables of tags, which a log without tags does not have.
struct tag_tables {
    storage::table index;  // `tags`: fingerprint -> ordinal
    storage::table rows;   // `tagged`: ordinal -> position
};

// Reads the tags of the positions (above, up_to] from the log.
using read_tags =
    std::function<std::vector<index::entry>(std::uint64_t above, std::uint64_t up_to)>;

// Lives within its transaction. Two tags can have one fingerprint: whoever is given a position
// looks at the record before it believes it.
class tag_view {
public:
    // `tables` are there where the rows hold any tag, and `tail` reaches up to `head`, unless it
    // has moved on: then the log is read again.
    tag_view(const storage::transaction& txn, const std::optional<tag_tables>& tables,
             const tag_tail& tail, const coverage& in_rows, std::uint64_t head, read_tags from_log);

    // Ordinals rise with positions; the tags of one event have adjacent ones.
    std::uint64_t last() const noexcept { return last_; }
    std::uint64_t position(std::uint64_t ordinal) const;
    // The first ordinal whose position is not less; behind the last where there is none.
    std::uint64_t first_from(std::uint64_t position) const;

    // Those that stand in no row, with their positions.
    std::vector<index::entry> pending() const;

    const index::view& entries() const noexcept { return *entries_; }
    // How many stand in the table `tagged`.
    std::uint64_t in_rows() const noexcept { return in_rows_.tags; }
    tag_rows& rows() const noexcept { return *rows_; }  // where any do

private:
    const std::vector<index::entry>& own_tail() const;
    std::vector<index::fingerprint> fingerprints(std::uint64_t above, std::uint64_t up_to) const;

    const tag_tail* tail_;
    const coverage in_rows_;
    const std::uint64_t head_;
    const read_tags from_log_;
    mutable std::optional<tag_rows> rows_;
    mutable std::optional<std::vector<index::entry>> own_tail_;  // of what is not in rows
    std::uint64_t last_ = 0;
    std::optional<index::view> entries_;
};

}  // namespace idem
