// What people do with keys: look at them, settle those that stand still, sweep.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/json_object.hpp"
#include "base/text.hpp"
#include "idem/error.hpp"
#include "idempotency/keys.hpp"
#include "idempotency/lease_time.hpp"
#include "idempotency/row.hpp"

namespace idem {
namespace {

struct state_name {
    key_state state;
    std::string_view name;
};
constexpr std::array<state_name, 7> state_names = {{{key_state::running, "running"},
                                                    {key_state::abandoned, "abandoned"},
                                                    {key_state::in_doubt, "in_doubt"},
                                                    {key_state::dead, "dead"},
                                                    {key_state::completed, "completed"},
                                                    {key_state::rejected, "rejected"},
                                                    {key_state::expired, "expired"}}};

// For what a person ends.
constexpr std::chrono::milliseconds keep_result = key_options{}.keep_result;
constexpr std::chrono::milliseconds horizon = key_options{}.horizon;

key_hash parse_id(std::string_view id) {
    if (const auto hash = blake2b::from_hex(id)) return *hash;
    throw error(errc::invalid_input,
                fmt::format("{} is no id of a key: give its 32 hexadecimal digits, as listed",
                            text::shown(id)),
                {.field = "id"});
}

asked_key named_in(const key_row& row, const key_hash& hash) {
    key_hash request{};
    std::copy_n(row.request.begin(), std::min(row.request.size(), request.size()), request.begin());
    return make_asked_key(row.owner, row.operation, row.name, blake2b::to_hex(request), hash);
}

void require_open(const transaction::state& s, const key_row& row) {
    const auto state = state_of(row);
    if (state == key_state::running && runs_until(row.leased_until, s.now_ms)) {
        throw error(errc::busy, "somebody has a lease on the key; wait until it is over");
    }
    if (!is_finished(row) && state != key_state::expired) return;
    throw error(errc::invalid_input,
                fmt::format("the key is {}, and no longer open", to_string(state)),
                {.field = "id"});
}

}  // namespace

std::string_view to_string(key_state state) noexcept {
    for (const auto& known : state_names) {
        if (known.state == state) return known.name;
    }
    return "unknown";
}

std::optional<key_state> parse_key_state(std::string_view text) noexcept {
    for (const auto& known : state_names) {
        if (known.name == text) return known.state;
    }
    return std::nullopt;
}

std::string_view to_string(key_outcome outcome) noexcept {
    constexpr std::array<std::string_view, 11> names = {
        "completed", "rejected", "granted", "key_mismatch", "in_progress", "unknown",
        "dead",      "expired",  "too_old", "fenced",       "not_appended"};
    const auto index = static_cast<std::size_t>(outcome);
    return index < names.size() ? names[index] : "unknown";
}

key_info describe(const key_hash& hash, const key_row& row) {
    key_info info;
    info.id = blake2b::to_hex(hash);
    info.scope = {row.owner, row.operation};
    info.key = row.name;
    info.state = state_of(row);
    info.fence = row.fence;
    info.attempts = row.attempts;
    info.attempts_max = row.attempts_max;
    info.started = from_milliseconds(row.started);
    info.leased_until = from_milliseconds(row.leased_until);
    info.point = row.point;
    info.calling = row.calling;
    info.result = view_of(row.result);
    info.events = ids_of(row);
    info.reason = row.reason;
    info.finished = from_milliseconds(row.finished);
    info.expires = from_milliseconds(row.expires);
    info.horizon = from_milliseconds(row.horizon);
    return info;
}

void keys::impl::read(const read_rows& read) const {
    const event_source& source = transactor_.source();
    const auto table = find_reserved(*source.env, fold_);
    if (!table) return;
    // Nobody waits for another who reads, and who may himself wait for this one's transaction.
    const std::unique_lock lock(reading_, std::try_to_lock);
    row_tail own;
    const storage::read_transaction txn(*source.env);
    read(read_reserved(txn, source.tables, *table, fold_, lock ? read_ : own));
}

std::optional<key_info> keys::impl::find(const key_hash& hash) const {
    std::optional<key_info> found;
    read([&](const reserved_rows& rows) {
        const auto row = read_key(rows, hash);
        if (row) found = describe(hash, *row);
    });
    return found;
}

std::optional<key_info> keys::find(const key_scope& scope, std::string_view key) const {
    return impl_.find(impl::ask(scope, key, {}).hash);
}
std::optional<key_info> keys::find(std::string_view id) const {
    return impl_.find(parse_id(id));
}

std::vector<key_info> keys::list(std::optional<key_state> state, std::string_view after,
                                 std::size_t limit) const {
    std::vector<key_info> found;
    std::string from(key_rows_prefix);
    if (!after.empty()) from = key_row_key(parse_id(after)) + '\0';
    impl_.read([&](const reserved_rows& all) {
        row_walk rows = all.walk(from);
        while (found.size() < limit) {
            const auto row = rows.next();
            if (!row || !row->first.starts_with(key_rows_prefix)) break;
            auto staying = unpack<wire::KeyRow>(row->second);
            if (state && !may_be(*state, staying)) continue;
            key_hash hash{};
            const auto bytes = row->first.substr(key_rows_prefix.size());
            std::copy_n(bytes.begin(), std::min(bytes.size(), hash.size()), hash.begin());
            const auto kept = whole_key(all, hash, std::move(staying));
            if (!state || state_of(kept) == *state) found.push_back(describe(hash, kept));
        }
    });
    return found;
}

void keys::impl::change(std::string_view id, const change_row& change) const {
    const key_hash hash = parse_id(id);
    transactor_.run([&](transaction::state& s) {
        const auto found = row(s, hash);
        if (!found) {
            throw error(errc::not_found,
                        fmt::format("no key has the id {}; `idem keys list` shows them", id));
        }
        require_open(s, *found);
        change(s, *found, hash);
    });
}

void keys::resume(std::string_view id, std::string_view reason) {
    impl::check_reason(reason);
    impl_.change(id, [&](transaction::state& s, const key_row& row, const key_hash& hash) {
        if (state_of(row) != key_state::dead && row.calling.empty())
            return;  // nothing is to settle
        json::object_writer data;
        data.text("key", blake2b::to_hex(hash)).number("fence", row.fence);
        data.text("reason", reason);
        s.events.push_back(impl::make_event("idem.KeyResumed", hash, data.str()));
    });
}

void keys::discard(std::string_view id, std::string_view reason) {
    impl_.change(id, [&](transaction::state& s, const key_row& row, const key_hash& hash) {
        impl::finish(s, named_in(row, hash), row.fence, {reason, true, keep_result, horizon});
    });
}

void keys::complete(std::string_view id, std::string_view result) {
    impl_.change(id, [&](transaction::state& s, const key_row& row, const key_hash& hash) {
        impl::finish(s, named_in(row, hash), row.fence, {result, false, keep_result, horizon});
    });
}

sweep_result keys::sweep(const sweep_options& options) {
    const std::size_t limit = std::clamp<std::size_t>(options.limit, 1, sweep_limit_max);
    swept_keys swept;
    impl_.transactions().run([&](transaction::state& s) {
        const sweep_bounds bounds{s.log_ms(), limit, options.result_bytes_max};
        swept = find_swept(impl_.rows(s), bounds);
        if (swept.empty()) return;
        json::object_writer data;
        data.number("until", bounds.until).number("limit", bounds.limit);
        if (bounds.result_bytes_max) data.number("result_bytes_max", *bounds.result_bytes_max);
        event e;
        e.stream = "$keys";
        e.type = "idem.KeysSwept";
        e.data = data.str();
        s.events.push_back(std::move(e));
    });
    return {swept.expired.size(), swept.evicted.size(), swept.forgotten.size(), swept.more};
}

key_stats keys::stats() const {
    key_stats result;
    key_sums sums;
    impl_.read([&](const reserved_rows& rows) {
        result.table_bytes = rows.transaction().stats(rows.table()).bytes;
        const auto row = rows.get(key_sums_key);
        if (row) sums = unpack<wire::KeySums>(*row);
    });
    result.running = sums.running;
    result.abandoned = sums.abandoned;
    result.in_doubt = sums.in_doubt;
    result.dead = sums.dead;
    result.completed = sums.completed;
    result.rejected = sums.rejected;
    result.expired = sums.expired;
    result.result_bytes = sums.result_bytes;
    return result;
}

}  // namespace idem
