// The log in canonical order, and the sums that sync compares, as they stand in one transaction.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <vector>

#include "idem/event.hpp"
#include "idem/uuid.hpp"
#include "log/index.hpp"
#include "log/order_item.hpp"
#include "log/order_rows.hpp"
#include "storage/storage.hpp"

namespace idem {

// Where an event stands in canonical order, by the least of its stamps. It is the same in every
// store that holds the same events.
struct order_key {
    std::uint64_t clock = 0;
    uuid origin;
    uuid id;

    friend constexpr auto operator<=>(const order_key&, const order_key&) = default;
};

// By the stamp that the event shows; or by the least of its stamps, of which `others` came later.
inline order_key order_key_of(const event_view& e) noexcept {
    const stamp own = e.stamp();
    return {own.clock, own.origin, e.id()};
}
order_key order_key_of(const event_view& e, const std::vector<other_stamp>& others) noexcept;

// Lives within its transaction, which does not write meanwhile, and began after bring_up_to() has
// returned `order`. What that did not cover is not in it. Throws corrupt.
class order_view {
public:
    order_view(const storage::transaction& txn, const log_tables& tables, storage::table order,
               const stamp_notes& notes = no_other_stamps());

    // Every event up to this position is in it, and none behind.
    std::uint64_t covered() const noexcept { return covered_; }

    // The events behind `after` in canonical order, each once, until `visit` returns false. The key
    // of the last one visited is where the next walk begins, in another transaction too. Sealed
    // data is not shown. Memory does not grow with the log, nor with how many share one clock.
    using visit_event = std::function<bool(const order_key& key, const event_view& e)>;
    void walk(const order_key& after, const visit_event& visit) const;

    // Items (order_item.hpp) are not events: an event has one for each of its stamps.
    item_range range(const item_key& low, const item_key& high) const;
    std::vector<order_item> items(const item_key& low, const item_key& high, std::size_t max) const;
    const order_rows& rows() const noexcept { return rows_; }

private:
    bool walk_clock(std::uint64_t clock, const order_key& after, const visit_event& visit) const;
    struct candidate {
        order_key key;
        std::uint64_t position;
    };
    std::optional<candidate> candidate_of(const order_item& item) const;

    const storage::transaction* txn_;
    const log_tables* tables_;
    const stamp_notes* notes_;
    order_rows rows_;
    std::uint64_t covered_ = 0;
    mutable record_cursor records_;
};

}  // namespace idem
