// The rows that a projection is working on: read through from its table, changed in memory, written
// sorted together with the checkpoint.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "idem/projection.hpp"
#include "idem/state.hpp"
#include "index/chains.hpp"
#include "projection/row_history.hpp"
#include "storage/storage.hpp"

namespace idem {

// Of a row's key: where it is found in memory, and which shard it is in.
using row_hash = std::uint64_t;
row_hash hash_of_key(std::string_view key) noexcept;

// Aligned, so that it has two lines of the processor's cache and not parts of three.
struct alignas(64) cached_row : state_table::slot {
    std::string key;
    state_digest stored;              // the row's share of the digest, as it is in the table
    state_digest written;             // likewise, as write() left it
    std::uint64_t marked = 0;         // the mark at which undo got it
    std::uint32_t counted_bytes = 0;  // in the size of the shard
    bool touched = false;             // is in the shard's list of touched rows
    bool unsettled = false;           // likewise of unsettled ones
    std::unique_ptr<row_history> history = {};  // of a canonical projection, once it was asked for

    bool is_to_be_written() const noexcept { return changed || (history && history->changed()); }
};
static_assert(sizeof(cached_row) == 128);

// Some of the rows, those of some hashes. One thread at a time.
class row_shard {
public:
    row_shard(storage::table table, std::optional<storage::table> undo)
        : table_(table), undo_(undo) {}
    row_shard(row_shard&&) = default;
    row_shard(const row_shard&) = delete;
    row_shard& operator=(const row_shard&) = delete;

    void use(storage::table table, std::optional<storage::table> undo) noexcept {
        clear();
        table_ = table;
        undo_ = undo;
    }

    // Rows not yet cached are read from here. Not owned; nullptr while there is none.
    void read_from(const storage::transaction* txn) noexcept { txn_ = txn; }

    // Throws invalid_input for a key that breaks the limits.
    cached_row& at(std::string_view key, row_hash hash);
    // Ask for memory that at() will need: first one, then, a little later, the other.
    void prefetch_place(row_hash hash) const noexcept { places_.prefetch(hash); }
    void prefetch_row(row_hash hash) const noexcept;
    void prefetch_history(row_hash hash, int stage) const noexcept;  // then 0, 1 and 2

    // After a row was changed. Throws invalid_input if it passes its limit.
    void touch(cached_row& r);

    // Of rows that have an undo table. Throw too_late.
    row_history& history_of(cached_row& r);
    std::optional<history_part> part_before(const cached_row& r) const;  // what is in memory
    void forget_history(cached_row& r);
    void count_touch(int by = 1) noexcept { touches_ += by; }
    std::int64_t touches() const noexcept { return touches_; }  // more than the table has
    // Puts the count back, and lets go of rows whose histories were put back.
    void undo_touches(std::int64_t before) noexcept;
    void note_unsettled(cached_row& r);
    std::vector<cached_row*> take_unsettled() noexcept;

    const std::vector<cached_row*>& touched() const noexcept { return touched_; }
    void accept() noexcept;
    void clear() noexcept;
    std::size_t bytes() const noexcept { return bytes_; }

private:
    storage::table table_;
    std::optional<storage::table> undo_;
    const storage::transaction* txn_ = nullptr;
    std::deque<cached_row> rows_;
    index::chains places_;              // the hash of each
    std::vector<cached_row*> touched_;  // since the last accept()
    std::vector<cached_row*> unsettled_;
    std::int64_t touches_ = 0;
    std::size_t bytes_ = 0;
};

// All of them, as a handler sees them. One thread at a time.
class row_cache final : public state_table {
public:
    // `undo`: where what rows were is kept, of a canonical projection.
    row_cache(storage::table table, std::optional<storage::table> undo, std::size_t shards);

    void use(storage::table table, std::optional<storage::table> undo) noexcept;  // from now on
    void read_from(const storage::transaction* txn) noexcept;

    slot& at(std::string_view key) override { return *place_of(key).second; }
    // The same, and the shard that has it.
    std::pair<row_shard*, cached_row*> place_of(std::string_view key);
    const slot& look_at(std::string_view key);  // not to change it

    // From here on at() remembers what undo() puts back.
    void mark() noexcept;
    void undo() noexcept;
    // Rows asked for since the last mark, as they were then and as they are.
    template <class Visit>
    void each_change(Visit&& visit) const {
        for (const auto& u : undo_) visit(u.row->key, u.before, *u.row);
    }
    // Throws invalid_input if a row asked for since the last check passes its limit, or too many
    // were.
    void check_touched();

    // Writes the changed rows in key order and returns the digest's change. Can be repeated in
    // another transaction. accept() once the commit is on disk: what was written is what the table
    // holds.
    state_digest write(storage::write_transaction& txn);
    void accept() noexcept;

    void clear() noexcept;  // forgets every row and change
    std::size_t bytes() const noexcept;
    std::size_t touched() const noexcept;   // rows, since the last accept()
    std::int64_t touches() const noexcept;  // likewise, that histories have more

    // For those who work on all shards at once, a thread on each, and never undo.
    std::size_t shard_count() const noexcept { return shards_.size(); }
    std::size_t shard_of(row_hash hash) const noexcept {
        return (hash >> 32) * shards_.size() >> 32;
    }
    row_shard& shard(std::size_t index) noexcept { return shards_[index]; }

private:
    storage::table table_;
    std::optional<storage::table> undo_table_;
    std::vector<row_shard> shards_;
    std::vector<std::pair<row_shard*, cached_row*>> asked_;  // since the last check_touched()
    struct undone {
        cached_row* row;
        slot before;
        std::unique_ptr<row_history> history;
    };
    std::vector<undone> undo_;
    std::vector<std::int64_t> undo_touches_;  // by shard
    std::uint64_t mark_ = 1;
};

}  // namespace idem
