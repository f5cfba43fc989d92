#include "log/order_view.hpp"

#include <algorithm>

#include "idem/error.hpp"
#include "log/record.hpp"

namespace idem {

order_key order_key_of(const event_view& e, const std::vector<other_stamp>& others) noexcept {
    const stamp own = e.stamp();
    order_key key{own.clock, own.origin, e.id()};
    for (const other_stamp& other : others) {
        key = std::min(key, {other.stamp.clock, other.stamp.origin, key.id});
    }
    return key;
}

order_view::order_view(const storage::transaction& txn, const log_tables& tables,
                       storage::table order, const stamp_notes& notes)
    : txn_(&txn),
      tables_(&tables),
      notes_(&notes),
      rows_(txn, order),
      records_(txn, tables.log, storage::kept::no) {
    if (const auto head = read_order_head(txn, order)) covered_ = head->covered;
}

// Where the item stands for its event, if it is the one of the least stamp.
std::optional<order_view::candidate> order_view::candidate_of(const order_item& item) const {
    const event_view e = event_at(records_, item.position);
    if (item.marks == 0) {
        const stamp own = e.stamp();
        return candidate{{own.clock, own.origin, e.id()}, item.position};
    }
    const auto others = notes_->of(*txn_, item.position);
    const order_key key = order_key_of(e, others);
    if (key.clock != item.key.clock) return std::nullopt;
    return candidate{key, item.position};
}

// Events of one clock are put in order a bounded number at a time, however many there are.
bool order_view::walk_clock(std::uint64_t clock, const order_key& after,
                            const visit_event& visit) const {
    constexpr std::size_t together_max = 4096;
    const auto less = [](const candidate& a, const candidate& b) { return a.key < b.key; };
    order_key last = after;
    for (bool more = true; more;) {
        std::vector<candidate> nearest;  // a heap, the farthest on top
        more = false;
        rows_.each({clock, {}}, item_key::end(), [&](const order_item& item) {
            if (item.key.clock != clock) return false;
            const auto found = candidate_of(item);
            if (!found || found->key <= last) return true;
            nearest.push_back(*found);
            std::push_heap(nearest.begin(), nearest.end(), less);
            if (nearest.size() <= together_max) return true;
            more = true;
            std::pop_heap(nearest.begin(), nearest.end(), less);
            nearest.pop_back();
            return true;
        });
        std::sort_heap(nearest.begin(), nearest.end(), less);
        for (const candidate& c : nearest) {
            if (c.key == last) continue;  // by two stamps of one clock and origin
            last = c.key;
            if (!visit(c.key, event_at(records_, c.position))) return false;
        }
    }
    return true;
}

void order_view::walk(const order_key& after, const visit_event& visit) const {
    // One item is held back until the next tells whether it shares its clock with others.
    std::optional<order_item> held;
    bool shared = false;
    bool more = true;
    const auto visit_held = [&] {
        if (!held || !more) return;
        if (shared) {
            more = walk_clock(held->key.clock, after, visit);
            return;
        }
        const auto found = candidate_of(*held);
        if (found && found->key > after) {
            more = visit(found->key, event_at(records_, found->position));
        }
    };
    rows_.each({after.clock, {}}, item_key::end(), [&](const order_item& item) {
        if (held && held->key.clock == item.key.clock) {
            shared = true;
            return true;
        }
        visit_held();
        held = item;
        shared = false;
        return more;
    });
    visit_held();
}

item_range order_view::range(const item_key& low, const item_key& high) const {
    return rows_.add_up(low, high);
}

std::vector<order_item> order_view::items(const item_key& low, const item_key& high,
                                          std::size_t max) const {
    std::vector<order_item> found;
    if (max == 0) return found;
    rows_.each(low, high, [&](const order_item& item) {
        found.push_back(item);
        return found.size() < max;
    });
    return found;
}

}  // namespace idem
