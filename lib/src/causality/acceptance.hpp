// One batch that is taken in: how each event stands to what is known, and to those before it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "causality/origin_tables.hpp"
#include "causality/sync_events.hpp"
#include "idem/limits.hpp"
#include "idem/replica.hpp"
#include "log/index.hpp"
#include "log/own_origin.hpp"
#include "log/record.hpp"

namespace idem {

// All stamps of an event of the log, that of its record first.
std::vector<other_stamp> stamps_at(const storage::transaction& txn, const log_tables& tables,
                                   const origin_tables& rows, std::uint64_t position);

// What a store knows of origins and events, in one transaction.
class known_history {
public:
    known_history(const storage::transaction& txn, const index_view& known,
                  const log_tables& tables, origin_tables rows, origin_entry own);

    std::uint64_t counter_of(const uuid& origin) const;
    classification classify(const recorded_event& e) const;
    version_vector frontier() const;
    std::vector<origin_info> origins() const;

    const origin_entry& own() const noexcept { return own_; }
    const stamp& head() const noexcept { return head_; }
    const origin_tables& rows() const noexcept { return rows_; }
    std::vector<other_stamp> stamps_at(std::uint64_t position) const {
        return idem::stamps_at(txn_, tables_, rows_, position);
    }
    std::optional<std::uint64_t> find(const uuid& id) const { return known_.find_id(id); }
    recorded_event at(std::uint64_t position) const;

private:
    bool others_are_beyond(const stamp& s) const;

    const storage::transaction& txn_;
    const index_view& known_;
    const log_tables& tables_;
    const origin_tables rows_;
    const origin_entry own_;
    stamp head_;  // of the last record, which is of this store; or none
    using clock_of = std::pair<std::uint64_t, uuid>;               // the greatest of an origin
    mutable std::optional<std::pair<clock_of, clock_of>> newest_;  // the greatest two of others
};

// Sorts what comes into what is appended, noted, parked and refused. Writes nothing but parked
// events.
class acceptance {
public:
    static constexpr std::size_t stamps_max = 1024;  // of one event
    using check_event = std::function<std::optional<std::string>(const event& e)>;
    // Those in `erased` are appended without their data: it was erased here before they came.
    acceptance(const known_history& known, storage::write_transaction& txn, check_event check,
               const wall_clock& clock, const accept_options& options,
               const std::set<uuid>& erased);

    accepted_event take(const sync::carried_event& carried);
    void take_up_parked();
    // There are as many events, or bytes, as a batch may have; what waits goes on waiting. The
    // other half of the bytes is for one more, and for what the encoding adds.
    bool is_full() const noexcept {
        return bytes_ > limits::batch_bytes_max / 2 ||
               events_.size() + notes_.size() + 2 * stamps_max > limits::batch_events_max;
    }

    // What is to be appended; nullopt: nothing.
    std::optional<encoded_batch> batch(timestamp now) const;
    // Something came that was made under this store's origin, and not here: it has been copied or
    // put back. The store needs a new origin before it takes that in; nothing is to be appended.
    bool is_copied() const noexcept { return copied_; }

    // The events of the batch that came from elsewhere are its first.
    const std::vector<recorded_event>& events() const noexcept { return events_; }
    // Of an event that is appended.
    std::optional<std::size_t> place_of(const uuid& id) const;

private:
    accepted_event sort_in(const sync::carried_event& carried, bool was_parked);
    accepted_event note(const sync::carried_event& carried, classification found,
                        const std::vector<other_stamp>& stamps, bool was_parked);
    accepted_event park(const sync::carried_event& carried, classification found);
    accepted_event append(const sync::carried_event& carried, classification found,
                          const std::vector<other_stamp>& stamps);
    accepted_event refuse_conflict(const sync::carried_event& carried, classification found,
                                   std::string reason);
    void drain();
    std::uint64_t counter_of(const uuid& origin) const;
    std::optional<std::string> fault_of(const sync::carried_event& carried) const;

    const known_history& known_;
    storage::write_transaction& txn_;
    const check_event check_;
    const wall_clock& clock_;
    const accept_options options_;
    const std::set<uuid>& erased_;
    std::map<uuid, std::uint64_t> counters_;  // as this batch has moved them on
    std::map<uuid, std::size_t> places_;      // of ids in this batch
    std::map<uuid, std::set<other_stamp>> noted_;
    std::vector<recorded_event> events_;
    std::vector<event> notes_;
    std::set<uuid> moved_;  // origins of which something may wait no longer
    std::uint64_t parked_ = 0;
    std::size_t bytes_ = 0;  // of events_
    bool copied_ = false;
};

}  // namespace idem
