// The rows that a projection is working on: read through from its table, changed in memory, written
// sorted together with the checkpoint.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "idem/projection.hpp"
#include "idem/state.hpp"
#include "index/chains.hpp"
#include "storage/storage.hpp"

namespace idem {

// Of a row's key: where it is found in memory, and which shard it is in.
using row_hash = std::uint64_t;
row_hash hash_of_key(std::string_view key) noexcept;

// Aligned, so that it has two lines of the processor's cache and not parts of three.
struct alignas(64) cached_row : state_table::slot {
    std::string key;
    state_digest stored;            // the row's share of the digest, as it is in the table
    state_digest written;           // likewise, as write() left it
    std::uint64_t marked = 0;       // the mark at which undo got it
    std::size_t counted_bytes = 0;  // in the size of the shard
    bool touched = false;           // is in the shard's list of touched rows
};

// Some of the rows, those of some hashes. One thread at a time.
class row_shard {
public:
    explicit row_shard(storage::table table) : table_(table) {}

    void use(storage::table table) noexcept {
        clear();
        table_ = table;
    }

    // Rows not yet cached are read from here. Not owned; nullptr while there is none.
    void read_from(const storage::transaction* txn) noexcept { txn_ = txn; }

    // Throws invalid_input for a key that breaks the limits.
    cached_row& at(std::string_view key, row_hash hash);
    // Ask for memory that at() will need: first one, then, a little later, the other.
    void prefetch_place(row_hash hash) const noexcept { places_.prefetch(hash); }
    void prefetch_row(row_hash hash) const noexcept;

    // After a row was changed. Throws invalid_input if it passes its limit.
    void touch(cached_row& r);

    const std::vector<cached_row*>& touched() const noexcept { return touched_; }
    void accept() noexcept;
    void clear() noexcept;
    std::size_t bytes() const noexcept { return bytes_; }

private:
    storage::table table_;
    const storage::transaction* txn_ = nullptr;
    std::deque<cached_row> rows_;
    index::chains places_;              // the hash of each
    std::vector<cached_row*> touched_;  // since the last accept()
    std::size_t bytes_ = 0;
};

// All of them, as a handler sees them. One thread at a time.
class row_cache final : public state_table {
public:
    row_cache(storage::table table, std::size_t shards)
        : table_(table), shards_(shards, row_shard(table)) {}

    void use(storage::table table) noexcept;  // another one from now on
    void read_from(const storage::transaction* txn) noexcept;

    slot& at(std::string_view key) override;
    const slot& look_at(std::string_view key);  // not to change it

    // From here on at() remembers what undo() puts back.
    void mark() noexcept;
    void undo() noexcept;
    // Rows asked for since the last mark, as they were then and as they are.
    template <class Visit>
    void each_change(Visit&& visit) const {
        for (const auto& [r, before] : undo_) visit(r->key, before, *r);
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
    std::size_t touched() const noexcept;  // rows, since the last accept()

    // For those who work on all shards at once, a thread on each, and never undo.
    std::size_t shard_count() const noexcept { return shards_.size(); }
    std::size_t shard_of(row_hash hash) const noexcept {
        return (hash >> 32) * shards_.size() >> 32;
    }
    row_shard& shard(std::size_t index) noexcept { return shards_[index]; }

private:
    storage::table table_;
    std::vector<row_shard> shards_;
    std::vector<std::pair<row_shard*, cached_row*>> asked_;  // since the last check_touched()
    std::vector<std::pair<cached_row*, slot>> undo_;
    std::uint64_t mark_ = 1;
};

}  // namespace idem
