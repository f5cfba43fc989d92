#include "projection/projections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "log/catalog.hpp"
#include "projection/checkpoints.hpp"
#include "projection/kept_state.hpp"
#include "projection/snapshots.hpp"
#include "storage/file_watch.hpp"

namespace idem {
namespace {

constexpr std::uint64_t everything = std::numeric_limits<std::uint64_t>::max();

[[noreturn]] void throw_unknown(std::string_view name) {
    throw error(
        errc::not_found,
        fmt::format("the store keeps no projection {}; `idem projections` lists those it does",
                    text::shown(name)));
}

}  // namespace

projection_set::projection_set(event_source source, unsigned threads)
    : source_(std::move(source)), threads_(threads) {}

projection_set::~projection_set() {
    if (!follower_.joinable()) return;
    follower_.request_stop();
    source_.env->watch().notify();
}

std::optional<projection_set::running> projection_set::find_running(std::string_view name) const {
    const std::scoped_lock lock(mutex_);
    const auto found = running_.find(name);
    if (found == running_.end()) return std::nullopt;
    return found->second;
}

// Nullptr where other code has made the rows.
std::shared_ptr<projection_runner> projection_set::make_runner(const projection& p) const {
    const auto known = source_.schemas->get();
    const auto place = prepare_projection(source_.env, p, identity_of(p, *known));
    if (!place) return nullptr;
    return std::make_shared<projection_runner>(p, *known, *place, source_, threads_);
}

void projection_set::run(const projection& p, projection_mode mode) {
    if (!p.apply || !p.keys_of != !p.apply_row) {
        throw error(errc::invalid_input, fmt::format("projection {} has no handler", p.name),
                    {.field = "apply"});
    }
    const auto known = source_.schemas->get();
    check_upcasters(versions_read(p, *known), p.upcasters, *known);
    if (find_running(p.name)) {
        throw error(errc::invalid_input,
                    fmt::format("projection {} runs on this handle already", p.name),
                    {.field = "name"});
    }
    const auto runner = make_runner(p);
    if (runner && mode == projection_mode::inline_) {
        // Most of the way in commits of its own, so that the next append does not carry it all.
        runner->advance(everything);
    }
    {
        const std::scoped_lock lock(mutex_);
        if (!running_.emplace(p.name, running{p, mode}).second) {
            throw error(errc::invalid_input,
                        fmt::format("projection {} was started twice at once", p.name),
                        {.field = "name"});
        }
        // Who rests waits for a rebuild by anyone.
        const bool may_rest = !runner || p.order == fold_order::canonical;
        if (mode == projection_mode::background || (may_rest && mode == projection_mode::inline_)) {
            start_follower();
        }
    }
    if (!runner) return;
    try {
        start(p.name, nullptr, runner);
    } catch (...) {
        const std::scoped_lock lock(mutex_);
        running_.erase(p.name);
        throw;
    }
}

void projection_set::start_follower() {
    if (follower_.joinable()) return;
    follower_ = std::jthread([this](const std::stop_token& stop) { follow(stop); });
}

// In place of `before`, which may be none: what rests runs from now on.
void projection_set::start(const std::string& name,
                           const std::shared_ptr<projection_runner>& before,
                           const std::shared_ptr<projection_runner>& runner) {
    const auto replace = [&](const auto& from, const auto& to) {
        const std::scoped_lock lock(mutex_);
        const auto found = running_.find(name);
        if (found == running_.end() || found->second.runner != from) return false;
        found->second.runner = to;
        return true;
    };
    if (!replace(before, runner)) return;  // another thread was first
    try {
        if (find_running(name)->mode == projection_mode::inline_) join_appends(before, runner);
    } catch (...) {
        replace(runner, before);
        throw;
    }
    source_.env->watch().announce_commit();
}

void projection_set::join_appends(const std::shared_ptr<projection_runner>& before,
                                  const std::shared_ptr<projection_runner>& added) {
    storage::write(*source_.env, [&](storage::write_transaction& txn) {
        added->begin(txn);
        added->finish(txn);
        std::erase(inline_, before);
        std::erase(inline_, added);
        inline_.push_back(added);
    });
}

void projection_set::wake(std::string_view name) {
    const auto found = find_running(name);
    if (!found) return;
    // A runner whose schemas are those of the past made the rows before a rebuild.
    if (found->runner && found->runner->is_current(*source_.schemas->get())) return;
    if (const auto runner = make_runner(found->fold)) {
        if (found->mode == projection_mode::inline_) runner->advance(everything);
        start(found->fold.name, found->runner, runner);
    }
}

std::uint64_t projection_set::catch_up(std::string_view name) {
    wake(name);
    auto found = find_running(name);
    if (found && !found->runner && fold_anew(found->fold, {})) {
        wake(name);
        found = find_running(name);
    }
    if (!found) {
        throw error(errc::not_found,
                    fmt::format("projection {} does not run on this handle; run it first",
                                text::shown(name)));
    }
    if (!found->runner) {
        throw error(errc::stale,
                    fmt::format("projection {} is stale: {}; rebuild it",
                                versioned(found->fold.name, found->fold.version), why_stale(name)));
    }
    const auto step = [&] {
        return found->mode == projection_mode::inline_ ? catch_up_inline(*found->runner)
                                                       : found->runner->advance(everything);
    };
    try {
        return step();
    } catch (const error& e) {
        if (e.code() != errc::stale || !fold_anew(found->fold, {})) throw;
    }
    return step();
}

std::uint64_t projection_set::catch_up_inline(projection_runner& runner) {
    projection_record record;
    storage::write(*source_.env, [&](storage::write_transaction& txn) {
        runner.begin(txn, true);
        runner.finish(txn);
        record = runner.record();
    });
    source_.env->watch().announce_commit();
    if (!record.failure.empty()) {
        throw error(errc::handler_failed, record.failure, {.position = record.failed_position});
    }
    return record.checkpoint;
}

projection_record projection_set::require(const storage::transaction& txn,
                                          std::string_view name) const {
    const auto catalog = source_.env->find_table(catalog_name);
    std::optional<projection_record> record;
    if (const auto r = find_running(name); r && r->runner) {
        record = read_projection(txn, *catalog, catalog_key(name, r->fold.version));
    }
    if (!record && catalog) record = current_projection(txn, *catalog, name);
    if (!record) throw_unknown(name);
    return *record;
}

std::string projection_set::why_stale(const projection& p) const {
    const auto catalog = source_.env->find_table(catalog_name);
    if (!catalog) return {};
    const storage::read_transaction txn(*source_.env);
    const auto current = current_projection(txn, *catalog, p.name);
    return current ? staleness(*current, identity_of(p, *source_.schemas->get(txn)))
                   : std::string();
}

std::string projection_set::why_stale(std::string_view name) const {
    const auto found = find_running(name);
    return found ? why_stale(found->fold) : std::string();
}

bool projection_set::wait_for(std::string_view name, std::uint64_t position,
                              std::chrono::milliseconds timeout) const {
    const auto end = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        const std::uint64_t ticket = source_.env->watch().ticket();
        {
            const storage::read_transaction txn(*source_.env);
            const auto record = require(txn, name);
            if (record.checkpoint >= position) return true;
            if (!record.failure.empty()) {
                throw error(errc::handler_failed, record.failure,
                            {.position = record.failed_position});
            }
        }
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            end - std::chrono::steady_clock::now());
        if (left.count() <= 0) return false;
        source_.env->watch().wait(ticket, left);
    }
}

void projection_set::skip_failed_event(std::string_view name, std::string_view reason) {
    const auto catalog = source_.env->find_table(catalog_name);
    storage::write(*source_.env, [&](storage::write_transaction& txn) {
        projection_record record = require(txn, name);
        if (record.failure.empty()) {
            throw error(errc::invalid_input,
                        fmt::format("projection {} stands on no failed event", name));
        }
        record.skip_failed(reason);
        write_projection(txn, *catalog, catalog_key(record.name(), record.version()), record);
    });
    source_.env->watch().announce_commit();
}

projection_info projection_set::describe(const projection_record& listed) const {
    // Tables are opened before the transaction that reads them.
    const auto catalog = source_.env->find_table(catalog_name);
    const std::string name = listed.name();
    const auto rows =
        source_.env->find_table(state_table_name(name, listed.version(), listed.slot));
    std::optional<storage::read_transaction> snapshot(*source_.env);
    const storage::transaction& txn = *snapshot;
    const auto r =
        read_projection(txn, *catalog, catalog_key(name, listed.version())).value_or(listed);
    if (r.slot != listed.slot) {  // a rebuild has put other rows in their place
        snapshot.reset();
        return describe(r);
    }
    const auto current = current_projection(txn, *catalog, name);
    const auto rebuilt = read_projection(txn, *catalog, rebuild_key(name, listed.version()));
    projection_info info{.name = name,
                         .version = r.version(),
                         .current = !current || current->registered <= r.registered,
                         .position = r.checkpoint,
                         .rows = rows ? txn.stats(*rows).entries : 0,
                         .digest = r.digest,
                         .order = r.made_by.order,
                         .definition = r.definition,
                         .failure = r.failure,
                         .stale = r.erased.empty() ? r.late : r.erased,
                         .fingerprint = r.fingerprinted ? fingerprint_of(r.made_by) : "",
                         .reads = {},
                         .code = r.made_by.code,
                         .rebuilt_to = {},
                         .floor = r.floor,
                         .refolds = r.refolds};
    for (const auto& read : r.made_by.reads) info.reads.emplace(read.type, read.version);
    if (rebuilt) info.rebuilt_to = rebuilt->checkpoint;
    return info;
}

std::vector<projection_info> projection_set::list() const {
    std::vector<projection_record> records;
    const auto catalog = source_.env->find_table(catalog_name);
    {
        const storage::read_transaction txn(*source_.env);
        records = list_projections(txn, *catalog);
    }
    std::vector<projection_info> found;
    for (const auto& record : records) {
        found.push_back(describe(record));
        if (!found.back().current) continue;
        if (auto why = why_stale(record.name()); !why.empty()) found.back().stale = std::move(why);
    }
    return found;
}

std::optional<projection_info> projection_set::find(std::string_view name) const {
    const auto catalog = source_.env->find_table(catalog_name);
    std::optional<projection_record> current;
    if (catalog) {
        const storage::read_transaction txn(*source_.env);
        current = current_projection(txn, *catalog, name);
    }
    if (!current) return std::nullopt;
    auto info = describe(*current);
    if (auto why = why_stale(name); !why.empty()) info.stale = std::move(why);
    return info;
}

// Of a version, or the current one.
projection_record projection_set::find_kept(std::string_view name,
                                            std::optional<std::uint32_t> version) const {
    const auto catalog = source_.env->find_table(catalog_name);
    if (!catalog) throw_unknown(name);
    const storage::read_transaction txn(*source_.env);
    auto current = current_projection(txn, *catalog, name);
    if (!current) throw_unknown(name);
    if (!version) return std::move(*current);
    auto record = read_projection(txn, *catalog, catalog_key(name, *version));
    if (record) return std::move(*record);
    throw error(errc::stale, fmt::format("the store keeps version {} of projection {} and not {}; "
                                         "rebuild it",
                                         current->version(), name, *version));
}

idem::state projection_set::state(std::string_view name,
                                  std::optional<std::uint32_t> version) const {
    const projection_record record = find_kept(name, version);
    std::function<std::string(std::string_view)> printer;
    if (const auto r = find_running(name); r && r->fold.version == record.version()) {
        printer = r->fold.row_to_json;
    }
    return make_state(source_.env, *source_.env->find_table(catalog_name), record,
                      std::move(printer));
}

idem::state projection_set::state(const projection& p) const {
    return make_state(source_.env, *source_.env->find_table(catalog_name),
                      find_kept(p.name, p.version), p.row_to_json);
}

void projection_set::begin(storage::write_transaction& txn) {
    taking_part_.clear();
    for (const auto& r : inline_) {
        try {
            r->begin(txn);
            taking_part_.push_back(r.get());
        } catch (const error& e) {
            // Dropped, or rebuilt by other code: no reason to refuse appends.
            if (e.code() != errc::stale && e.code() != errc::not_found) throw;
        }
    }
}

void projection_set::batch(const open_log& log, std::span<const event_view> events) {
    std::size_t done = 0;
    try {
        for (; done < taking_part_.size(); ++done) {
            taking_part_[done]->apply_batch(log.known, events);
        }
    } catch (...) {
        while (done > 0) taking_part_[--done]->undo_batch();
        throw;
    }
}

void projection_set::finish(storage::write_transaction& txn) {
    for (projection_runner* r : taking_part_) r->finish(txn);
}

std::optional<std::string> projection_set::row(std::string_view projection,
                                               std::string_view key) const {
    const auto runs = [&](const projection_runner* r) { return r->fold().name == projection; };
    const auto found = std::find_if(taking_part_.begin(), taking_part_.end(), runs);
    if (found == taking_part_.end()) {
        throw error(errc::invalid_input,
                    fmt::format("projection {} does not run inline on this handle, so its rows are "
                                "not those of the log's end; run it with projection_mode::inline_",
                                text::shown(projection)),
                    {.field = "projection"});
    }
    return (*found)->row(key);
}

void projection_set::erased(storage::write_transaction& txn, std::uint64_t first,
                            std::string_view why) {
    for (projection_runner* r : taking_part_) {
        if (r->record().checkpoint >= first) r->note_erased(why);
    }
    const storage::table catalog = txn.open_table(catalog_name);
    for (auto& record : list_projections(txn, catalog)) {
        const auto runs = [&](const projection_runner* r) {
            return r->fold().name == record.name() && r->fold().version == record.version() &&
                   r->record().checkpoint >= first;
        };
        const bool ran_here = std::any_of(taking_part_.begin(), taking_part_.end(), runs);
        if (record.reached() < first && !ran_here) continue;
        record.erased = why;
        write_projection(txn, catalog, catalog_key(record.name(), record.version()), record);
    }
    drop_checkpoint_entries(txn, catalog, first);
    drop_fold_snapshots(txn);
}

}  // namespace idem
