#include "idempotency/saga_fold.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "idem/limits.hpp"
#include "idempotency/row.hpp"

namespace idem {
namespace {

constexpr std::string_view started_type = "idem.SagaStarted";
constexpr std::string_view swept_type = "idem.SagasSwept";

std::vector<std::uint8_t> to_bytes(std::string_view text) {
    return {text.begin(), text.end()};
}

// One event held against the row of its saga.
class saga_change {
public:
    saga_change(saga_row& row, const json::object_reader& from) : row_(row), from_(from) {}

    bool start();
    bool lease();
    bool renew();
    bool begin_step();
    bool finish_step();
    bool fail_step();
    bool turn();
    bool begin_undo();
    bool finish_undo();
    bool fail_undo();
    bool complete();
    bool compensate();
    bool stick();
    bool resume();
    bool skip();
    bool abort();

    std::uint64_t number(std::string_view name) const { return from_.number(name).value_or(0); }

private:
    bool is(saga_state state) const { return state_of(row_) == state; }
    void become(saga_state state) { row_.state = static_cast<std::uint8_t>(state); }
    static void set(std::uint8_t& member, step_state state) {
        member = static_cast<std::uint8_t>(state);
    }
    std::string reason() const { return from_.text("reason").value_or(""); }

    void take_lease() {
        row_.leased_until = number("leased_until");
        row_.due = row_.leased_until;
    }
    void rest(std::uint64_t due) {
        row_.leased_until = 0;
        row_.due = due;
    }
    void end(saga_state state) {
        become(state);
        rest(0);
        row_.finished = number("at");
    }
    // By a person.
    void go_on() {
        become(row_.turned ? saga_state::compensating : saga_state::running);
        row_.resumed = number("at");
        rest(row_.resumed);
    }
    // The step that the event names, if it is the one that is at work.
    saga_step_row* named(std::optional<std::size_t> at) {
        return at && from_.number("step") == *at ? row_.steps[*at].get() : nullptr;
    }

    saga_row& row_;
    const json::object_reader& from_;
};

bool saga_change::start() {
    row_ = {};
    row_.name = from_.text("name").value_or("");
    row_.version = static_cast<std::uint32_t>(number("version"));
    row_.input = to_bytes(from_.bytes("input").value_or(""));
    const auto request = saga_fingerprint(row_.name, from_.bytes("input").value_or(""));
    row_.request.assign(request.begin(), request.end());
    become(saga_state::running);
    row_.started = number("at");
    row_.due = row_.started;
    return true;
}

bool saga_change::lease() {
    if (!is_open(row_)) return false;
    take_lease();
    row_.deadline = number("deadline");
    return true;
}

bool saga_change::renew() {
    if (!is_open(row_)) return false;
    take_lease();
    return true;
}

bool saga_change::begin_step() {
    if (!is(saga_state::running)) return false;
    saga_step_row* step = named(step_at(row_));
    if (!step) {
        if (step_at(row_) || number("step") != row_.steps.size()) return false;
        if (row_.steps.size() >= limits::saga_steps_max) return false;
        row_.steps.push_back(std::make_unique<saga_step_row>());
        step = row_.steps.back().get();
        step->name = from_.text("name").value_or("");
        step->compensable = from_.flag("compensation");
        step->no_return = from_.flag("no_return");
    }
    if (action_of(*step) == step_state::failed) return false;
    set(step->action, step_state::begun);
    if (step->attempts++ == 0) step->began = number("at");
    take_lease();
    return true;
}

bool saga_change::finish_step() {
    auto* const step = is(saga_state::running) ? named(step_at(row_)) : nullptr;
    if (!step || action_of(*step) != step_state::begun) return false;
    set(step->action, step_state::done);
    step->result = to_bytes(from_.bytes("result").value_or(""));
    step->reason.clear();
    return true;
}

bool saga_change::fail_step() {
    auto* const step = is(saga_state::running) ? named(step_at(row_)) : nullptr;
    if (!step || action_of(*step) != step_state::begun) return false;
    step->reason = reason();
    if (const auto retry_at = from_.number("retry_at")) {
        rest(*retry_at);
    } else {
        set(step->action, step_state::failed);
    }
    return true;
}

bool saga_change::turn() {
    if (!is(saga_state::running) || past_return(row_)) return false;
    become(saga_state::compensating);
    row_.turned = true;
    row_.reason = reason();
    return true;
}

bool saga_change::begin_undo() {
    auto* const step = is(saga_state::compensating) ? named(step_to_undo(row_)) : nullptr;
    if (!step || compensation_of(*step) == step_state::failed) return false;
    set(step->compensation, step_state::begun);
    if (step->undo_attempts++ == 0) step->undo_began = number("at");
    take_lease();
    return true;
}

bool saga_change::finish_undo() {
    auto* const step = is(saga_state::compensating) ? named(step_to_undo(row_)) : nullptr;
    if (!step || compensation_of(*step) != step_state::begun) return false;
    set(step->compensation, step_state::done);
    return true;
}

bool saga_change::fail_undo() {
    auto* const step = is(saga_state::compensating) ? named(step_to_undo(row_)) : nullptr;
    if (!step || compensation_of(*step) != step_state::begun) return false;
    step->reason = reason();
    if (const auto retry_at = from_.number("retry_at")) {
        rest(*retry_at);
    } else {
        set(step->compensation, step_state::failed);
    }
    return true;
}

bool saga_change::complete() {
    if (!is(saga_state::running) || row_.steps.empty() || step_at(row_)) return false;
    end(saga_state::completed);
    row_.reason.clear();
    return true;
}

bool saga_change::compensate() {
    if (!is(saga_state::compensating) || step_to_undo(row_)) return false;
    end(saga_state::compensated);
    return true;
}

bool saga_change::stick() {
    if (!is_open(row_)) return false;
    become(saga_state::stuck);
    rest(0);
    row_.reason = reason();
    return true;
}

bool saga_change::resume() {
    if (!is(saga_state::stuck)) return false;
    const auto at = row_.turned ? step_to_undo(row_) : step_at(row_);
    if (at) {
        auto& step = *row_.steps[*at];
        auto& state = row_.turned ? step.compensation : step.action;
        if (static_cast<step_state>(state) == step_state::failed) set(state, step_state::begun);
        (row_.turned ? step.undo_attempts : step.attempts) = 0;
    }
    row_.reason = reason();
    go_on();
    return true;
}

bool saga_change::skip() {
    if (is_finished(row_)) return false;
    auto* const step = named(row_.turned ? step_to_undo(row_) : step_at(row_));
    if (!step) return false;
    set(row_.turned ? step->compensation : step->action, step_state::skipped);
    step->reason = reason();
    go_on();
    return true;
}

bool saga_change::abort() {
    if (!may_abort(row_)) return false;
    become(saga_state::compensating);
    row_.turned = true;
    row_.reason = reason();
    // An attempt that is under way may go on until its lease is over.
    rest(std::max(row_.leased_until, number("at")));
    return true;
}

struct change_rule {
    std::string_view type;
    bool raises;  // the fence
    bool (saga_change::*change)();
};
constexpr std::array<change_rule, 15> rules = {{
    {"idem.SagaLeased", true, &saga_change::lease},
    {"idem.SagaRenewed", false, &saga_change::renew},
    {"idem.StepBegun", false, &saga_change::begin_step},
    {"idem.StepDone", false, &saga_change::finish_step},
    {"idem.StepFailed", false, &saga_change::fail_step},
    {"idem.SagaTurned", false, &saga_change::turn},
    {"idem.CompensationBegun", false, &saga_change::begin_undo},
    {"idem.CompensationDone", false, &saga_change::finish_undo},
    {"idem.CompensationFailed", false, &saga_change::fail_undo},
    {"idem.SagaCompleted", false, &saga_change::complete},
    {"idem.SagaCompensated", false, &saga_change::compensate},
    {"idem.SagaStuck", false, &saga_change::stick},
    {"idem.SagaResumed", true, &saga_change::resume},
    {"idem.StepSkipped", true, &saga_change::skip},
    {"idem.SagaAborted", true, &saga_change::abort},
}};

const change_rule* find_rule(std::string_view type) noexcept {
    const auto* const found = std::find_if(
        rules.begin(), rules.end(), [type](const change_rule& rule) { return rule.type == type; });
    return found == rules.end() ? nullptr : found;
}

bool is_name(const std::optional<std::string>& text) {
    return text && !text->empty() && text->size() <= limits::name_bytes_max &&
           !text::has_control(*text);
}

bool is_too_large(const std::optional<std::string>& bytes) {
    return bytes && bytes->size() > limits::result_bytes_max;
}

std::optional<std::string> fault_in(std::string_view type, const json::object_reader& from) {
    if (type == swept_type) {
        if (from.number("until") && from.number("limit")) return std::nullopt;
        return "has no numbers until and limit";
    }
    if (type != started_type && !find_rule(type)) {
        return "is of no type that the stream $sagas has";
    }
    if (!is_name(from.text("saga"))) return "names no saga";
    if (type == started_type) {
        const auto version = from.number("version");
        if (!is_name(from.text("name"))) return "names no definition";
        if (!version || *version == 0 || *version > 0xffffffff) return "has no version";
        if (is_too_large(from.bytes("input"))) return "has too large an input";
        return std::nullopt;
    }
    if (!from.number("fence")) return "has no fence";
    if (type == "idem.StepBegun" && !is_name(from.text("name"))) return "names no step";
    if (is_too_large(from.bytes("result"))) return "has too large a result";
    const auto reason = from.text("reason");  // of each step one, in a row that is read as a whole
    if (reason && reason->size() > saga_reason_bytes_max) return "has too long a reason";
    return std::nullopt;
}

}  // namespace

bool apply_to_saga(saga_row& row, bool known, std::string_view type,
                   const json::object_reader& from) {
    saga_change change(row, from);
    if (type == started_type) return !known && change.start();
    const auto* const rule = find_rule(type);
    if (!known || !rule || is_finished(row)) return false;
    const std::uint64_t raised = row.fence + (rule->raises ? 1 : 0);
    if (change.number("fence") != raised || !(change.*rule->change)()) return false;
    row.fence = raised;
    return true;
}

std::optional<std::string> saga_fold::fault_of(std::string_view type, std::string_view data) const {
    return fault_in(type, json::object_reader(data));
}

void saga_fold::apply(const event_view& e, reserved_rows& rows) const {
    const std::string data(e.data());  // what is written moves what is read in place
    const std::string type(e.type());
    const json::object_reader from(data);
    if (fault_in(type, from)) return;
    if (type == swept_type) {
        // Bounded as key_fold.hpp tells.
        const std::uint64_t until = std::min(*from.number("until"), e.stamp().clock >> 16);
        for (const auto& id : find_swept_sagas(rows, until, *from.number("limit"))) {
            sweep_saga(rows, id);
        }
        return;
    }
    const std::string id = *from.text("saga");
    const auto kept = rows.get(saga_row_key(id));
    const saga_row before = kept ? unpack<wire::SagaRow>(*kept) : saga_row{};
    saga_row after = before;
    if (!apply_to_saga(after, kept.has_value(), type, from)) return;
    write_saga(rows, id, kept ? &before : nullptr, after);
}

}  // namespace idem
