#include "projection/rebuild.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/lower_priority.hpp"
#include "idem/error.hpp"
#include "log/catalog.hpp"
#include "log/check.hpp"
#include "projection/kept_state.hpp"
#include "projection/pace.hpp"
#include "storage/cursor.hpp"
#include "storage/file_watch.hpp"

namespace idem {
namespace {

namespace fs = std::filesystem;
using clock = std::chrono::steady_clock;
using phase = rebuild_progress::phase;

// How long one commit may hold the writer, and what it may write.
constexpr auto hold_time = std::chrono::milliseconds(20);
constexpr std::size_t hold_bytes = 2 << 20;
constexpr std::size_t hold_rows = 4096;

storage::environment_options scratch_options() {
    storage::environment_options options;
    options.allow_network_file_system = true;  // the store's own was allowed
    return options;
}

std::uint64_t last_erasure_now(subject_store& subjects) {
    subjects.find_table();
    return subjects.last_erasure();
}

class projection_rebuild {
public:
    projection_rebuild(const event_source& source, const projection& p, unsigned threads,
                       const rebuild_options& options)
        : source_(source),
          env_(*source.env),
          fold_(p),
          known_(source.schemas->get()),
          identity_(identity_of(p, *known_)),
          erasures_(last_erasure_now(*source.tables.subjects)),
          threads_(threads),
          options_(options),
          folder_(env_.folder() / rebuild_folder_name(p.name, p.version)),
          key_(rebuild_key(p.name, p.version)),
          catalog_(env_.find_table(catalog_name).value()),
          pace_(options.events_per_second_max) {}

    rebuild_result run();
    void discard();  // what it has left, so that the next one starts anew

private:
    std::optional<projection_record> pending() const;
    // Not of other code, nor of another log.
    bool is_ours(const projection_record& record) const {
        return staleness(record, identity_).empty() && record.definition == fold_.definition &&
               record.checkpoint <= head() && record.erasures == erasures_;
    }
    bool tell(phase now, std::uint64_t position, std::uint64_t whole) const {
        return !options_.progress || options_.progress({now, position, whole});
    }
    std::uint64_t head() const {
        const storage::read_transaction txn(env_);
        return head_of(txn, source_.tables);
    }
    std::shared_ptr<storage::environment> open_scratch();
    std::shared_ptr<storage::environment> find_scratch() const;
    bool replay_and_load(const std::shared_ptr<storage::environment>& scratch);
    void keep_skips(storage::environment& env, storage::table catalog, const std::string& key);
    bool advance(projection_runner& runner, phase now);
    bool load(storage::environment& scratch, const projection_place& from);
    void announce(const projection_record& made);
    using tables = std::pair<storage::table, storage::table>;  // from, to
    bool load_step(storage::environment& scratch, const tables& way, bool last_table,
                   std::uint64_t& done);
    bool is_canonical() const noexcept { return fold_.order == fold_order::canonical; }
    void find_tables();
    bool catch_up_and_swap();
    bool swap_step(projection_runner& runner);
    void put_in_place(storage::write_transaction& txn, projection_record record);
    void clear_up();

    const event_source source_;
    storage::environment& env_;
    const projection& fold_;
    const std::shared_ptr<const registered_schemas> known_;
    const projection_identity identity_;
    const std::uint64_t erasures_;  // position of the last one when this began
    const unsigned threads_;
    const rebuild_options& options_;
    const fs::path folder_;
    const std::string key_;
    const storage::table catalog_;
    pace pace_;
    std::optional<storage::folder_lock> lock_;
    storage::table rows_;
    std::optional<storage::table> undo_;  // of a canonical one
    std::uint8_t slot_ = 0;
    std::optional<std::uint8_t> left_;  // slot of the rows that were replaced
    rebuild_result result_;
};

rebuild_result projection_rebuild::run() {
    check_projection_name(fold_.name);
    if (env_.read_only()) {
        throw error(errc::read_only,
                    fmt::format("{} is open for reading only, and {} would be rebuilt in it: open "
                                "it for writing",
                                env_.folder().string(), versioned(fold_.name, fold_.version)));
    }
    auto scratch = open_scratch();  // and lock it, whether or not it is still needed
    if (!options_.resume) {
        scratch.reset();
        discard();
        scratch = open_scratch();
    }
    auto found = pending();
    if (found && !is_ours(*found)) found.reset();
    if (!found || found->loading) {
        if (!replay_and_load(std::exchange(scratch, nullptr))) {
            result_.complete = false;
            return result_;
        }
    } else {
        scratch.reset();
        slot_ = found->slot;
        find_tables();
    }
    result_.complete = catch_up_and_swap();
    if (result_.complete) clear_up();
    return result_;
}

void projection_rebuild::discard() {
    storage::write(env_, [&](storage::write_transaction& txn) { txn.erase(catalog_, key_); });
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
    lock_.reset();
}

void projection_rebuild::find_tables() {
    rows_ = env_.find_table(state_table_name(fold_.name, fold_.version, slot_)).value();
    if (!is_canonical()) return;
    undo_ = env_.find_table(undo_table_name(fold_.name, fold_.version, slot_)).value();
}

std::optional<projection_record> projection_rebuild::pending() const {
    const storage::read_transaction txn(env_);
    return read_projection(txn, catalog_, key_);
}

std::shared_ptr<storage::environment> projection_rebuild::open_scratch() {
    constexpr int attempts_max = 10;
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        storage::environment::create(
            folder_, scratch_options(),
            [](storage::write_transaction& txn) { txn.open_table(catalog_name); });
        if (!lock_) lock_ = storage::folder_lock::take(folder_);
        if (!lock_ && !fs::exists(folder_))
            continue;  // an erasure has removed what it took for left
        if (!lock_) break;
        if (auto scratch = find_scratch()) return scratch;
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
        lock_.reset();
    }
    throw error(errc::busy, fmt::format("projection {} is being rebuilt by somebody else: {} is "
                                        "locked",
                                        versioned(fold_.name, fold_.version), folder_.string()));
}

// Nullptr where what is there is of no use: of other code, half removed, damaged.
std::shared_ptr<storage::environment> projection_rebuild::find_scratch() const {
    try {
        auto scratch = storage::environment::open(folder_, scratch_options());
        const auto catalog = scratch->find_table(catalog_name);
        if (!catalog) return nullptr;
        std::optional<projection_record> record;
        {
            const storage::read_transaction txn(*scratch);
            record = read_projection(txn, *catalog, catalog_key(fold_.name, fold_.version));
        }
        if (record && !is_ours(*record)) return nullptr;
        return scratch;
    } catch (const error& e) {
        const bool useless = e.code() == errc::not_a_store || e.code() == errc::corrupt ||
                             e.code() == errc::unsupported_format;
        if (!useless) throw;
        return nullptr;
    }
}

// What a person let these rows go past stays out of those that the same code makes anew.
void projection_rebuild::keep_skips(storage::environment& env, storage::table catalog,
                                    const std::string& key) {
    std::optional<projection_record> kept;
    {
        const storage::read_transaction txn(env_);
        kept = read_projection(txn, catalog_, catalog_key(fold_.name, fold_.version));
    }
    if (!kept || kept->skipped.empty() || !is_ours(*kept)) return;
    storage::write(env, [&](storage::write_transaction& txn) {
        auto record = read_projection(txn, catalog, key).value();
        record.skip_also(kept->skipped);
        write_projection(txn, catalog, key, record);
    });
}

bool projection_rebuild::replay_and_load(const std::shared_ptr<storage::environment>& scratch) {
    const auto place = prepare_projection(scratch, fold_, identity_, erasures_);
    keep_skips(*scratch, place->catalog, place->key);
    {
        runner_limits limits;
        limits.cache_bytes = options_.memory_bytes_max;
        projection_runner runner(fold_, *known_, *place, source_, threads_, limits);
        // Appenders come first: only this phase commits to the folder beside, never to the store.
        if (!with_lower_priority([&] { return advance(runner, phase::replay); })) return false;
    }
    return load(*scratch, *place);
}

// To the head, however far it has moved meanwhile, until what is left is little.
bool projection_rebuild::advance(projection_runner& runner, phase now) {
    constexpr std::uint64_t little = 1000;
    std::uint64_t position = 0;
    {
        const storage::read_transaction txn(*runner.place().env);
        position = read_projection(txn, runner.place().catalog, runner.place().key)->checkpoint;
    }
    for (std::uint64_t end = head();;) {
        bool go_on = true;
        const auto told = clock::now();
        // In canonical order there is no walk to a position in between, which would be another set
        // of events: the pace is held on the way.
        const std::uint64_t to = is_canonical() ? end : std::min(end, pace_.limit(position));
        position = runner.advance(to, [&, last = told](std::uint64_t reached) mutable {
            constexpr auto often = std::chrono::milliseconds(100);
            if (is_canonical()) pace_.wait(reached);
            if (clock::now() - last < often) return true;
            last = clock::now();
            return go_on = tell(now, reached, end);
        });
        if (!go_on || !tell(now, position, end)) return false;
        pace_.wait(position);
        if (position < end) continue;
        end = head();
        if (end - position <= little) return true;
    }
}

// ---- load

// Whose rows are loaded, so that no other rows are taken for them after a crash.
void projection_rebuild::announce(const projection_record& made) {
    const auto found = pending();
    const bool same = found && found->loading && found->made_by == identity_ &&
                      found->checkpoint == made.checkpoint && found->digest == made.digest;
    if (same) {
        slot_ = found->slot;
        find_tables();
        return;
    }
    for (bool empty = false; !empty;) {
        storage::write(env_, [&](storage::write_transaction& txn) {
            slot_ = free_slot(txn, catalog_, catalog_key(fold_.name, fold_.version));
            rows_ = txn.open_table(state_table_name(fold_.name, fold_.version, slot_));
            if (is_canonical()) {
                undo_ = txn.open_table(undo_table_name(fold_.name, fold_.version, slot_));
            }
            txn.erase(catalog_, key_);
            empty = txn.stats(rows_).entries == 0 && (!undo_ || txn.stats(*undo_).entries == 0);
            if (!empty) return;
            projection_record record = made;
            record.slot = slot_;
            record.loading = true;
            write_projection(txn, catalog_, key_, record);
        });
        if (!empty) clear_in_steps(env_, fold_.name, fold_.version, slot_);
    }
}

bool projection_rebuild::load(storage::environment& scratch, const projection_place& from) {
    std::optional<projection_record> made;
    std::uint64_t whole = 0;
    {
        const storage::read_transaction txn(scratch);
        made = read_projection(txn, from.catalog, from.key);
        whole = txn.stats(from.rows).entries;
        if (from.undo) whole += txn.stats(*from.undo).entries;
        if (digest_of_rows(txn, from.rows) != made->digest) {
            throw error(errc::corrupt,
                        fmt::format("the rows that were made in {} are not those that were "
                                    "written there; remove that folder and rebuild again",
                                    folder_.string()));
        }
    }
    announce(*made);
    std::uint64_t done = 0;
    std::vector<tables> ways;
    if (undo_) ways.emplace_back(from.undo.value(), *undo_);
    ways.emplace_back(from.rows, rows_);
    for (std::size_t i = 0; i < ways.size(); ++i) {
        while (load_step(scratch, ways[i], i + 1 == ways.size(), done)) {
            if (!tell(phase::load, done, whole)) return false;
        }
    }
    return true;
}

// Appends some rows behind the last one. False: all are there.
bool projection_rebuild::load_step(storage::environment& scratch, const tables& way,
                                   bool last_table, std::uint64_t& done) {
    bool more = false;
    storage::write(env_, [&](storage::write_transaction& txn) {
        const storage::read_transaction made(scratch);
        storage::cursor source(made, way.first);
        std::string last;
        {
            storage::cursor loaded(txn, way.second);
            if (const auto entry = loaded.last()) last = entry->first;
        }
        auto entry = last.empty() ? source.first() : source.seek(last);
        if (entry && entry->first == last) entry = source.next();
        std::size_t bytes = 0;
        for (; entry && bytes < hold_bytes; entry = source.next()) {
            txn.append(way.second, entry->first, entry->second);
            bytes += entry->first.size() + entry->second.size();
        }
        more = entry.has_value();
        done = txn.stats(way.second).entries;
        if (more || !last_table) return;
        auto record = read_projection(txn, catalog_, key_).value();
        record.loading = false;
        write_projection(txn, catalog_, key_, record);
    });
    return more;
}

// ---- catch-up and swap

bool projection_rebuild::catch_up_and_swap() {
    // One step folds so few events that a thread for each shard would cost more than it gives.
    runner_limits limits;
    limits.time = hold_time;
    limits.rows = hold_rows;
    limits.one_by_one = true;
    keep_skips(env_, catalog_, key_);
    projection_runner runner(fold_, *known_, {source_.env, catalog_, key_, slot_, rows_, undo_},
                             source_, 1, limits);
    if (!advance(runner, phase::catch_up)) return false;
    while (!swap_step(runner)) {
        if (!tell(phase::swap, runner.record().checkpoint, head())) return false;
    }
    env_.watch().announce_commit();
    tell(phase::swap, result_.position, result_.position);
    return true;
}

// Applies what is left, and swaps if that was all; else what was applied is a step forwards.
bool projection_rebuild::swap_step(projection_runner& runner) {
    bool reached = false;
    clock::time_point start;
    storage::write(env_, [&](storage::write_transaction& txn) {
        start = clock::now();
        reached = runner.begin(txn, true, start + hold_time);
        runner.finish(txn);
        if (reached && runner.record().failure.empty()) {
            put_in_place(txn, read_projection(txn, catalog_, key_).value());
        }
    });
    result_.writer_held = clock::now() - start;
    const projection_record& record = runner.record();
    if (!record.late.empty()) throw error(errc::stale, record.late);  // it begins anew
    if (!record.failure.empty()) {
        throw error(errc::handler_failed, record.failure, {.position = record.failed_position});
    }
    return reached;
}

void projection_rebuild::put_in_place(storage::write_transaction& txn, projection_record record) {
    if (source_.tables.subjects->last_erasure(txn) != erasures_) {
        throw error(errc::stale,
                    fmt::format("data was erased while projection {} was rebuilt; rebuild it again",
                                versioned(fold_.name, fold_.version)));
    }
    const auto current = current_projection(txn, catalog_, fold_.name);
    const std::string key = catalog_key(fold_.name, fold_.version);
    const auto before = read_projection(txn, catalog_, key);
    left_ = before ? std::optional(before->slot) : std::nullopt;
    record.registered = options_.make_current || !current ? next_registration(txn, catalog_)
                                                          : (before ? before->registered : 0);
    const bool in_its_place =
        options_.make_current || !current || current->version() == fold_.version;
    if (before) record.refolds += before->refolds;
    result_.replaced = current && in_its_place ? std::optional(current->version()) : std::nullopt;
    result_.position = record.checkpoint;
    result_.digest = record.digest;
    result_.rows = txn.stats(rows_).entries;
    write_projection(txn, catalog_, key, record);
    txn.erase(catalog_, key_);
}

void projection_rebuild::clear_up() {
    if (left_) clear_in_steps(env_, fold_.name, fold_.version, *left_);
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

}  // namespace

rebuild_result rebuild_projection(const event_source& source, const projection& p, unsigned threads,
                                  const rebuild_options& options) {
    subject_store& subjects = *source.tables.subjects;
    const std::uint64_t erasures = last_erasure_now(subjects);
    // An erasure leaves alone what somebody is at work on, who looks for it once he is not any
    // more.
    const auto leave = [&] {
        if (last_erasure_now(subjects) != erasures) remove_abandoned_rebuilds(source.env->folder());
    };
    rebuild_result result;
    try {
        result = with_one_knowledge([&] {
            projection_rebuild rebuild(source, p, threads, options);
            try {
                return rebuild.run();
            } catch (const error& e) {
                // Whoever mends the handler would mix its rows with those of the broken one.
                if (e.code() == errc::handler_failed) rebuild.discard();
                throw;
            }
        });
    } catch (...) {
        leave();
        throw;
    }
    leave();
    return result;
}

}  // namespace idem
