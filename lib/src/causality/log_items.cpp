#include "causality/log_items.hpp"

#include "log/order_index.hpp"

namespace idem::sync {

log_items::log_items(storage::environment& env, const log_tables& tables, const stamp_notes& notes)
    : env_(env), order_(bring_up_to(env, tables, ~0ULL, notes)) {}

item_range log_items::add_up(const item_key& low, const item_key& high) const {
    const storage::read_transaction txn(env_);
    return order_rows(txn, order_).add_up(low, high);
}

std::vector<order_rows::part> log_items::split(const item_key& low, const item_key& high,
                                               std::uint64_t part_items) const {
    const storage::read_transaction txn(env_);
    return order_rows(txn, order_).split(low, high, part_items);
}

std::vector<item_key> log_items::list(const item_key& low, const item_key& high,
                                      std::size_t max) const {
    std::vector<item_key> keys;
    if (max == 0) return keys;
    const storage::read_transaction txn(env_);
    order_rows(txn, order_).each(low, high, [&](const order_item& item) {
        keys.push_back(item.key);
        return keys.size() < max;
    });
    return keys;
}

std::optional<std::uint64_t> log_items::position_of(const storage::transaction& txn,
                                                    const item_key& key) const {
    const auto item = order_rows(txn, order_).find(key);
    return item ? std::optional(item->position) : std::nullopt;
}

}  // namespace idem::sync
