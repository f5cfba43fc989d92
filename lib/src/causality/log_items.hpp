// The items of a store, for a comparison with another.
#pragma once

#include <optional>
#include <vector>

#include "causality/sync_compare.hpp"
#include "log/index.hpp"
#include "storage/storage.hpp"

namespace idem::sync {

// Each call reads in a transaction of its own, so that a sync pins nothing. The environment
// outlives it. Makes or completes the order index first: throws as bring_up_to(). Other stamps are
// those that `notes` tells of.
class log_items final : public item_set {
public:
    log_items(storage::environment& env, const log_tables& tables, const stamp_notes& notes);

    item_range add_up(const item_key& low, const item_key& high) const override;
    std::vector<order_rows::part> split(const item_key& low, const item_key& high,
                                        std::uint64_t part_items) const override;
    std::vector<item_key> list(const item_key& low, const item_key& high,
                               std::size_t max) const override;

    // Of the event that an item stands for.
    std::optional<std::uint64_t> position_of(const storage::transaction& txn,
                                             const item_key& key) const;

private:
    storage::environment& env_;
    const storage::table order_;
};

}  // namespace idem::sync
