#include "idempotency/saga_rows.hpp"

#include <algorithm>

#include "base/big_endian.hpp"
#include "idempotency/row.hpp"

namespace idem {
namespace {

constexpr std::string_view by_due = "d";
constexpr std::string_view by_state = "l";
constexpr std::string_view by_end = "o";
constexpr std::size_t time_bytes = 8;

std::uint64_t bytes_of(const saga_row& row) noexcept {
    std::uint64_t bytes = row.input.size();
    for (const auto& step : row.steps) bytes += step->result.size();
    return bytes;
}

std::uint64_t& count_of(saga_sums& sums, saga_state state) noexcept {
    switch (state) {
        case saga_state::compensating:
            return sums.compensating;
        case saga_state::stuck:
            return sums.stuck;
        case saga_state::completed:
            return sums.completed;
        case saga_state::compensated:
            return sums.compensated;
        case saga_state::running:
            break;
    }
    return sums.running;
}

void count(saga_sums& sums, const saga_row& row, std::uint64_t sign) {
    count_of(sums, state_of(row)) += sign;
    sums.bytes += sign * bytes_of(row);
}

// The orders in which a row stands.
std::vector<std::string> orders_of(const saga_row& row, std::string_view id) {
    std::vector<std::string> orders;
    orders.push_back(state_prefix(state_of(row)).append(id));
    if (is_open(row)) {
        orders.push_back(encode_due(due_prefix(row.name, row.version), row.due).append(id));
    } else if (is_finished(row) && !row.swept) {
        std::string end(by_end);
        append_big_endian(end, row.finished);
        orders.push_back(end.append(id));
    }
    return orders;
}

}  // namespace

std::string saga_row_key(std::string_view id) {
    return std::string(saga_rows_prefix).append(id);
}

std::string saga_sums_key(std::string_view name, std::uint32_t version) {
    std::string key(saga_sums_prefix);
    key.append(name).push_back('\0');
    append_big_endian(key, version, 4);
    return key;
}

std::string due_prefix(std::string_view name, std::uint32_t version) {
    const auto hash = blake2b::of({name, std::to_string(version)});
    return std::string(by_due).append(blake2b::bytes_of(hash));
}

std::string state_prefix(saga_state state) {
    return std::string(by_state).append(1, static_cast<char>(state));
}

std::string encode_due(std::string_view prefix, std::uint64_t due) {
    std::string key(prefix);
    append_big_endian(key, due);
    return key;
}

due_saga decode_due(std::string_view rest) {
    return {from_big_endian(rest), std::string(rest.substr(std::min(rest.size(), time_bytes)))};
}

blake2b::digest saga_fingerprint(std::string_view name, std::string_view input) {
    return blake2b::of({name, input});
}

std::optional<std::size_t> step_at(const saga_row& row) noexcept {
    if (row.steps.empty() || is_settled(action_of(*row.steps.back()))) return std::nullopt;
    return row.steps.size() - 1;
}

std::optional<std::size_t> step_to_undo(const saga_row& row) noexcept {
    for (std::size_t i = row.steps.size(); i-- > 0;) {
        const auto& step = *row.steps[i];
        if (step.compensable && !is_settled(compensation_of(step))) return i;
    }
    return std::nullopt;
}

bool past_return(const saga_row& row) noexcept {
    return std::any_of(row.steps.begin(), row.steps.end(), [](const auto& step) {
        return step->no_return && is_settled(action_of(*step));
    });
}

bool at_return(const saga_row& row) noexcept {
    const auto at = step_at(row);
    return at && row.steps[*at]->no_return;
}

bool may_abort(const saga_row& row) noexcept {
    if (row.turned || is_finished(row) || past_return(row)) return false;
    // While an attempt at it may be under way, nobody can say that it will not be done.
    return !at_return(row) || state_of(row) == saga_state::stuck;
}

void write_saga(reserved_rows& rows, std::string_view id, const saga_row* before,
                const saga_row& after) {
    const std::string sums_key = saga_sums_key(after.name, after.version);
    const auto kept = rows.get(sums_key);
    saga_sums sums = kept ? unpack<wire::SagaSums>(*kept) : saga_sums{};
    const saga_sums known = sums;
    sums.name = after.name;
    sums.version = after.version;
    const auto now = orders_of(after, id);
    if (before) {
        count(sums, *before, ~0ULL);
        for (const auto& order : orders_of(*before, id)) {
            if (std::find(now.begin(), now.end(), order) == now.end()) rows.erase(order);
        }
    }
    count(sums, after, 1);
    for (const auto& order : now) rows.put(order, {});
    rows.put(saga_row_key(id), pack<wire::SagaRow>(after));
    if (!(sums == known)) rows.put(sums_key, pack<wire::SagaSums>(sums));
}

std::vector<std::string> find_swept_sagas(const reserved_rows& rows, std::uint64_t until,
                                          std::uint64_t limit) {
    constexpr std::uint64_t limit_max = 10'000;  // of one event, whoever made it
    std::vector<std::string> ids;
    for (const auto& key : rows.keys(by_end, std::min(limit, limit_max))) {
        auto [finished, id] = decode_due(std::string_view(key).substr(by_end.size()));
        if (finished > until) break;
        ids.push_back(std::move(id));
    }
    return ids;
}

void sweep_saga(reserved_rows& rows, std::string_view id) {
    const auto found = rows.get(saga_row_key(id));
    if (!found) return;
    const auto before = unpack<wire::SagaRow>(*found);
    saga_row after = before;
    after.input.clear();
    for (auto& step : after.steps) step->result.clear();
    after.swept = true;
    write_saga(rows, id, &before, after);
}

}  // namespace idem
