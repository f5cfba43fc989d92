#include "idem/store.hpp"

#include <algorithm>

#include "backup.hpp"
#include "causality/replica.hpp"
#include "erase.hpp"
#include "idempotency/consumers.hpp"
#include "idempotency/effect_rules.hpp"
#include "idempotency/effects.hpp"
#include "idempotency/folds.hpp"
#include "idempotency/keys.hpp"
#include "idempotency/sagas.hpp"
#include "idempotency/transact.hpp"
#include "log/appender.hpp"
#include "log/catalog.hpp"
#include "log/check.hpp"
#include "log/reader.hpp"
#include "projection/check.hpp"
#include "projection/checkpoints.hpp"
#include "projection/kept_state.hpp"
#include "projection/projections.hpp"
#include "projection/rebuild.hpp"
#include "projection/snapshots.hpp"
#include "projection/trace.hpp"
#include "schema/payload_reader.hpp"
#include "schema/payloads.hpp"
#include "schema/registry.hpp"
#include "storage/storage.hpp"

namespace idem {
namespace {

std::shared_ptr<storage::environment> open_environment(const std::filesystem::path& folder,
                                                       const open_options& options) {
    storage::environment_options wanted;
    wanted.read_only = options.read_only;
    wanted.map_bytes = options.map_bytes;
    wanted.allow_network_file_system = options.allow_network_file_system;
    if (options.create && !options.read_only && !std::filesystem::exists(folder / "data.mdb")) {
        storage::environment::create(folder, wanted, write_new_store);
    }
    return storage::environment::open(folder, wanted);
}

}  // namespace

class store::impl {
public:
    impl(const std::filesystem::path& folder, const open_options& options)
        : path(folder),
          env(open_environment(folder, options)),
          info(read_store_info(*env)),
          tables(log_tables::open(*env)),
          stamps(*env),
          reader(env, tables, stamps),
          events{env, tables, std::make_shared<const schema_registry>(env, tables), &stamps},
          projections(events, options.replay_threads),
          replay_threads(options.replay_threads),
          reserved(reserved_folds()),
          clock(options.clock, options.drift_max),
          rules(clock),
          writer(
              env, tables, info.origin, {&projections, &reserved, &origins}, read_inline_row(),
              clock,
              [this](const open_log& log, std::span<const event_view> fresh) {
                  return rules.derive(log, fresh);
              },
              stamps),
          transactions(events, writer, reserved, read_inline_row(), clock),
          keys(transactions),
          effects(transactions),
          sagas(transactions),
          consumers(transactions),
          copies(events, writer, info.origin, clock,
                 [this](const event& e) { return reserved.fault_of(e); }),
          erasing(*env, tables, reader) {
        if (!env->read_only()) tables.subjects->complete_erasures();
    }

    read_row read_inline_row() const {
        return [this](std::string_view projection, std::string_view key) {
            return projections.row(projection, key);
        };
    }
    append_payloads payloads_of(std::span<const event> batch) const {
        return {events.schemas->get_with_position(), batch,
                [this](const uuid& id) { return reader.find(id); },
                [this](const event& e) { return reserved.fault_of(e); }};
    }

    schema_addition register_schema(store& to, const schema* s, std::string_view upcasters) {
        return idem::register_schema(
            *events.schemas, s, upcasters,
            [&to](const std::vector<event>& batch, expected_revision expected) {
                return to.append(batch, expected);
            });
    }

    const std::filesystem::path path;
    const std::shared_ptr<storage::environment> env;
    const store_info info;
    const log_tables tables;
    const noted_stamps stamps;
    const log_reader reader;
    const event_source events;
    projection_set projections;
    const unsigned replay_threads;
    reserved_tables reserved;
    origin_observer origins;
    const wall_clock clock;
    effect_rules rules;
    appender writer;
    const transactor transactions;
    idem::keys::impl keys;
    idem::effects::impl effects;
    idem::sagas::impl sagas;
    idem::consumers::impl consumers;
    idem::replica::impl copies;
    const eraser erasing;
};

store::store(const std::filesystem::path& folder, open_options options)
    : impl_(std::make_unique<impl>(folder, options)) {}
store::~store() = default;
store::store(store&&) noexcept = default;
store& store::operator=(store&&) noexcept = default;

const std::filesystem::path& store::path() const noexcept {
    return impl_->path;
}

append_result store::append(std::span<const event> batch, expected_revision expected) {
    append_condition condition;
    if (!expected.is_any() && !batch.empty()) {
        check_one_stream(batch);
        condition.streams.emplace_back(batch.front().stream, expected);
    }
    return append(batch, condition);
}
append_result store::append(std::span<const event> batch, const append_condition& condition) {
    check_condition(condition);
    for (;;) {
        auto payloads = impl_->payloads_of(batch);
        try {
            for (;;) {
                auto result =
                    impl_->writer.append(encoded_batch(payloads.events(), impl_->clock.now()),
                                         condition, {schemas_stream, payloads.position()});
                // Each turn aligns an event more.
                if (result.outcome() != outcome::id_conflict || !payloads.align()) return result;
            }
        } catch (const stream_has_grown&) {
            continue;  // a schema was registered meanwhile, which may concern the batch
        }
    }
}
append_result store::append(std::initializer_list<event> batch, expected_revision expected) {
    return append(std::span<const event>(batch.begin(), batch.size()), expected);
}
append_result store::append(const event& one, expected_revision expected) {
    return append(std::span<const event>(&one, 1), expected);
}
append_result store::append(const event& one, const append_condition& condition) {
    return append(std::span<const event>(&one, 1), condition);
}

append_result store::transact(const std::function<void(transaction&)>& decide) {
    return impl_->transactions.run([&decide](transaction::state& state) {
        transaction t(state);
        decide(t);
    });
}

key_answer store::once(const key_scope& scope, std::string_view key, const request& asked,
                       const idem::keys::command& work, const key_options& options) {
    return keys().once(scope, key, asked, work, options);
}
keys store::keys() {
    return idem::keys(impl_->keys);
}
sagas store::sagas() {
    return idem::sagas(impl_->sagas);
}

void store::run(const effect_rule& rule) {
    impl_->rules.add(rule);
}
effects store::effects() {
    return idem::effects(impl_->effects);
}
consumers store::consumers() {
    return idem::consumers(impl_->consumers);
}

replica store::replica() {
    return idem::replica(impl_->copies);
}

std::uint64_t store::head() const {
    return impl_->reader.head();
}
std::optional<recorded_event> store::find(const uuid& id) const {
    return impl_->reader.find(id);
}
std::optional<recorded_event> store::at(std::uint64_t position) const {
    return impl_->reader.at(position);
}
std::optional<stream_info> store::find_stream(std::string_view stream) const {
    return impl_->reader.find_stream(stream);
}
std::uint64_t store::read_views(const query& select,
                                const std::function<bool(const event_view&)>& visit) const {
    return impl_->reader.read(select, visit);
}
std::uint64_t store::read_upcast(const query& select, const stream_fold_view& f,
                                 const std::function<bool(const event_view&)>& visit) const {
    if (f.reads.empty()) return impl_->reader.read(select, visit);
    query known = select;
    known.to = std::min(select.to, head());  // what schemas are needed for is known by then
    payload_reader payloads(f.reads, false, f.upcasters);
    payloads.know(impl_->events.schemas->get());
    payload_arena arena;
    return impl_->reader.read(known, [&](const event_view& e) {
        arena.clear();
        return visit(payloads.read(e, arena));
    });
}
store::page store::read_page(const query& select) const {
    return impl_->reader.read_page(select);
}
std::uint64_t store::follow(const follow_options& options,
                            const std::function<bool(const recorded_event&)>& visit) const {
    return impl_->reader.follow(options, visit);
}
std::vector<stream_info> store::streams(std::string_view after, std::size_t limit) const {
    return impl_->reader.streams(after, limit);
}
std::vector<type_info> store::types() const {
    return impl_->reader.types();
}

schema_addition store::add_schema(const schema& s, std::string_view upcasters) {
    return impl_->register_schema(*this, &s, upcasters);
}
std::size_t store::add_upcasters(std::string_view upcasters) {
    return impl_->register_schema(*this, nullptr, upcasters).upcasters;
}
schema_addition store::plan_schema(const schema& s, std::string_view upcasters) const {
    std::vector<json_upcaster> steps;
    if (!upcasters.empty()) steps = parse_json_upcasters(upcasters, "upcasters");
    return plan_registration(*impl_->events.schemas->get(), &s, steps).addition;
}
std::size_t store::plan_upcasters(std::string_view upcasters) const {
    const auto steps = parse_json_upcasters(upcasters, "upcasters");
    return plan_registration(*impl_->events.schemas->get(), nullptr, steps).addition.upcasters;
}
schema_set store::schemas() const {
    return schema_set(impl_->events.schemas->get());
}
event store::as_appended(const event& e) const {
    auto payloads = impl_->payloads_of({&e, 1});
    payloads.align();
    event appended = payloads.events().front();
    appended.schema_version = std::max(appended.schema_version, 1U);
    return appended;
}

void store::run(const projection& p, projection_mode mode) {
    impl_->projections.run(p, mode);
}
std::uint64_t store::catch_up(std::string_view name) {
    return impl_->projections.catch_up(name);
}
bool store::wait_for(std::string_view name, std::uint64_t position,
                     std::chrono::milliseconds timeout) const {
    return impl_->projections.wait_for(name, position, timeout);
}
void store::skip_failed_event(std::string_view name, std::string_view reason) {
    impl_->projections.skip_failed_event(name, reason);
}
rebuild_result store::rebuild(const projection& p, const rebuild_options& options) {
    auto result = rebuild_projection(impl_->events, p, impl_->replay_threads, options);
    if (result.complete) impl_->projections.wake(p.name);
    return result;
}
void store::switch_projection(std::string_view name, std::uint32_t version) {
    switch_current(impl_->events, name, version, nullptr, impl_->replay_threads);
    impl_->projections.wake(name);
}
void store::switch_projection(const projection& p) {
    switch_current(impl_->events, p.name, p.version, &p, impl_->replay_threads);
    impl_->projections.wake(p.name);
}
void store::drop_projection(std::string_view name, std::uint32_t version) {
    drop_version(impl_->events, name, version);
}
std::vector<std::string> store::check_projection(const projection& p, std::size_t sample) const {
    return rows_kept_otherwise(impl_->events, p, sample, impl_->replay_threads);
}
std::vector<projection_info> store::projections() const {
    return impl_->projections.list();
}
std::optional<projection_info> store::find_projection(std::string_view name) const {
    return impl_->projections.find(name);
}
std::string store::why_stale(const projection& p) const {
    return impl_->projections.why_stale(p);
}
state store::state(std::string_view name) const {
    return impl_->projections.state(name, std::nullopt);
}
state store::state(std::string_view name, std::uint32_t version) const {
    return impl_->projections.state(name, version);
}
state store::state(const projection& p) const {
    return impl_->projections.state(p);
}
state store::replay(const projection& p, std::uint64_t position,
                    const std::function<void(std::uint64_t)>& progress) const {
    return replay_log(impl_->events, p, position, impl_->replay_threads,
                      [&progress](std::uint64_t reached) {
                          if (progress) progress(reached);
                          return true;
                      });
}

state store::state_at(const projection& p, std::uint64_t position,
                      const std::function<void(std::uint64_t)>& progress) {
    constexpr std::uint64_t worth_keeping = 1'000'000;  // events that were replayed
    auto found = find_state_at(impl_->events, p, position, impl_->replay_threads,
                               [&progress](std::uint64_t reached) {
                                   if (progress) progress(reached);
                                   return true;
                               });
    if (found.replayed >= worth_keeping && !impl_->env->read_only()) {
        save_checkpoint(impl_->events, p, found);
    }
    return std::move(found.rows);
}
bool store::keep_checkpoint(const projection& p, std::uint64_t position) {
    const auto found = find_state_at(impl_->events, p, position, impl_->replay_threads, {});
    const auto outcome = save_checkpoint(impl_->events, p, found);
    if (outcome == checkpoint_outcome::none_of_canonical) {
        throw error(errc::invalid_input,
                    "of a canonical projection no checkpoints are kept: its past is folded anew",
                    {.field = "order"});
    }
    if (outcome == checkpoint_outcome::busy) {
        throw error(errc::busy, "another process is keeping a checkpoint; try again");
    }
    return outcome == checkpoint_outcome::kept;
}
std::vector<checkpoint_info> store::checkpoints() const {
    return list_checkpoints(*impl_->env);
}
void store::trace(const projection& p, std::uint64_t from, const visit_trace& visit) const {
    trace_events(impl_->events, p, from, impl_->replay_threads, visit);
}

fold_start store::load_snapshot(const stream_fold_view& f, std::string_view stream) const {
    impl_->tables.subjects->find_table();
    fold_start start{.last_erasure = impl_->tables.subjects->last_erasure()};
    const auto table = impl_->env->find_table(snapshots_name);
    if (!table) return start;
    const auto name = snapshot_name(f, *impl_->events.schemas->get());
    const storage::read_transaction txn(*impl_->env);
    start.snapshot = load_fold_snapshot(txn, *table, name, f.version, stream);
    return start;
}
void store::save_snapshot(const stream_fold_view& f, std::string_view stream,
                          const fold_snapshot& value, std::uint64_t last_erasure) const {
    const auto name = snapshot_name(f, *impl_->events.schemas->get());
    save_fold_snapshot(impl_->events, name, f.version, stream, value, last_erasure);
}

store_stats store::stats() const {
    const auto measured = impl_->env->stats();
    store_stats result;
    result.path = impl_->path.string();
    result.id = impl_->info.id;
    result.format_version = impl_->info.format_version;
    result.created = impl_->info.created;
    result.events = head();
    result.streams = impl_->reader.count_streams();
    result.file_bytes = measured.file_bytes;
    result.used_bytes = measured.used_bytes;
    std::error_code none;
    const auto keys = std::filesystem::file_size(impl_->tables.subjects->keys().path(), none);
    result.key_bytes = none ? 0 : keys;
    result.map_bytes = measured.map_bytes;
    result.readers = measured.readers;
    result.reader_slots = measured.reader_slots;
    result.oldest_reader_lag = measured.oldest_reader_lag;
    for (const auto& name : impl_->env->table_names()) {
        const auto order = name == "log" ? storage::key_order::integer : storage::key_order::bytes;
        const auto table = impl_->env->find_table(name, order);
        const storage::read_transaction txn(*impl_->env);
        if (!table) continue;
        const auto size = txn.stats(*table);
        result.tables.push_back({name, size.entries, size.bytes});
    }
    return result;
}

erasure store::erase(const uuid& id) {
    return impl_->erasing.erase(id, [this](const event& e) { return append(e); });
}
erasure store::erase_subject(std::string_view name) {
    return impl_->erasing.erase_subject(name, [this](const event& e) { return append(e); });
}
bool store::readmit_subject(std::string_view name) {
    return impl_->erasing.readmit_subject(name, [this](const event& e) { return append(e); });
}
std::vector<subject_info> store::subjects() const {
    return impl_->erasing.subjects();
}
bool store::keys_missing() const {
    return impl_->erasing.keys_missing();
}

void store::backup(const std::filesystem::path& target, const backup_options& options) const {
    copy_store(*impl_->env, target, options.with_keys);
}

}  // namespace idem
