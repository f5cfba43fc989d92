// What people do with effects: look at them, settle those that stand still, sweep.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idempotency/effects.hpp"
#include "idempotency/keys.hpp"
#include "idempotency/lease_time.hpp"
#include "idempotency/row.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace {

constexpr std::array<std::string_view, 8> state_names = {
    "due", "attempted", "failed", "done", "unknown", "dead", "discarded", "compensated"};

effect_info describe(const uuid& id, const effect_row& row) {
    effect_info info;
    info.id = id;
    info.event = read_effect_id(view_of(row.event));
    info.name = row.name;
    info.index = row.index;
    info.payload = view_of(row.payload);
    info.content_type = row.content_type;
    info.order_key = row.order_key;
    info.delivery = static_cast<delivery>(row.delivery);
    info.state = state_of(row);
    info.attempt = row.fence;
    info.attempts = row.attempts;
    info.attempts_max = row.attempts_max;
    info.declared = from_milliseconds(row.declared);
    info.due = from_milliseconds(row.due);
    info.leased_until = from_milliseconds(row.leased_until);
    info.finished = from_milliseconds(row.finished);
    info.result = view_of(row.result);
    info.reason = row.reason;
    return info;
}

[[noreturn]] void refuse(const effect_row& row, std::string_view what) {
    throw error(errc::invalid_input,
                fmt::format("the effect is {}, and cannot be {}", to_string(state_of(row)), what),
                {.field = "id"});
}

void check_length(const char* field, std::string_view text) {
    if (text.size() <= limits::result_bytes_max) return;
    throw error(errc::invalid_input,
                fmt::format("the {} has {} bytes; the limit is {}", field, text.size(),
                            limits::result_bytes_max),
                {.field = field});
}

bool fits(const effect_row& row, const effect_filter& filter) {
    return (!filter.state || state_of(row) == *filter.state) &&
           (filter.name.empty() || row.name == filter.name);
}

}  // namespace

std::string_view to_string(effect_state state) noexcept {
    const auto index = static_cast<std::size_t>(state) - 1;
    return index < state_names.size() ? state_names[index] : "unknown";
}

std::optional<effect_state> parse_effect_state(std::string_view text) noexcept {
    const auto found = std::find(state_names.begin(), state_names.end(), text);
    if (found == state_names.end()) return std::nullopt;
    return static_cast<effect_state>(found - state_names.begin() + 1);
}

event effects::impl::make_event(std::string_view type, const uuid& id, std::string data) {
    event e;
    e.stream = effects_stream;
    e.type = type;
    e.data = std::move(data);
    e.correlation_id = to_string(id);
    return e;
}

void effects::impl::change(const uuid& id, const change_row& change) const {
    transactor_.run([&](transaction::state& s) {
        const auto row = find_effect(open_reserved(s.log, fold_), id);
        if (!row) {
            throw error(errc::not_found,
                        fmt::format("no effect has the id {}; `idem effects list` tells them",
                                    to_string(id)));
        }
        if (state_of(*row) == effect_state::attempted && runs_until(row->leased_until, s.now_ms)) {
            throw error(errc::busy, "somebody has a lease on the effect; wait until it is over");
        }
        change(s, *row);
    });
}

void effects::resume(const uuid& id, std::string_view reason) {
    check_length("reason", reason);
    impl_.change(id, [&](transaction::state& s, const effect_row& row) {
        const bool lost = state_of(row) == effect_state::attempted;  // its lease is over
        const bool waits = state_of(row) == effect_state::due && row.due > s.now_ms;
        const bool failed = state_of(row) == effect_state::failed;
        if (!lost && !waits && !failed && !stands_still(state_of(row))) refuse(row, "resumed");
        if (lost || waits) {  // only one that stands still, or has failed, is resumed
            const char* const why = lost ? "its lease was over without an answer"
                                         : "a person resumes it before it is due";
            impl::append(s, "idem.EffectUnknown", id, row.fence,
                         [why](auto& data) { data.text("reason", why); });
        }
        impl::append(s, "idem.EffectResumed", id, row.fence,
                     [&](auto& data) { data.text("reason", reason).number("due", s.now_ms); });
    });
}

void effects::discard(const uuid& id, std::string_view reason) {
    check_length("reason", reason);
    impl_.change(id, [&](transaction::state& s, const effect_row& row) {
        if (is_finished(state_of(row))) refuse(row, "discarded");
        impl::append(s, "idem.EffectDiscarded", id, row.fence,
                     [&](auto& data) { data.text("reason", reason).number("at", s.at_ms()); });
    });
}

void effects::mark_done(const uuid& id, std::string_view result) {
    check_length("result", result);
    impl_.change(id, [&](transaction::state& s, const effect_row& row) {
        if (is_finished(state_of(row))) refuse(row, "marked as done");
        impl::append(s, "idem.EffectDone", id, row.fence,
                     [&](auto& data) { data.bytes("result", result).number("at", s.at_ms()); });
    });
}

void effects::compensate(const uuid& id, std::string_view reason) {
    check_length("reason", reason);
    impl_.change(id, [&](transaction::state& s, const effect_row& row) {
        const bool may_be_done = state_of(row) == effect_state::done || stands_still(state_of(row));
        if (!may_be_done) refuse(row, "compensated");
        impl::append(s, "idem.EffectCompensated", id, row.fence,
                     [&](auto& data) { data.text("reason", reason).number("at", s.at_ms()); });
    });
}

std::optional<effect_info> effects::find(const uuid& id) const {
    const auto table = find_reserved(impl_.environment(), impl_.fold());
    if (!table) return std::nullopt;
    const storage::read_transaction txn(impl_.environment());
    const auto row = txn.get(*table, effect_row_key(id));
    return row ? std::optional(describe(id, unpack<wire::EffectRow>(*row))) : std::nullopt;
}

std::vector<effect_info> effects::list(const effect_filter& filter) const {
    const auto table = find_reserved(impl_.environment(), impl_.fold());
    std::vector<effect_info> found;
    if (!table) return found;
    const storage::read_transaction txn(impl_.environment());
    storage::cursor rows(txn, *table);
    const bool by_state = filter.state && stands_still(*filter.state);
    const std::string prefix =
        by_state ? standing_prefix(*filter.state) : std::string(effect_rows_prefix);
    std::string from = prefix;
    if (!filter.after.is_nil()) {
        from.append(filter.after.bytes.begin(), filter.after.bytes.end()).push_back('\0');
    }
    for (auto entry = rows.seek(from);
         entry && entry->first.starts_with(prefix) && found.size() < filter.limit;
         entry = rows.next()) {
        const uuid id = read_effect_id(entry->first);
        const auto row = by_state ? txn.get(*table, effect_row_key(id)) : entry->second;
        if (!row) continue;
        const auto kept = unpack<wire::EffectRow>(*row);
        if (fits(kept, filter)) found.push_back(describe(id, kept));
    }
    return found;
}

effect_stats effects::stats() const {
    const auto table = find_reserved(impl_.environment(), impl_.fold());
    effect_stats result;
    if (!table) return result;
    if (const auto next = impl_.next_time({})) result.next = from_milliseconds(*next);
    const storage::read_transaction txn(impl_.environment());
    result.table_bytes = txn.stats(*table).bytes;
    const auto row = txn.get(*table, effect_sums_key);
    if (!row) return result;
    const auto sums = unpack<wire::EffectSums>(*row);
    result.due = sums.due;
    result.attempted = sums.attempted;
    result.failed = sums.failed;
    result.done = sums.done;
    result.unknown = sums.unknown;
    result.dead = sums.dead;
    result.discarded = sums.discarded;
    result.compensated = sums.compensated;
    result.payload_bytes = sums.payload_bytes;
    result.result_bytes = sums.result_bytes;
    return result;
}

effect_sweep_result effects::sweep(const effect_sweep_options& options) {
    constexpr std::size_t limit_max = 10'000;
    const std::size_t limit = std::clamp<std::size_t>(options.limit, 1, limit_max);
    const auto keep = static_cast<std::uint64_t>(std::max<std::int64_t>(options.keep.count(), 0));
    std::size_t swept = 0;
    impl_.transactions().run([&](transaction::state& s) {
        const std::uint64_t until = s.log_ms() > keep ? s.log_ms() - keep : 0;
        swept = find_swept_effects(open_reserved(s.log, impl_.fold()), {until, limit}).size();
        if (swept == 0) return;
        json::object_writer data;
        data.number("until", until).number("limit", limit);
        event e;
        e.stream = effects_stream;
        e.type = "idem.EffectsSwept";
        e.data = data.str();
        s.events.push_back(std::move(e));
    });
    return {swept, swept == limit};
}

}  // namespace idem
