#include "idempotency/saga_turn.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "idem/error.hpp"
#include "idempotency/keys.hpp"
#include "idempotency/lease_time.hpp"
#include "idempotency/saga_fold.hpp"
#include "idempotency/sagas.hpp"

namespace idem {
namespace {

std::uint64_t count(std::chrono::milliseconds time) noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
}

std::optional<std::uint64_t> sooner(std::optional<std::uint64_t> a,
                                    std::optional<std::uint64_t> b) noexcept {
    return a && b ? std::min(*a, *b) : a ? a : b;
}

std::uint64_t wait_after(const step_backoff& backoff, std::uint32_t attempts) noexcept {
    const std::uint64_t longest = count(backoff.longest);
    std::uint64_t wait = std::min(count(backoff.first), longest);
    for (std::uint32_t i = 1; i < attempts && wait > 0 && wait < longest; ++i) {
        wait = std::min(wait * 2, longest);
    }
    return wait;
}

// The id alone would be the same for the sagas of two applications that number theirs from 1.
uuid stable_key(const saga_row& row, std::string_view id, std::string_view step, bool undo) {
    const auto saga = blake2b::to_hex(blake2b::of({row.name, id}));
    return make_uuid_from_source("idem:saga:" + saga,
                                 fmt::format("{}:{}", undo ? "compensation" : "action", step));
}

std::string text_of(const std::vector<std::uint8_t>& bytes) {
    return {bytes.begin(), bytes.end()};
}

}  // namespace

bool fits(const saga_row& row, const saga_definition& definition) noexcept {
    if (row.name != definition.name || row.version != definition.version) return false;
    if (row.steps.size() > definition.steps.size()) return false;
    for (std::size_t i = 0; i < row.steps.size(); ++i) {
        const auto& begun = *row.steps[i];
        const auto& known = definition.steps[i];
        if (begun.name != known.name || begun.no_return != known.point_of_no_return) return false;
        if (begun.compensable && !known.compensation) return false;
    }
    return true;
}

json::object_writer saga_turn::under_lease() const {
    return about_saga(id_).number("fence", row_.fence);
}

// The row moves on as the fold will move it, so that what follows is decided on what will be.
void saga_turn::append(std::string_view type, const json::object_writer& data) {
    event e = make_saga_event(type, id_, data.str());
    if (!apply_to_saga(row_, true, type, json::object_reader(e.data))) {
        throw error(
            errc::corrupt,
            fmt::format("the saga {} cannot take an event {}; run `idem verify`", id_, type));
    }
    state_.events.push_back(std::move(e));
}

std::optional<saga_attempt> saga_turn::take() {
    const bool lost = row_.leased_until != 0 && !runs_until(row_.leased_until, state_.now_ms);
    if (!is_open(row_) || (row_.due > state_.now_ms && !lost)) return std::nullopt;
    json::object_writer data = about_saga(id_);
    data.number("fence", row_.fence + 1);
    data.number("leased_until", state_.now_ms + count(options_.lease));
    data.number("deadline", saga_deadline().value_or(0));
    append("idem.SagaLeased", data);
    return next();
}

std::optional<saga_attempt> saga_turn::report(const saga_report& made) {
    fenced_ = row_.fence != made.fence || !is_open(row_);
    if (fenced_) return std::nullopt;
    switch (made.result.how) {
        case step_result::kind::done: {
            refuse_own_streams(made.events);
            state_.events.insert(state_.events.end(), made.events.begin(), made.events.end());
            auto data = under_lease().number("step", made.step);
            if (made.undo) {
                append("idem.CompensationDone", data);
            } else {
                append("idem.StepDone", data.bytes("result", made.result.text));
            }
            break;
        }
        case step_result::kind::retry:
            retry(made.step, made.result.text);
            break;
        case step_result::kind::fail:
            fail(made.step, made.result.text, true);
            break;
    }
    return next();
}

std::optional<std::size_t> saga_turn::next_step() const {
    if (row_.turned) return step_to_undo(row_);
    if (const auto at = step_at(row_)) return at;
    if (row_.steps.size() < definition_.steps.size()) return row_.steps.size();
    return std::nullopt;
}

// Each round settles a step, turns or ends the saga.
std::optional<saga_attempt> saga_turn::next() {
    while (is_open(row_)) {
        if (turn_if_late()) continue;
        const auto at = next_step();
        if (!at) {
            append(row_.turned ? "idem.SagaCompensated" : "idem.SagaCompleted",
                   under_lease().number("at", state_.at_ms()));
            break;
        }
        if (row_.leased_until == 0 && row_.due > state_.now_ms) break;  // waits for another attempt
        if (give_up(*at)) continue;
        if (options_.may_begin) return begin(*at);
        append("idem.SagaRenewed", under_lease().number("leased_until", state_.now_ms));
        break;
    }
    return std::nullopt;
}

saga_attempt saga_turn::begin(std::size_t at) {
    const auto& step = definition_.steps[at];
    saga_attempt attempt{.step = at, .undo = row_.turned};
    if (at < row_.steps.size()) {
        const auto& begun = *row_.steps[at];
        attempt.again =
            (row_.turned ? compensation_of(begun) : action_of(begun)) == step_state::begun;
    }
    auto data = under_lease().number("step", at);
    if (!row_.turned) {
        data.text("name", step.name).flag("compensation", static_cast<bool>(step.compensation));
        data.flag("no_return", step.point_of_no_return);
    }
    data.number("at", state_.now_ms).number("leased_until", state_.now_ms + count(options_.lease));
    append(row_.turned ? "idem.CompensationBegun" : "idem.StepBegun", data);

    const auto& begun = *row_.steps[at];
    step_context& context = attempt.context;
    context.saga = id_;
    context.step = step.name;
    context.input = text_of(row_.input);
    context.key = stable_key(row_, id_, step.name, attempt.undo);
    context.attempt = attempt.undo ? begun.undo_attempts : begun.attempts;
    context.fence = row_.fence;
    context.action = action_of(begun);
    if (const auto end = deadline(at)) context.deadline = from_milliseconds(*end);
    for (const auto& earlier : row_.steps) {
        if (action_of(*earlier) == step_state::done) {
            context.results.emplace(earlier->name, text_of(earlier->result));
        }
    }
    return attempt;
}

// Where no further attempt is to be made.
bool saga_turn::give_up(std::size_t at) {
    if (at >= row_.steps.size()) return false;
    const auto& begun = *row_.steps[at];
    const auto& step = definition_.steps[at];
    const std::uint32_t attempts = row_.turned ? begun.undo_attempts : begun.attempts;
    const auto state = row_.turned ? compensation_of(begun) : action_of(begun);
    // It is told again each time, and must not grow.
    const std::string reason = begun.reason.substr(0, 1000);
    const std::string last = reason.empty() ? "" : "; the last failed: " + reason;
    const auto end = step_deadline(at);
    if (state == step_state::failed) {
        fail(at, reason, false);
    } else if (attempts >= step.attempts_max) {
        fail(at, fmt::format("{} attempts were made{}", attempts, last), false);
    } else if (attempts > 0 && end && *end <= state_.now_ms) {
        fail(at, fmt::format("not done within {} ms{}", step.timeout.count(), last), false);
    } else {
        return false;
    }
    return true;
}

// For good. What has failed behind the point of no return, what could not be undone, and what may
// or may not have happened at that point is for a person.
void saga_turn::fail(std::size_t at, const std::string& reason, bool nothing_happened) {
    const auto& begun = *row_.steps[at];
    const bool undo = row_.turned;
    if ((undo ? compensation_of(begun) : action_of(begun)) == step_state::begun) {
        append(undo ? "idem.CompensationFailed" : "idem.StepFailed",
               under_lease().number("step", at).text("reason", reason));
    }
    const std::string why =
        fmt::format("{}{}: {}", undo ? "the compensation of " : "", row_.steps[at]->name, reason);
    const bool in_doubt_there = row_.steps[at]->no_return && !nothing_happened;
    if (undo || past_return(row_) || in_doubt_there) {
        append("idem.SagaStuck", under_lease().text("reason", why));
    } else {
        turn(why);
    }
}

void saga_turn::retry(std::size_t at, const std::string& reason) {
    const auto& begun = *row_.steps[at];
    const auto& step = definition_.steps[at];
    const std::uint32_t attempts = row_.turned ? begun.undo_attempts : begun.attempts;
    if (attempts >= step.attempts_max) {
        const auto last =
            fmt::format("{} attempts were made; the last failed: {}", attempts, reason);
        return fail(at, last, false);
    }
    const std::uint64_t again = state_.now_ms + wait_after(step.backoff, attempts);
    auto data = under_lease().number("step", at).text("reason", reason);
    data.number("retry_at", sooner(again, deadline(at)).value());
    append(row_.turned ? "idem.CompensationFailed" : "idem.StepFailed", data);
}

void saga_turn::turn(const std::string& reason) {
    append("idem.SagaTurned", under_lease().text("reason", reason));
}

bool saga_turn::turn_if_late() {
    const auto end = saga_deadline();
    if (!end || *end > state_.now_ms) return false;
    turn(fmt::format("not done within {} ms", definition_.timeout.count()));
    return true;
}

// Behind the point of no return, and at it, time is no reason to turn.
std::optional<std::uint64_t> saga_turn::saga_deadline() const {
    const bool may_turn = !row_.turned && !past_return(row_) && !at_return(row_);
    if (definition_.timeout.count() <= 0 || !may_turn) return std::nullopt;
    return std::max(row_.started, row_.resumed) + count(definition_.timeout);
}

std::optional<std::uint64_t> saga_turn::step_deadline(std::size_t at) const {
    const auto& step = definition_.steps[at];
    if (step.timeout.count() <= 0 || at >= row_.steps.size()) return std::nullopt;
    const auto& begun = *row_.steps[at];
    const std::uint32_t attempts = row_.turned ? begun.undo_attempts : begun.attempts;
    if (attempts == 0) return std::nullopt;
    return (row_.turned ? begun.undo_began : begun.began) + count(step.timeout);
}

std::optional<std::uint64_t> saga_turn::deadline(std::size_t at) const {
    return sooner(saga_deadline(), step_deadline(at));
}

}  // namespace idem
