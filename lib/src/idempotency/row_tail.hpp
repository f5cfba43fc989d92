// The newest rows of a table of the store's own, in memory: a commit that changes a row anywhere in
// a large table writes a page for it, and a commit that changes thousands, in the order of their
// keys, not many more than a page for each. What stands in a tail is a pure function of the table
// and of the events behind the table's mark, so that nothing is lost with the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "storage/cursor.hpp"
#include "storage/storage.hpp"

namespace idem {

// One thread at a time.
class row_tail {
public:
    // Nullopt: there is no such row, whatever the table says.
    using changes = std::map<std::string, std::optional<std::string>, std::less<>>;

    // Null: ask the table.
    const std::optional<std::string>* find(std::string_view key) const;
    const changes& rows() const noexcept { return rows_; }
    void set(std::string_view key, std::optional<std::string> row);

    // Positions of the log: up to which one the table has taken the events in, and up to which one
    // table and tail together have.
    std::uint64_t mark() const noexcept { return mark_; }
    std::uint64_t through() const noexcept { return through_; }
    void note(std::uint64_t position) noexcept { through_ = position; }
    void count_event() noexcept { ++events_; }  // that was taken in, whatever it made of the rows

    // Forgets every row and begins behind a mark.
    void begin_at(std::uint64_t mark);

    // To be written into the table: another process has to take it in from the log before it knows
    // the rows as well as this one, and commits that write it are to stay short.
    bool is_full() const noexcept {
        return rows_.size() >= rows_max || bytes_ >= bytes_max || events_ >= events_max;
    }
    // The table has taken everything in, and is marked so by whoever calls.
    void write_to(storage::write_transaction& txn, storage::table table);

    static constexpr std::size_t rows_max = 8192;
    static constexpr std::size_t bytes_max = 4 << 20;
    static constexpr std::size_t events_max = 8192;

private:
    changes rows_;
    std::size_t bytes_ = 0;
    std::size_t events_ = 0;
    std::uint64_t mark_ = 0;
    std::uint64_t through_ = 0;
};

// The rows of a table and of a tail in front of it, which may be null, in the order of their keys,
// from the first that is not less than `from`. Neither may change meanwhile.
class row_walk {
public:
    row_walk(const storage::transaction& txn, storage::table table, const row_tail* tail,
             std::string_view from = {});
    std::optional<storage::entry> next();

private:
    storage::cursor table_;
    std::optional<storage::entry> below_;  // the next of the table
    row_tail::changes::const_iterator above_;
    row_tail::changes::const_iterator above_end_;
};

}  // namespace idem
