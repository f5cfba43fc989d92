#include "idem/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "backup.hpp"
#include "base/text.hpp"
#include "idem/limits.hpp"
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

// What was folded through other upcasters is not to go on from.
std::string snapshot_name(const stream_fold_view& f, const registered_schemas& known) {
    if (f.reads.empty()) return f.name;
    projection p;
    p.reads = f.reads;
    p.upcasters = f.upcasters;
    constexpr std::size_t name_max = 200;
    return f.name.substr(0, name_max) + "." + fingerprint_of(identity_of(p, known));
}

void check_statement(const erasure_statement& statement) {
    const event e = make_erasure(statement);
    if (read_erasure(e.type, e.data)) return;
    throw error(errc::invalid_input,
                fmt::format("{} is no name of a data subject: 1 to {} bytes",
                            text::shown(statement.subject), limits::name_bytes_max),
                {.field = "data_subject"});
}

}  // namespace

class store::impl {
public:
    impl(const std::filesystem::path& folder, const open_options& options)
        : path(folder),
          env(open_environment(folder, options)),
          info(read_store_info(*env)),
          tables(log_tables::open(*env)),
          reader(env, tables),
          events{env, tables, std::make_shared<const schema_registry>(env, tables)},
          projections(events, options.replay_threads),
          replay_threads(options.replay_threads),
          writer(env, tables, info.origin, projections) {
        if (!env->read_only()) tables.subjects->complete_erasures();
    }

    schema_addition register_schema(store& to, const schema* s, std::string_view upcasters) {
        return idem::register_schema(
            *events.schemas, s, upcasters,
            [&to](const std::vector<event>& batch, expected_revision expected) {
                return to.append(batch, expected);
            });
    }

    erasure erase(store& to, const erasure_statement& statement) {
        check_statement(statement);
        const append_result done = to.append(make_erasure(statement));
        const receipt& given = done.receipts.at(0);
        if (given.outcome == outcome::duplicate) destroy_again(statement);
        tables.subjects->complete_erasures();
        clear_dropped_checkpoints(*env);
        return {given.position, given.outcome == outcome::duplicate};
    }

    // The keys of what was erased before: they are there if somebody has put an old file back.
    void destroy_again(const erasure_statement& statement) {
        using kind = erasure_statement::kind;
        std::set<std::uint64_t> slots;
        reader.read_sealed([&](const event_view& e, const event_seal& seal) {
            if (statement.what == kind::event) {
                if (e.id() == statement.id) slots.insert(seal.event_slot);
            } else if (e.data_subject() == statement.subject && e.erased()) {
                slots.insert(seal.subject_slot);
            }
        });
        tables.subjects->keys().destroy(std::vector<std::uint64_t>(slots.begin(), slots.end()));
    }

    subject_erasure_row erasure_of(std::string_view subject) const {
        const auto table = tables.subjects->find_table();
        if (!table || subject.empty() || subject.size() > limits::name_bytes_max) return {};
        const storage::read_transaction txn(*env);
        return subject_rows::erasure_of(txn, *table, subject);
    }

    const std::filesystem::path path;
    const std::shared_ptr<storage::environment> env;
    const store_info info;
    const log_tables tables;
    const log_reader reader;
    const event_source events;
    projection_set projections;
    const unsigned replay_threads;
    appender writer;
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
        append_payloads payloads(*impl_->events.schemas, batch,
                                 [this](const uuid& id) { return impl_->reader.find(id); });
        try {
            for (;;) {
                auto result = impl_->writer.append(encoded_batch(payloads.events()), condition,
                                                   {schemas_stream, payloads.position()});
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
    append_payloads payloads(*impl_->events.schemas, {&e, 1},
                             [this](const uuid& id) { return impl_->reader.find(id); });
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

std::optional<store::kept_value> store::load_snapshot(const stream_fold_view& f,
                                                      std::string_view stream) const {
    const auto known = impl_->events.schemas->get();
    auto found = load_fold_snapshot(*impl_->env, snapshot_name(f, *known), f.version, stream);
    if (!found) return std::nullopt;
    return kept_value{found->revision, std::move(found->row)};
}
void store::save_snapshot(const stream_fold_view& f, std::string_view stream,
                          const kept_value& value) const {
    const auto known = impl_->events.schemas->get();
    save_fold_snapshot(*impl_->env, snapshot_name(f, *known), f.version, stream,
                       {value.revision, value.row});
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
    const auto found = find(id);
    if (!found) {
        throw error(errc::not_found,
                    fmt::format("there is no event with the id {}", to_string(id)));
    }
    if (found->data_subject.empty() && !found->erased) {
        throw error(
            errc::invalid_input,
            fmt::format("event {} at position {} was stored without a data subject, so its data "
                        "stands in the log as it is, and in every copy: export the store without "
                        "that event, or with its subject, import that into a new store, and "
                        "remove the old one",
                        to_string(id), found->position),
            {.field = "data_subject", .position = found->position});
    }
    return impl_->erase(*this, {erasure_statement::kind::event, id});
}
erasure store::erase_subject(std::string_view name) {
    const auto row = impl_->erasure_of(name);
    if (row.erased > row.readmitted) {
        impl_->destroy_again({erasure_statement::kind::subject, uuid::nil(), std::string(name)});
        impl_->tables.subjects->complete_erasures();
        return {row.erased, true};
    }
    return impl_->erase(*this, {erasure_statement::kind::subject, uuid::nil(), std::string(name)});
}
bool store::readmit_subject(std::string_view name) {
    const auto row = impl_->erasure_of(name);
    if (row.erased <= row.readmitted) return false;
    append(make_erasure({erasure_statement::kind::readmission, uuid::nil(), std::string(name)}));
    return true;
}
std::vector<subject_info> store::subjects() const {
    std::map<std::string, subject_info, std::less<>> found;
    read_views({}, [&](const event_view& e) {
        const auto name = e.data_subject();
        if (name.empty()) return true;
        auto at = found.find(name);
        if (at == found.end()) at = found.emplace(name, subject_info{std::string(name)}).first;
        ++at->second.events;
        if (e.erased()) ++at->second.erased;
        if (e.sealed()) ++at->second.sealed;
        return true;
    });
    std::vector<subject_info> result;
    for (auto& [name, info] : found) {
        const auto row = impl_->erasure_of(name);
        info.is_erased = row.erased > row.readmitted;
        result.push_back(std::move(info));
    }
    return result;
}

void store::backup(const std::filesystem::path& target, const backup_options& options) const {
    copy_store(*impl_->env, target, options.with_keys);
}

}  // namespace idem
