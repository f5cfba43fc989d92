// What effects do within the transactions of their store.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_object.hpp"
#include "idem/effects.hpp"
#include "idempotency/effect_fold.hpp"
#include "idempotency/effect_rows.hpp"
#include "idempotency/transact.hpp"

namespace idem {

class effects::impl {
public:
    explicit impl(const transactor& t) : transactor_(t) {}

    const transactor& transactions() const noexcept { return transactor_; }
    const effect_fold& fold() const noexcept { return fold_; }
    storage::environment& environment() const noexcept { return *transactor_.source().env; }

    // When the first of these names is due, or its lease over; nullopt: none waits.
    std::optional<std::uint64_t> next_time(const std::vector<std::string>& names) const;

    // Runs `change` on the row of an effect that a person names, where nobody has a lease on it.
    // Throws not_found, busy.
    using change_row = std::function<void(transaction::state&, const effect_row&)>;
    void change(const uuid& id, const change_row& change) const;

    // Appends an event about the effect; `more` adds members to it.
    template <class More>
    static void append(transaction::state& s, std::string_view type, const uuid& id,
                       std::uint64_t fence, More&& more) {
        json::object_writer data;
        data.text("effect", to_string(id)).number("fence", fence);
        more(data);
        s.events.push_back(make_event(type, id, data.str()));
    }

private:
    static event make_event(std::string_view type, const uuid& id, std::string data);

    const transactor& transactor_;
    const effect_fold fold_;
};

}  // namespace idem
