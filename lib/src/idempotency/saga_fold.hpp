// Sagas as a fold of the stream "$sagas". Each event names its saga by `saga`, the id. What a
// runner appends names the `fence` of its lease; what begins a lease, or is done by a person, the
// next fence, which it raises:
//
//     idem.SagaStarted         name, version, input, at
//     idem.SagaLeased          fence + 1, leased_until, deadline
//     idem.SagaRenewed         fence, leased_until
//     idem.StepBegun           fence, step, name, compensation, no_return, at, leased_until
//     idem.StepDone            fence, step, result
//     idem.StepFailed          fence, step, reason, retry_at; without retry_at for good
//     idem.SagaTurned          fence, reason: to compensation
//     idem.CompensationBegun   fence, step, at, leased_until
//     idem.CompensationDone    fence, step
//     idem.CompensationFailed  fence, step, reason, retry_at; without retry_at for good
//     idem.SagaCompleted       fence, at
//     idem.SagaCompensated     fence, at
//     idem.SagaStuck           fence, reason
//     idem.SagaResumed         fence + 1, reason, at
//     idem.StepSkipped         fence + 1, step, reason, at
//     idem.SagaAborted         fence + 1, reason, at
//     idem.SagasSwept          until, limit
//
// A step is named by its number, from 0. Times are milliseconds since 1970; `at` of an end and
// `until` are log time, all others are of the wall clock.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json_object.hpp"
#include "idempotency/reserved.hpp"
#include "idempotency/saga_rows.hpp"

namespace idem {

inline constexpr std::size_t saga_reason_bytes_max = 4096;

class saga_fold final : public reserved_fold {
public:
    std::string_view stream() const noexcept override { return "$sagas"; }
    std::string_view table() const noexcept override { return "sagas"; }
    bool is_work() const noexcept override { return true; }
    std::uint32_t version() const noexcept override { return 1; }
    std::optional<std::string> fault_of(std::string_view type,
                                        std::string_view data) const override;
    void apply(const event_view& e, reserved_rows& rows) const override;
};

// What an event makes of a row; `known`: there is one. False: nothing.
bool apply_to_saga(saga_row& row, bool known, std::string_view type,
                   const json::object_reader& from);

}  // namespace idem
