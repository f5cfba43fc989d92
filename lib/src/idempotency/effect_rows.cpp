#include "idempotency/effect_rows.hpp"

#include <algorithm>

#include "base/big_endian.hpp"
#include "base/blake2b.hpp"
#include "idempotency/lease_time.hpp"
#include "idempotency/row.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace {

constexpr std::string_view by_due = "d";
constexpr std::string_view by_name = "f";
constexpr std::string_view queues = "q";
constexpr std::string_view standing = "b";
constexpr std::string_view by_end = "o";
constexpr std::size_t number_bytes = 8;
constexpr std::size_t uuid_bytes = 16;

std::string_view bytes_of(const uuid& id) noexcept {
    return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

std::string when_due(std::string key, const effect_row& row, const uuid& id) {
    append_big_endian(key, due_time(row));
    append_big_endian(key, row.sequence);  // of those due at once the first in the log
    return key.append(bytes_of(id));
}
std::string when_finished(const effect_row& row, const uuid& id) {
    std::string key(by_end);
    append_big_endian(key, row.finished);
    return key.append(bytes_of(id));
}
std::string hashed(std::string_view prefix, std::string_view text) {
    return std::string(prefix).append(blake2b::bytes_of(blake2b::of({text})));
}
std::string queue_key(const effect_row& row) {
    std::string key = hashed(queues, row.order_key);
    append_big_endian(key, row.sequence);
    return key;
}

// The first entries of an order from a time on.
void find_first(const storage::transaction& txn, storage::table table, std::string_view prefix,
                std::uint64_t from, std::uint64_t until, std::size_t limit,
                std::vector<due_effect>& found) {
    storage::cursor rows(txn, table);
    std::size_t left = limit;
    std::string start(prefix);
    append_big_endian(start, from);
    for (auto row = rows.seek(start); row && row->first.starts_with(prefix) && left > 0;
         row = rows.next(), --left) {
        const std::string_view rest = row->first.substr(prefix.size());
        if (rest.size() != number_bytes + number_bytes + uuid_bytes) break;
        const std::uint64_t time = from_big_endian(rest);
        if (time > until) break;
        found.push_back({time, from_big_endian(rest.substr(number_bytes)), read_effect_id(rest)});
    }
}

// Under a lease that nobody can have been granted. What is due as late was declared so.
void find_lost(const storage::transaction& txn, storage::table table, std::string_view prefix,
               std::uint64_t now_ms, std::size_t limit, std::vector<due_effect>& found) {
    std::vector<due_effect> late;
    find_first(txn, table, prefix, first_impossible(now_ms), ~0ULL, limit, late);
    for (const auto& candidate : late) {
        const auto row = txn.get(table, effect_row_key(candidate.id));
        if (!row) continue;
        if (state_of(unpack<wire::EffectRow>(*row)) == effect_state::attempted) {
            found.push_back(candidate);
        }
    }
}

std::vector<std::string> prefixes_of(const std::vector<std::string>& names) {
    std::vector<std::string> prefixes;
    if (names.empty()) prefixes.emplace_back(by_due);
    for (const auto& name : names) prefixes.push_back(hashed(by_name, name));
    return prefixes;
}

effect_sums sums_of(const reserved_rows& rows) {
    const auto row = rows.get(effect_sums_key);
    return row ? unpack<wire::EffectSums>(*row) : effect_sums{};
}

std::uint64_t& count_of(effect_sums& sums, effect_state state) noexcept {
    switch (state) {
        case effect_state::due:
            return sums.due;
        case effect_state::attempted:
            return sums.attempted;
        case effect_state::failed:
            return sums.failed;
        case effect_state::done:
            return sums.done;
        case effect_state::unknown:
            return sums.unknown;
        case effect_state::dead:
            return sums.dead;
        case effect_state::discarded:
            return sums.discarded;
        case effect_state::compensated:
            break;
    }
    return sums.compensated;
}

void count(effect_sums& sums, const effect_row& row, std::uint64_t sign) {
    count_of(sums, state_of(row)) += sign;
    sums.payload_bytes += sign * row.payload.size();
    sums.result_bytes += sign * row.result.size();
}

// The orders in which a row stands, if it is its turn.
template <class Visit>
void each_order(const effect_row& row, const uuid& id, Visit&& visit) {
    const effect_state state = state_of(row);
    if (is_waiting(state)) {
        visit(when_due(std::string(by_due), row, id));
        visit(when_due(hashed(by_name, row.name), row, id));
    } else if (stands_still(state)) {
        visit(standing_prefix(state).append(bytes_of(id)));
    } else {
        visit(when_finished(row, id));
    }
}

bool has_its_turn(const reserved_rows& rows, const effect_row& row) {
    if (row.order_key.empty() || !is_waiting(state_of(row))) return true;
    const auto first = rows.keys(hashed(queues, row.order_key), 1);
    return !first.empty() && first.front() == queue_key(row);
}

void put_orders(reserved_rows& rows, const uuid& id, const effect_row& row) {
    if (!has_its_turn(rows, row)) return;
    each_order(row, id, [&rows](const std::string& key) { rows.put(key, {}); });
}

// One has left the queue: who is the first now has its turn.
void promote(reserved_rows& rows, std::string_view order_key) {
    const auto first = rows.keys(hashed(queues, order_key), 1);
    if (first.empty()) return;
    const auto id = rows.get(first.front());
    if (!id) return;
    const uuid next = read_effect_id(*id);
    if (const auto row = find_effect(rows, next)) put_orders(rows, next, *row);
}

}  // namespace

std::string effect_row_key(const uuid& id) {
    return std::string(effect_rows_prefix).append(bytes_of(id));
}

std::string standing_prefix(effect_state state) {
    return std::string(standing).append(1, static_cast<char>(state));
}

uuid read_effect_id(std::string_view bytes) noexcept {
    uuid id;
    if (bytes.size() >= uuid_bytes) {
        std::copy(bytes.end() - uuid_bytes, bytes.end(), id.bytes.begin());
    }
    return id;
}

std::optional<effect_row> find_effect(const reserved_rows& rows, const uuid& id) {
    const auto found = rows.get(effect_row_key(id));
    return found ? std::optional(unpack<wire::EffectRow>(*found)) : std::nullopt;
}

void write_effect(reserved_rows& rows, const uuid& id, const effect_row* before,
                  const effect_row& after) {
    effect_sums sums = sums_of(rows);
    if (before) {
        count(sums, *before, ~0ULL);
        each_order(*before, id, [&rows](const std::string& key) { rows.erase(key); });
    }
    count(sums, after, 1);
    rows.put(effect_sums_key, pack<wire::EffectSums>(sums));
    rows.put(effect_row_key(id), pack<wire::EffectRow>(after));
    const bool queued = !after.order_key.empty();
    const bool leaves = before && !is_finished(state_of(*before)) && is_finished(state_of(after));
    if (queued && !before) rows.put(queue_key(after), bytes_of(id));
    if (queued && leaves) rows.erase(queue_key(after));
    put_orders(rows, id, after);
    if (queued && leaves) promote(rows, after.order_key);
}

std::vector<due_effect> find_due(const storage::transaction& txn, storage::table table,
                                 const std::vector<std::string>& names, std::uint64_t now_ms,
                                 std::size_t limit) {
    std::vector<due_effect> found;
    for (const auto& prefix : prefixes_of(names)) {
        find_first(txn, table, prefix, 0, now_ms, limit, found);
        find_lost(txn, table, prefix, now_ms, limit, found);
    }
    std::sort(found.begin(), found.end());
    if (found.size() > limit) found.resize(limit);
    return found;
}

std::optional<std::uint64_t> next_due_time(const storage::transaction& txn, storage::table table,
                                           const std::vector<std::string>& names,
                                           std::uint64_t now_ms) {
    constexpr std::size_t looked_at_max = 64;
    std::vector<due_effect> first;
    std::vector<due_effect> lost;
    for (const auto& prefix : prefixes_of(names)) {
        find_first(txn, table, prefix, 0, ~0ULL, 1, first);
        find_lost(txn, table, prefix, now_ms, looked_at_max, lost);
    }
    if (first.empty()) return std::nullopt;
    const std::uint64_t time = std::min_element(first.begin(), first.end())->time;
    return lost.empty() ? time : std::min(time, now_ms);
}

std::optional<uuid> second_in_queue(const reserved_rows& rows, std::string_view order_key) {
    const auto firsts = rows.keys(hashed(queues, order_key), 2);
    if (firsts.size() < 2) return std::nullopt;
    const auto id = rows.get(firsts[1]);
    return id ? std::optional(read_effect_id(*id)) : std::nullopt;
}

std::vector<uuid> find_swept_effects(reserved_rows rows, const sweep_until& bounds) {
    constexpr std::uint64_t limit_max = 10'000;  // of one event, whoever made it
    const std::uint64_t limit = std::min(bounds.limit, limit_max);
    std::vector<uuid> swept;
    storage::cursor ends(rows.transaction(), rows.table());
    for (auto row = ends.seek(by_end);
         row && row->first.starts_with(by_end) && swept.size() < limit; row = ends.next()) {
        const std::string_view rest = row->first.substr(by_end.size());
        if (rest.size() != number_bytes + uuid_bytes || from_big_endian(rest) > bounds.time) break;
        swept.push_back(read_effect_id(rest));
    }
    return swept;
}

void forget_effect(reserved_rows& rows, const uuid& id) {
    const auto row = find_effect(rows, id);
    if (!row || !is_finished(state_of(*row))) return;
    each_order(*row, id, [&rows](const std::string& key) { rows.erase(key); });
    rows.erase(effect_row_key(id));
    effect_sums sums = sums_of(rows);
    count(sums, *row, ~0ULL);
    rows.put(effect_sums_key, pack<wire::EffectSums>(sums));
}

}  // namespace idem
