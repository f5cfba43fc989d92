#include "idempotency/transact.hpp"

#include "log/pass.hpp"
#include "projection/snapshots.hpp"
#include "schema/payload_reader.hpp"
#include "schema/payloads.hpp"

namespace idem {
namespace {

std::optional<recorded_event> find_event(const open_log& log, const log_tables& tables,
                                         const uuid& id) {
    const auto position = log.known.find_id(id);
    if (!position) return std::nullopt;
    return record_at(log.txn, tables, *position).to_owned();
}

void read_whole(const transaction::state& s, const query& select, const visit_event& visit) {
    const auto pass = make_pass(s.source.tables, select);
    while (pass->run(s.log.txn, &s.log.known, visit)) {
    }
}

}  // namespace

std::uint64_t wall_clock_ms() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

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

void transaction::append(event e) {
    state_.events.push_back(std::move(e));
}
void transaction::append(std::span<const event> events) {
    state_.events.insert(state_.events.end(), events.begin(), events.end());
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
std::optional<fold_snapshot> transaction::load_snapshot(const stream_fold_view& f,
                                                        std::string_view stream) const {
    storage::write_transaction& txn = state_.log.txn;
    return load_fold_snapshot(txn, txn.open_table(snapshots_name), snapshot_name(f, *state_.known),
                              f.version, stream);
}

std::uint64_t transactor::now_ms() const {
    if (!clock_) return wall_clock_ms();
    const auto now = clock_().time_since_epoch();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
    return static_cast<std::uint64_t>(std::max<std::int64_t>(ms, 0));
}

append_result transactor::run(const work& decide) const {
    for (;;) {
        const auto known = source_.schemas->get_with_position();
        const plan_append plan = [&](const open_log& log) -> std::optional<planned_append> {
            transaction::state state(log, source_, row_, known.schemas, now_ms());
            decide(state);
            if (state.events.empty()) return std::nullopt;
            append_payloads payloads(
                known, state.events,
                [&](const uuid& id) { return find_event(log, source_.tables, id); },
                [this](const event& e) { return reserved_.fault_of(e); });
            if (!known.schemas->empty()) payloads.align();
            return planned_append{encoded_batch(payloads.events())};
        };
        try {
            return writer_.append(plan, {schemas_stream, known.position});
        } catch (const stream_has_grown&) {
            continue;  // a schema was registered meanwhile, which may concern the batch
        }
    }
}

}  // namespace idem
