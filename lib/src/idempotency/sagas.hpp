// What sagas do within the transactions of their store.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_object.hpp"
#include "idem/sagas.hpp"
#include "idempotency/saga_fold.hpp"
#include "idempotency/saga_rows.hpp"
#include "idempotency/saga_turn.hpp"
#include "idempotency/transact.hpp"

namespace idem {

class sagas::impl {
public:
    explicit impl(const transactor& t) : transactor_(t) {}

    const transactor& transactions() const noexcept { return transactor_; }
    const saga_fold& fold() const noexcept { return fold_; }
    storage::environment& env() const noexcept { return *transactor_.source().env; }

    // Throws not_found.
    saga_row row(const transaction::state& s, std::string_view id) const;
    std::optional<saga_row> find(std::string_view id) const;

    // Runs `change` on the row of a saga that a person names. Throws not_found.
    using change_row = std::function<void(transaction::state&, const saga_row&)>;
    void change(std::string_view id, const change_row& change) const;

    struct driven {
        saga_row row;  // as it was left
        std::uint64_t attempts = 0;
        bool moved = false;  // here
        bool fenced = false;
        bool fits = true;  // the steps it has begun are those of the definition
    };
    // Until it ends, waits or is stuck, or a stop is requested.
    driven drive(const saga_definition& definition, std::string_view id,
                 const saga_options& options, const std::stop_token& stop) const;
    saga_run run_due(std::span<const saga_definition> definitions, const saga_options& options,
                     const std::stop_token& stop) const;

private:
    std::optional<saga_attempt> take_turn(const saga_definition& definition, std::string_view id,
                                          const turn_options& options,
                                          std::optional<saga_report>& report, driven& result) const;
    saga_report make_attempt(const saga_definition& definition, std::string_view id,
                             saga_attempt& attempt, std::chrono::milliseconds lease) const;
    bool renew(std::string_view id, std::uint64_t fence, std::chrono::milliseconds lease) const;

    const transactor& transactor_;
    const saga_fold fold_;
};

// Throws invalid_input.
void check_saga_id(std::string_view id);
void check_definition(const saga_definition& definition);

// An event about a saga begins so.
json::object_writer about_saga(std::string_view id);
event make_saga_event(std::string_view type, std::string_view id, std::string data);

saga_info describe(std::string_view id, const saga_row& row);

}  // namespace idem
