// What the log's records and the store's notes to itself, the stream `$local`, say of origins and
// stamps, folded into the tables `origins` and `stamps`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "causality/origin_rows.hpp"
#include "idem/event.hpp"
#include "storage/storage.hpp"

namespace idem {

inline constexpr std::string_view stamp_noted_type = "idem.StampNoted";
inline constexpr std::string_view conflict_met_type = "idem.ConflictMet";
inline constexpr std::string_view events_accepted_type = "idem.EventsAccepted";

// A note of this store that the event of this id came with another stamp.
event note_of_stamp(const uuid& id, const other_stamp& other);
// A note that an event of this stamp was refused, for its id is known with other content. Its
// place counts as reached: what its origin made since is not to wait for it for ever.
event note_of_conflict(const uuid& id, const other_stamp& met);
// Ends a batch of accepted events, so that the last record of the log is always of this store.
event note_of_acceptance(std::size_t events);

struct noted_stamp {
    uuid id;
    other_stamp other;
};
// What a note of that type tells; nullopt: it is none, or says nothing.
std::optional<noted_stamp> read_note(const event_view& e, std::string_view type);
// How many events a note of acceptance ends; nullopt: it is none.
std::optional<std::uint64_t> accepted_events(const event_view& e);

// The rows that a batch of accepted events changes.
class origin_fold {
public:
    using find_id = std::function<std::optional<std::uint64_t>(const uuid& id)>;
    // Makes the tables where they are not there.
    origin_fold(storage::write_transaction& txn, find_id find);

    // `own`: the store's own origin when it took the batch in.
    void reach(const stamp& s, const uuid& own);
    void note(const event_view& e, const uuid& own);

private:
    storage::write_transaction& txn_;
    const find_id find_;
    const storage::table origins_;
    const storage::table stamps_;
    const storage::table parked_;
};

}  // namespace idem
