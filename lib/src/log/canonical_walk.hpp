// The events up to a position in canonical order, for whoever folds all of them.
//
// Logs are nearly in that order: an event that stands behind all before it is found where it lies,
// and only the others are put in order in memory. It asks for no index, so a store that is open for
// reading only is walked too, and one that never syncs need not keep one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "log/index.hpp"
#include "log/order_view.hpp"
#include "storage/storage.hpp"

namespace idem {

// One thread at a time; not within a transaction.
class canonical_walk {
public:
    // Of events that are not in order it holds so many at once, about 50 bytes each; where there
    // are more, the log is looked through once for every so many. And it holds a bit for each
    // event, and as much as for a late one for each whose least stamp is not that of its record.
    static constexpr std::size_t late_max_usual = 1'000'000;

    canonical_walk(storage::environment& env, const log_tables& tables, std::uint64_t last,
                   const stamp_notes& notes = no_other_stamps(),
                   std::size_t late_max = late_max_usual);

    std::uint64_t last() const noexcept { return last_; }

    // The next positions, at most `max`; none: those were all. Events of `$local` are left out.
    // Throws corrupt where an event cannot be read.
    std::vector<std::uint64_t> next(std::size_t max);

    // Where one of them stands, by its stamps that the log told of up to the last position. Any
    // thread, but during next().
    order_key key_of(const event_view& e) const;

private:
    struct late_event {
        order_key key;
        std::uint64_t position;
    };
    void read_notes();
    void note(const index_view& known, const uuid& id, const stamp& other);
    void survey();
    void survey(std::uint64_t position, const order_key& key);
    order_key key_of(std::uint64_t position, const uuid& id, const stamp& own) const;
    order_key key_at(record_cursor& records, std::uint64_t position) const;
    bool refill();

    storage::environment& env_;
    const log_tables tables_;
    const std::uint64_t last_;
    const stamp_notes* notes_;
    const std::size_t late_max_;

    bool begun_ = false;
    std::unordered_map<std::uint64_t, std::pair<std::uint64_t, uuid>> lowered_;  // by position
    std::vector<std::uint64_t> notes_at_;  // positions of events of `$local`, in order
    std::vector<bool> elsewhere_;          // by position: is late, or no event of the set
    order_key greatest_;                   // while the log is looked through
    order_key done_;                       // late ones up to here were handed out
    std::vector<late_event> late_;  // the least of them behind, in order once they are all found
    std::size_t late_at_ = 0;
    bool more_late_ = true;                // than late_ has
    std::vector<std::uint64_t> in_place_;  // the next of the others
    std::size_t in_place_at_ = 0;
    std::uint64_t position_ = 1;  // where to look for more of them
};

}  // namespace idem
