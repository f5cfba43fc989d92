// What people do with sagas that stand still, and the sweep.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "idempotency/lease_time.hpp"
#include "idempotency/row.hpp"
#include "idempotency/saga_fold.hpp"
#include "idempotency/sagas.hpp"

namespace idem {
namespace {

constexpr std::array<std::string_view, 6> saga_states = {"",      "running",   "compensating",
                                                         "stuck", "completed", "compensated"};

[[noreturn]] void refuse(const std::string& why) {
    throw error(errc::invalid_input, why, {.field = "saga"});
}

void check_reason(std::string_view reason) {
    if (reason.size() <= saga_reason_bytes_max) return;
    throw error(errc::invalid_input,
                fmt::format("the reason has {} bytes; the limit is {}", reason.size(),
                            saga_reason_bytes_max),
                {.field = "reason"});
}

void require_idle(const transaction::state& s, const saga_row& row) {
    if (!runs_until(row.leased_until, s.now_ms)) return;
    throw error(errc::busy,
                "somebody is at work on the saga; wait until the lease is over, or abort it");
}

// The next fence refuses whatever a runner that is late still has to say.
json::object_writer by_person(std::string_view id, const transaction::state& s, const saga_row& row,
                              std::string_view reason) {
    json::object_writer data = about_saga(id);
    data.number("fence", row.fence + 1).text("reason", reason).number("at", s.now_ms);
    return data;
}

// Only one that is stuck is resumed, and whoever holds it loses it so.
void stop(transaction::state& s, std::string_view id, const saga_row& row) {
    json::object_writer data = about_saga(id);
    data.number("fence", row.fence).text("reason", "stopped by a person");
    s.events.push_back(make_saga_event("idem.SagaStuck", id, data.str()));
}

}  // namespace

std::string_view to_string(saga_state state) noexcept {
    const auto index = static_cast<std::size_t>(state);
    return index > 0 && index < saga_states.size() ? saga_states[index] : "unknown";
}

std::optional<saga_state> parse_saga_state(std::string_view text) noexcept {
    const auto found = std::find(saga_states.begin() + 1, saga_states.end(), text);
    if (found == saga_states.end()) return std::nullopt;
    return static_cast<saga_state>(found - saga_states.begin());
}

std::string_view to_string(step_state state) noexcept {
    constexpr std::array<std::string_view, 5> names = {"waiting", "begun", "done", "failed",
                                                       "skipped"};
    const auto index = static_cast<std::size_t>(state);
    return index < names.size() ? names[index] : "unknown";
}

std::string_view to_string(start_outcome outcome) noexcept {
    constexpr std::array<std::string_view, 3> names = {"started", "known", "mismatch"};
    const auto index = static_cast<std::size_t>(outcome);
    return index < names.size() ? names[index] : "unknown";
}

void sagas::impl::change(std::string_view id, const change_row& change) const {
    check_saga_id(id);
    transactor_.run([&](transaction::state& s) { change(s, row(s, id)); });
}

void sagas::resume(std::string_view id, std::string_view reason) {
    check_reason(reason);
    impl_.change(id, [&](transaction::state& s, const saga_row& row) {
        const bool waits = is_open(row) && row.due > s.now_ms;
        if (state_of(row) != saga_state::stuck && !waits) {
            refuse(fmt::format("the saga {} is {}, and neither stuck nor waiting", text::shown(id),
                               to_string(state_of(row))));
        }
        require_idle(s, row);
        if (waits) stop(s, id, row);
        s.events.push_back(
            make_saga_event("idem.SagaResumed", id, by_person(id, s, row, reason).str()));
    });
}

void sagas::skip_step(std::string_view id, std::string_view reason, std::string_view step) {
    check_reason(reason);
    impl_.change(id, [&](transaction::state& s, const saga_row& row) {
        const auto at = row.turned ? step_to_undo(row) : step_at(row);
        if (is_finished(row) || !at) {
            refuse(fmt::format("the saga {} is {}, and at no step that could be skipped",
                               text::shown(id), to_string(state_of(row))));
        }
        if (!step.empty() && step != row.steps[*at]->name) {
            refuse(fmt::format("the saga {} is at the step {}, not {}", text::shown(id),
                               row.steps[*at]->name, text::shown(step)));
        }
        require_idle(s, row);
        auto data = by_person(id, s, row, reason).number("step", *at);
        s.events.push_back(make_saga_event("idem.StepSkipped", id, data.str()));
    });
}

void sagas::abort(std::string_view id, std::string_view reason) {
    check_reason(reason);
    impl_.change(id, [&](transaction::state& s, const saga_row& row) {
        if (!may_abort(row)) {
            const std::string what =
                past_return(row) ? "past its point of no return: resume it or skip a step"
                : row.turned || is_finished(row) ? std::string(to_string(state_of(row)))
                                                 : "at its point of no return, and not stuck";
            refuse(fmt::format("the saga {} cannot be aborted: it is {}", text::shown(id), what));
        }
        // The compensation waits for the end of a lease, but not of one that has none.
        if (row.leased_until > s.now_ms && !runs_until(row.leased_until, s.now_ms)) {
            stop(s, id, row);
        }
        s.events.push_back(
            make_saga_event("idem.SagaAborted", id, by_person(id, s, row, reason).str()));
    });
}

saga_sweep_result sagas::sweep(const saga_sweep_options& options) {
    constexpr std::size_t limit_max = 10'000;
    const std::size_t limit = std::clamp<std::size_t>(options.limit, 1, limit_max);
    const auto keep = static_cast<std::uint64_t>(std::max<std::int64_t>(options.keep.count(), 0));
    std::size_t swept = 0;
    impl_.transactions().run([&](transaction::state& s) {
        const std::uint64_t until = s.log_ms() - std::min(s.log_ms(), keep);
        swept = find_swept_sagas(open_reserved(s.log, impl_.fold()), until, limit).size();
        if (swept == 0) return;
        json::object_writer data;
        data.number("until", until).number("limit", limit);
        event e;
        e.stream = "$sagas";
        e.type = "idem.SagasSwept";
        e.data = data.str();
        s.events.push_back(std::move(e));
    });
    return {swept, swept == limit};
}

}  // namespace idem
