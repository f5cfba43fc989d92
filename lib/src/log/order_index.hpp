// Keeps the order index (order_rows.hpp): a function of the log, made when it is first asked for.
// From then on the commits of appends keep it within reach of the head, and who asks gets the rest.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "log/index.hpp"
#include "log/order_item.hpp"
#include "log/order_rows.hpp"
#include "storage/storage.hpp"

namespace idem {

// Nullopt: nobody has asked for it yet.
std::optional<storage::table> find_order_table(storage::environment& env);

// How often and how much.
struct order_pace {
    std::uint64_t slice_events = 32'768;  // in a commit of bring_up_to
    std::uint64_t lag_max = 65'536;       // events that commits leave behind
    std::uint64_t step_events = 8'192;    // that a commit takes in beyond as many as it appends
    std::uint32_t chunk_bytes_max = order_head::page_value_bytes;  // of a new index
};

// Makes the index if there is none and takes in the events up to `position`, or to the head if that
// comes first. In slices: what they hold is read and hashed beside the writers, and each is written
// in a short commit of its own, so that appends go on and a crash loses the last slice only.
// Transactions that begin later see it. Throws read_only where there is something to do; corrupt
// where an event cannot be read.
storage::table bring_up_to(storage::environment& env, const log_tables& tables,
                           std::uint64_t position, const stamp_notes& notes = no_other_stamps(),
                           const order_pace& pace = {});

// In a commit that has appended `added` events behind position `head`: takes in some, where the
// index lags by more than `lag_max`. Nothing where an event cannot be read: who asks is told.
void keep_order_up(storage::write_transaction& txn, const log_tables& tables, storage::table order,
                   const index_view& known, const indexed_events& added,
                   const stamp_notes& notes = no_other_stamps(), const order_pace& pace = {});

// The items that follow from the events of the log, from one on in their order.
class order_derivation {
public:
    order_derivation(const log_tables& tables, const stamp_notes& notes)
        : tables_(&tables), notes_(&notes) {}

    // Of one event. `known` finds the events that a note names.
    void add(const storage::transaction& txn, const index_view& known, const event_view& e);
    std::vector<order_item>& items() noexcept { return items_; }
    void sort();  // and makes equal ones one

private:
    const log_tables* tables_;
    const stamp_notes* notes_;
    content_hasher hasher_;
    std::vector<order_item> items_;
};

}  // namespace idem
