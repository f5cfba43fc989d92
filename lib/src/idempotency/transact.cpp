#include "idempotency/transact.hpp"

#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "idempotency/effect_fold.hpp"
#include "idempotency/effect_rules.hpp"
#include "log/pass.hpp"
#include "log/reader.hpp"
#include "projection/snapshots.hpp"
#include "schema/payload_reader.hpp"
#include "schema/payloads.hpp"

namespace idem {
namespace {

std::optional<recorded_event> find_event(const open_log& log, const log_tables& tables,
                                         const uuid& id) {
    const auto position = log.known.find_id(id);
    if (!position) return std::nullopt;
    return shown_at(log.txn, tables, *position);
}

// False: told to stop.
bool read_part(const transaction::state& s, const query& select, const visit_event& visit) {
    bool more = true;
    const auto watched = [&](const event_view& e) { return more = visit(e); };
    const auto pass = make_pass(s.source.tables, select);
    while (pass->run(s.log.txn, &s.log.known, watched)) {
    }
    return more;
}

void read_whole(const transaction::state& s, const query& select, const visit_event& visit) {
    const std::uint64_t head = s.log.known.head();  // before this commit
    if (select.stream || select.tags.empty() || select.limit == 0) {
        read_part(s, select, visit);
        return;
    }
    query before = select;
    query since = select;
    before.to = std::min(select.to, head);
    since.from = std::max(select.from, head + 1);
    std::uint64_t taken = 0;
    const auto counted = [&](const event_view& e) { return visit(e) && ++taken < select.limit; };
    const bool forwards = select.direction == direction::forwards;
    if (read_part(s, forwards ? before : since, counted)) {
        read_part(s, forwards ? since : before, counted);
    }
}

}  // namespace

std::uint64_t transaction::head() const noexcept {
    return state_.log.head.position;
}
timestamp transaction::log_time() const noexcept {
    return timestamp(std::chrono::milliseconds(state_.log_ms()));
}
std::optional<recorded_event> transaction::find(const uuid& id) const {
    return find_event(state_.log, state_.source.tables, id);
}
std::optional<stream_info> transaction::find_stream(std::string_view stream) const {
    const auto last = state_.log.known.last_of_stream(stream);
    if (!last) return std::nullopt;
    return stream_info{std::string(last->stream()), last->revision(), last->position()};
}
std::optional<std::string> transaction::row(std::string_view projection,
                                            std::string_view key) const {
    return state_.row(projection, key);
}

void refuse_own_streams(std::span<const event> events) {
    for (const auto& e : events) {
        if (!e.stream.starts_with('$')) continue;
        throw error(errc::invalid_input,
                    "the stream " + text::shown(e.stream) +
                        " is the store's own; give streams names that do not begin with $",
                    {.field = "stream"});
    }
}

void transaction::append(event e) {
    refuse_own_streams({&e, 1});
    state_.events.push_back(std::move(e));
}
void transaction::append(std::span<const event> events) {
    refuse_own_streams(events);
    state_.events.insert(state_.events.end(), events.begin(), events.end());
}

uuid transaction::declare(const uuid& event_id, const effect& e) {
    const auto& events = state_.events;
    const auto is_cause = [&](const event& cause) { return cause.id == event_id; };
    if (std::find_if(events.rbegin(), events.rend(), is_cause) == events.rend()) {
        throw error(errc::invalid_input,
                    "an effect is declared of event " + to_string(event_id) +
                        ", which this transaction has not appended before",
                    {.field = "event_id"});
    }
    std::uint32_t& index = state_.effects_of[{event_id, e.name}];
    event declared = declare_effect(event_id, e, index, state_.now);
    ++index;
    const uuid id = declared.id;
    const bool known =
        is_declared(state_.log, id, e.name) || state_.log.known.find_id(event_id).has_value();
    if (!known) state_.declared.push_back(std::move(declared));
    return id;
}

void transaction::read_views(const query& select,
                             const std::function<bool(const event_view&)>& visit) const {
    read_whole(state_, select, visit);
}
void transaction::read_upcast(const query& select, const stream_fold_view& f,
                              const std::function<bool(const event_view&)>& visit) const {
    if (f.reads.empty()) return read_whole(state_, select, visit);
    payload_reader payloads(f.reads, false, f.upcasters);
    payloads.know(state_.known);
    payload_arena arena;
    read_whole(state_, select, [&](const event_view& e) {
        arena.clear();
        return visit(payloads.read(e, arena));
    });
}
fold_start transaction::load_snapshot(const stream_fold_view& f, std::string_view stream) const {
    storage::write_transaction& txn = state_.log.txn;
    return {load_fold_snapshot(txn, txn.open_table(snapshots_name), snapshot_name(f, *state_.known),
                               f.version, stream)};
}

append_result transactor::run(const work& decide) const {
    std::size_t own = 0;  // events; effects are declared behind them
    for (;;) {
        const auto known = source_.schemas->get_with_position();
        const plan_append plan = [&](const open_log& log) -> std::optional<planned_append> {
            transaction::state state(log, source_, reserved_, row_, known.schemas, clock_.now());
            decide(state);
            if (state.events.empty()) return std::nullopt;
            own = state.events.size();
            state.events.insert(state.events.end(), std::make_move_iterator(state.declared.begin()),
                                std::make_move_iterator(state.declared.end()));
            append_payloads payloads(
                known, state.events,
                [&](const uuid& id) { return find_event(log, source_.tables, id); },
                [&](const event& e) -> std::optional<std::string> {
                    if (e.id == state.is_sound) return std::nullopt;
                    return reserved_.fault_of(e);
                });
            if (!known.schemas->empty()) payloads.align();
            return planned_append{encoded_batch(payloads.events(), state.now)};
        };
        try {
            auto result = writer_.append(plan, {schemas_stream, known.position});
            if (result.receipts.size() > own) result.receipts.resize(own);
            return result;
        } catch (const stream_has_grown&) {
            continue;  // a schema was registered meanwhile, which may concern the batch
        }
    }
}

}  // namespace idem
