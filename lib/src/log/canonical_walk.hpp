// The events up to a position in canonical order, for whoever folds all of them.
//
// Logs are a few sequences in that order, each origin's at least: those are merged where they lie,
// and only what fits none of them is put in order in memory. It asks for no index, so a store that
// is open for reading only is walked too, and one that never syncs need not keep one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "log/index.hpp"
#include "log/order_view.hpp"
#include "storage/storage.hpp"

namespace idem {

// One thread at a time; not within a transaction.
class canonical_walk {
public:
    static constexpr std::size_t sequences_usual = 32;  // 255 at most
    // Of events that fit no sequence it holds so many at once, about 50 bytes each; where there are
    // more, the log is looked through once for every so many. And it holds a byte for each event,
    // and as much as for a late one for each whose least stamp is not that of its record.
    static constexpr std::size_t late_max_usual = 1'000'000;

    canonical_walk(storage::environment& env, const log_tables& tables, std::uint64_t last,
                   const stamp_notes& notes = no_other_stamps(),
                   std::size_t late_max = late_max_usual,
                   std::size_t sequences_max = sequences_usual);

    std::uint64_t last() const noexcept { return last_; }

    // The next positions, at most `max`; none: those were all. Events of `$local` are left out.
    // Throws corrupt where an event cannot be read.
    std::vector<std::uint64_t> next(std::size_t max);

    // Where one of them stands, by its stamps that the log told of up to the last position. Any
    // thread, but during next().
    order_key key_of(const event_view& e) const;
    // The stamp by which it stands there, where that is not the one of its record; else nullptr.
    const stamp* lower_stamp(std::uint64_t position) const noexcept;

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
    order_key key_in(std::optional<std::string_view> record, record_cursor& records,
                     std::uint64_t position) const;
    order_key key_at(record_cursor& records, std::uint64_t position) const;

    static constexpr std::uint8_t of_none = 255;  // late, or no event of the set
    struct sequence {
        std::uint8_t number = 0;
        std::uint64_t position = 1;             // where to look for more of it
        std::vector<std::uint64_t> ahead = {};  // its next positions
        std::size_t at = 0;                     // in them
        order_key first = {};                   // of the event there
    };
    bool refill(sequence& s, record_cursor& records) const;
    void begin_sequences(record_cursor& records);
    void take_from(sequence& s, const order_key* bound, std::size_t max, record_cursor& records,
                   std::vector<std::uint64_t>& found);

    storage::environment& env_;
    const log_tables tables_;
    const std::uint64_t last_;
    const stamp_notes* notes_;
    const std::size_t late_max_;
    const std::size_t sequences_max_;

    bool begun_ = false;
    std::unordered_map<std::uint64_t, stamp> lowered_;  // by position
    std::vector<std::uint64_t> notes_at_;               // positions of events of `$local`, in order
    std::vector<std::uint8_t> sequence_of_;             // by position
    std::vector<order_key> lasts_;  // of each sequence, while the log is looked through
    order_key done_;                // late ones up to here were handed out
    std::vector<late_event> late_;  // the least of them behind, in order once they are all found
    std::size_t late_at_ = 0;
    bool more_late_ = true;  // than late_ has
    bool sequences_begun_ = false;
    std::vector<sequence> sequences_;  // that have more
};

}  // namespace idem
