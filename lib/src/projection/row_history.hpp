// What a row of a canonical projection was, and which events have touched it since, so that an
// event that comes late can be put in its place: the table "undo/NAME@VERSION".
//
//   key     the length of the row's key, 2 bytes, big-endian; that key; the number of the part, 4
//           bytes, big-endian, of the newest part 0xffffffff
//   value   offset  bytes
//           0       XXH3-64 of the key and of all that follows
//           8       the number of the part, 4 bytes; n, 2 bytes; 1: the row was there; zero
//           16      the size of the row before the first touch, 4 bytes; that row
//           ...     n touches: how much the clock is greater than that of the one before, and how
//                   much the position is (its lowest bit: it is less), as numbers of 7 bits a byte,
//                   lowest first, whose highest bit says that more follow; then a zero, or 1 and
//                   the origin, where it is not that of the one before. Before the first there are
//                   zeros
//
// A part has up to touches_max touches, in canonical order, and the parts of a row follow one
// another. Parts whose events lie behind the horizon are dropped: none of them is asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idem/projection.hpp"
#include "idem/uuid.hpp"
#include "storage/storage.hpp"

namespace idem {

// An event that has touched a row: clock and origin of the stamp by which it stands there, and
// where it is in the log.
struct row_touch {
    std::uint64_t clock = 0;
    std::uint64_t position = 0;
    uuid origin;
};

struct history_part {
    static constexpr std::size_t touches_max = 32;

    std::uint32_t number = 0;
    bool present = false;  // the row, before the first touch
    std::string row;
    std::vector<row_touch> touches;
    bool changed = false;  // since it was read or written

    // Whether every touch in it has a lower clock, so that nothing is put before them.
    bool is_below(std::uint64_t floor) const noexcept {
        return touches.empty() || touches.back().clock < floor;
    }
};

// Of one row: the newest of its parts, as far back as somebody has asked for them.
class row_history {
public:
    bool empty() const noexcept { return parts_.empty(); }
    const row_touch& last() const noexcept { return parts_.back().touches.back(); }
    const std::vector<history_part>& parts() const noexcept { return parts_; }

    // The event that is about to touch the row, behind all others.
    void add(const row_touch& touch, const state_table::slot& before);
    void put_before(history_part part);  // all others
    // Takes the touches of the parts from `part` on back, and tells them.
    std::vector<row_touch> cut(std::size_t part, state_table::slot& before);
    void forget();  // all; the next part has the number of the newest

    // Touches that were taken back and are to be made again, in order.
    std::vector<row_touch> ahead;
    std::size_t ahead_at = 0;
    bool is_settled() const noexcept { return ahead_at == ahead.size(); }

    bool changed() const noexcept;
    void note_written() noexcept;  // keeps the newest part alone
    std::size_t bytes() const noexcept { return bytes_; }

private:
    std::vector<history_part> parts_;
    std::uint32_t next_number_ = 0;
    std::size_t bytes_ = sizeof(row_history);
};

namespace undo {

// Nullopt: there is none. Throws too_late where it is damaged.
std::optional<history_part> read_newest(const storage::transaction& txn, storage::table table,
                                        std::string_view row_key);
std::optional<history_part> read(const storage::transaction& txn, storage::table table,
                                 std::string_view row_key, std::uint32_t number);
void write(storage::write_transaction& txn, storage::table table, std::string_view row_key,
           const row_history& history);

// An entry as it lies in the table; nullopt where it is damaged.
std::optional<history_part> decode(std::string_view key, std::string_view value);

// Looks at some entries from a key on, and erases those of events below the floor. Returns how many
// touches they had, and the key to go on from; empty at the end.
struct swept {
    std::uint64_t touches = 0;
    std::string next;
};
swept sweep(storage::write_transaction& txn, storage::table table, const std::string& from,
            std::uint64_t floor, std::size_t entries);

}  // namespace undo

// An event cannot be put in its place: it stands before the horizon, or what was kept to take rows
// back is damaged. The projection is to be folded anew.
struct too_late {
    std::string why;
};

}  // namespace idem
