// A store as a side of a sync.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "causality/log_items.hpp"
#include "causality/origin_tables.hpp"
#include "causality/replica.hpp"
#include "causality/sync_transfer.hpp"
#include "idem/sync.hpp"

namespace idem::sync {

// For one sync: what is appended after it is made is not told of. Outlived by the store.
class store_port final : public event_port {
public:
    explicit store_port(replica::impl& store);

    const item_set& items() const noexcept { return items_; }
    std::optional<carried_event> load(const item_key& key) override;
    std::vector<verdict> take_in(std::span<const carried_event> events) override;
    void pushed(const carried_event& e, verdict became) override;

    // As this side sees them.
    const std::vector<sync_problem>& problems() const noexcept { return problems_; }

private:
    void note(sync_problem problem);

    replica::impl& store_;
    storage::environment& env_;
    const log_tables& tables_;
    const log_items items_;
    std::vector<sync_problem> problems_;
};

}  // namespace idem::sync
