// Where the records of the log are found: the only reader of the table `log`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "log/block.hpp"
#include "storage/cursor.hpp"
#include "storage/storage.hpp"

namespace idem {

// How far the log goes by its last block and by the number of its blocks, in a damaged one perhaps
// not the same.
struct log_extent {
    std::uint64_t last = 0;    // position that the last block ends with
    std::uint64_t blocks = 0;  // in the table
    std::uint64_t absent = 0;  // blocks that there should be and are not, or the other way round
    std::uint64_t bytes = 0;   // of the table
    std::uint64_t page_bytes = 0;

    bool sound() const noexcept { return absent == 0; }
    // Behind the last event. Where something is amiss, so high that a walk up to here meets it.
    std::uint64_t head() const noexcept { return last + absent; }
};
log_extent extent_of(const storage::transaction& txn, storage::table log);

// Finds records, fastest in order. Lives within its transaction, writes of which it survives.
class record_cursor {
public:
    record_cursor(const storage::transaction& txn, storage::table log, storage::kept kept)
        : txn_(&txn), cursor_(txn, log, kept) {}

    // Nullopt: the log lacks the position. Valid until the transaction's next write, or its end.
    std::optional<std::string_view> at(std::uint64_t position);

    // Finds many at once, whose positions rise: what they need is on its way from memory together.
    // An empty record: the log lacks it.
    struct wanted {
        std::uint64_t position = 0;
        std::size_t key = 0;  // the caller's
        std::string_view record = {};
    };
    void find(std::span<wanted> records);

private:
    std::optional<storage::entry> entry_of(std::uint64_t position);
    void go_to(std::uint64_t position);
    void take(const std::optional<storage::entry>& entry);

    const storage::transaction* txn_;
    storage::cursor cursor_;
    std::optional<block_view> block_;
    std::uint64_t changes_ = 0;  // of the transaction, when the block was found
};

}  // namespace idem
