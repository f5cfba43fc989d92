#include "idempotency/sagas.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idempotency/keys.hpp"
#include "idempotency/row.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace {

[[noreturn]] void refuse(const char* field, const std::string& why) {
    throw error(errc::invalid_input, fmt::format("{} {}", field, why), {.field = field});
}

void check_name(const char* field, std::string_view name) {
    if (name.empty()) refuse(field, "is empty");
    if (name.size() > limits::name_bytes_max) {
        refuse(field,
               fmt::format("has {} bytes; the limit is {}", name.size(), limits::name_bytes_max));
    }
    if (text::invalid_utf8(name)) refuse(field, "is not UTF-8");
    if (text::has_control(name)) refuse(field, "holds a control character");
}

void check_length(const char* field, std::chrono::milliseconds length) {
    constexpr std::chrono::hours longest(24 * 366 * 100);
    if (length.count() >= 0 && length <= longest) return;
    refuse(field, fmt::format("is {} ms: give 0 to a hundred years", length.count()));
}

// What this transaction has started already is in no row yet.
std::optional<saga_start> find_pending(const transaction::state& s, std::string_view id,
                                       const blake2b::digest& request) {
    for (const auto& e : s.events) {
        if (e.stream != "$sagas" || e.correlation_id != id || e.type != "idem.SagaStarted") {
            continue;
        }
        const json::object_reader from(e.data);
        const auto before =
            saga_fingerprint(from.text("name").value_or(""), from.bytes("input").value_or(""));
        return saga_start{before == request ? start_outcome::known : start_outcome::mismatch};
    }
    return std::nullopt;
}

std::optional<timestamp> time_of(std::uint64_t ms) {
    return ms == 0 ? std::nullopt : std::optional(from_milliseconds(ms));
}

void add(saga_counts& to, const saga_sums& sums) {
    to.running += sums.running;
    to.compensating += sums.compensating;
    to.stuck += sums.stuck;
    to.completed += sums.completed;
    to.compensated += sums.compensated;
    to.bytes += sums.bytes;
}

}  // namespace

void check_saga_id(std::string_view id) {
    check_name("saga", id);
}

void check_definition(const saga_definition& definition) {
    check_name("definition", definition.name);
    if (definition.version == 0) refuse("version", "is 0: versions count from 1");
    check_length("timeout", definition.timeout);
    const std::size_t count = definition.steps.size();
    if (count == 0 || count > limits::saga_steps_max) {
        refuse("steps", fmt::format("are {}: give 1 to {}", count, limits::saga_steps_max));
    }
    std::set<std::string_view> names;
    for (const auto& step : definition.steps) {
        check_name("step", step.name);
        const auto of_step = [&](const char* why) {
            refuse("step", fmt::format("{} {}", text::shown(step.name), why));
        };
        if (!names.insert(step.name).second) of_step("is there twice");
        if (!step.action) of_step("has no action");
        if (step.attempts_max == 0) of_step("has no attempts: give at least 1");
        if (step.point_of_no_return && step.compensation) {
            of_step("is the point of no return and has a compensation: nothing calls it");
        }
        check_length("timeout", step.timeout);
        check_length("backoff", step.backoff.first);
        check_length("backoff", step.backoff.longest);
    }
}

json::object_writer about_saga(std::string_view id) {
    json::object_writer data;
    data.text("saga", id);
    return data;
}

event make_saga_event(std::string_view type, std::string_view id, std::string data) {
    event e;
    e.stream = "$sagas";
    e.type = type;
    e.data = std::move(data);
    e.correlation_id = id;
    return e;
}

const std::string& step_context::result(std::string_view of) const {
    const auto found = results.find(of);
    if (found != results.end()) return found->second;
    throw error(errc::not_found, fmt::format("the step {} is not done", text::shown(of)));
}

saga_start transaction::start_saga(std::string_view name, std::uint32_t version,
                                   std::string_view id, std::string_view input) {
    check_name("definition", name);
    check_saga_id(id);
    if (version == 0) refuse("version", "is 0: versions count from 1");
    if (input.size() > limits::result_bytes_max) {
        refuse("input", fmt::format("has {} bytes; the limit is {}: keep large inputs elsewhere "
                                    "and give a reference",
                                    input.size(), limits::result_bytes_max));
    }
    const auto request = saga_fingerprint(name, input);
    if (const auto pending = find_pending(state_, id, request)) return *pending;
    if (const auto kept = open_reserved(state_.log, saga_fold()).get(saga_row_key(id))) {
        const auto row = unpack<wire::SagaRow>(*kept);
        const bool same = view_of(row.request) == blake2b::bytes_of(request);
        return {same ? start_outcome::known : start_outcome::mismatch, state_of(row)};
    }
    auto data = about_saga(id).text("name", name).number("version", version);
    data.bytes("input", input).number("at", state_.now_ms);
    state_.events.push_back(make_saga_event("idem.SagaStarted", id, data.str()));
    return {};
}

saga_start sagas::start(const saga_definition& definition, std::string_view id,
                        std::string_view input) {
    check_definition(definition);
    saga_start result;
    impl_.transactions().run([&](transaction::state& s) {
        result = transaction(s).start_saga(definition.name, definition.version, id, input);
    });
    return result;
}

saga_row sagas::impl::row(const transaction::state& s, std::string_view id) const {
    if (const auto kept = open_reserved(s.log, fold_).get(saga_row_key(id))) {
        return unpack<wire::SagaRow>(*kept);
    }
    throw error(errc::not_found,
                fmt::format("no saga has the id {}; `idem sagas` lists them", text::shown(id)));
}

std::optional<saga_row> sagas::impl::find(std::string_view id) const {
    const auto table = find_reserved(env(), fold_);
    if (!table) return std::nullopt;
    const storage::read_transaction txn(env());
    const auto kept = txn.get(*table, saga_row_key(id));
    return kept ? std::optional(unpack<wire::SagaRow>(*kept)) : std::nullopt;
}

saga_info describe(std::string_view id, const saga_row& row) {
    saga_info info;
    info.id = id;
    info.name = row.name;
    info.version = row.version;
    info.state = state_of(row);
    info.turned = row.turned;
    info.input = view_of(row.input);
    for (const auto& step : row.steps) {
        saga_step_info& told = info.steps.emplace_back();
        told.name = step->name;
        told.action = action_of(*step);
        told.compensation = compensation_of(*step);
        told.compensable = step->compensable;
        told.point_of_no_return = step->no_return;
        told.attempts = step->attempts;
        told.compensation_attempts = step->undo_attempts;
        told.result = view_of(step->result);
        told.reason = step->reason;
    }
    info.reason = row.reason;
    info.fence = row.fence;
    info.started = from_milliseconds(row.started);
    info.leased_until = time_of(row.leased_until);
    if (is_open(row)) info.due = from_milliseconds(row.due);
    info.deadline = time_of(row.deadline);
    info.finished = time_of(row.finished);
    info.swept = row.swept;
    return info;
}

const saga_step_info* saga_info::current() const noexcept {
    if (state == saga_state::completed || state == saga_state::compensated) return nullptr;
    if (!turned) return steps.empty() || is_settled(steps.back().action) ? nullptr : &steps.back();
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
        if (step->compensable && !is_settled(step->compensation)) return &*step;
    }
    return nullptr;
}

std::optional<saga_info> sagas::find(std::string_view id) const {
    check_saga_id(id);
    const auto row = impl_.find(id);
    return row ? std::optional(describe(id, *row)) : std::nullopt;
}

std::vector<saga_info> sagas::list(const saga_filter& filter) const {
    auto& env = impl_.env();
    const auto table = find_reserved(env, impl_.fold());
    std::vector<saga_info> found;
    if (!table || filter.limit == 0) return found;
    const std::string prefix =
        filter.state ? state_prefix(*filter.state) : std::string(saga_rows_prefix);
    std::string from = prefix;
    if (!filter.after.empty()) {
        check_saga_id(filter.after);
        from.append(filter.after).push_back('\0');
    }
    const storage::read_transaction txn(env);
    storage::cursor keys(txn, *table);
    for (auto key = keys.seek(from); key && key->first.starts_with(prefix); key = keys.next()) {
        const auto id = key->first.substr(prefix.size());
        const auto kept = filter.state ? txn.get(*table, saga_row_key(id)) : key->second;
        if (!kept) continue;
        const auto row = unpack<wire::SagaRow>(*kept);
        if (filter.name && row.name != *filter.name) continue;
        found.push_back(describe(id, row));
        if (found.size() == filter.limit) break;
    }
    return found;
}

saga_stats sagas::stats() const {
    auto& env = impl_.env();
    const auto table = find_reserved(env, impl_.fold());
    saga_stats result;
    if (!table) return result;
    const storage::read_transaction txn(env);
    result.table_bytes = txn.stats(*table).bytes;
    storage::cursor rows(txn, *table);
    for (auto row = rows.seek(saga_sums_prefix); row && row->first.starts_with(saga_sums_prefix);
         row = rows.next()) {
        const auto sums = unpack<wire::SagaSums>(row->second);
        saga_counts& of_one = result.of_each.emplace_back();
        of_one.name = sums.name;
        of_one.version = sums.version;
        add(of_one, sums);
        add(result.all, sums);
    }
    return result;
}

}  // namespace idem
