// The rows that a projection is working on: read through from its table, changed in memory, written
// sorted together with the checkpoint.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "idem/projection.hpp"
#include "idem/state.hpp"
#include "storage/storage.hpp"

namespace idem {

// One thread at a time.
class row_cache final : public state_table {
public:
    explicit row_cache(storage::table table) : table_(table) {}

    // Rows not yet cached are read from here. Not owned; nullptr while there is none.
    void read_from(const storage::transaction* txn) noexcept { txn_ = txn; }

    slot& at(std::string_view key) override;

    // From here on at() remembers what undo() puts back.
    void mark() noexcept;
    void undo() noexcept;
    // Throws invalid_input if a row touched since the mark passes its limit, or too many were.
    void check_touched();

    // Writes the changed rows in key order and returns the digest's change. Can be repeated in
    // another transaction. accept() once the commit is on disk: what was written is what the table
    // holds.
    state_digest write(storage::write_transaction& txn);
    void accept() noexcept;

    void clear() noexcept;  // forgets every row and change
    std::size_t bytes() const noexcept { return bytes_; }

private:
    struct cached : slot {
        state_digest stored;       // the row's share of the digest, as it is in the table
        state_digest written;      // likewise, as write() left it
        std::uint64_t marked = 0;  // the mark at which undo_ got it
        bool touched = false;      // is in touched_
    };
    struct text_hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept;
    };
    using row_map = std::unordered_map<std::string, cached, text_hash, std::equal_to<>>;
    using row = row_map::value_type;

    row& load(std::string_view key);

    storage::table table_;
    const storage::transaction* txn_ = nullptr;
    row_map rows_;
    std::vector<row*> touched_;  // since the last accept()
    std::vector<std::pair<row*, slot>> undo_;
    std::uint64_t mark_ = 1;
    std::size_t bytes_ = 0;
};

}  // namespace idem
