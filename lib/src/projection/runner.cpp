#include "projection/runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/hash.hpp"
#include "idem/error.hpp"
#include "log/catalog.hpp"
#include "log/check.hpp"
#include "log/pass.hpp"
#include "projection/keyed_replay.hpp"
#include "storage/file_watch.hpp"

namespace idem {
namespace {

using clock = std::chrono::steady_clock;

// A commit waits for the disk and writes every row that changed: gather this much between two.
constexpr auto gather_time = std::chrono::seconds(2);
constexpr std::size_t cache_bytes_max = 64 << 20;

std::size_t shards_for(const projection& p, unsigned threads) {
    constexpr unsigned threads_max = 16;
    if (!p.keys_of) return 1;
    if (threads == 0) threads = std::thread::hardware_concurrency();
    return std::clamp(threads, 1U, threads_max);
}

projection_record new_record(const projection& p) {
    projection_record record;
    record.name = p.name;
    record.version = p.version;
    return record;
}

bool same_description(const projection_record& record, const projection& p) {
    return record.keys == p.keys && record.order_insensitive == p.order_insensitive &&
           record.definition == p.definition;
}

}  // namespace

projection_place prepare_projection(const std::shared_ptr<storage::environment>& env,
                                    const projection& p) {
    check_projection_name(p.name);
    const std::string table_name = state_table_name(p.name, p.version);
    const auto catalog = env->find_table(catalog_name);
    const auto rows = env->find_table(table_name);
    if (catalog && rows) {
        const storage::read_transaction txn(*env);
        const auto known = read_projection(txn, *catalog, p.name, p.version);
        const auto current = current_projection(txn, *catalog, p.name);
        if (known && current && current->version == p.version && same_description(*known, p)) {
            return {env, *catalog, *rows};
        }
    }
    projection_place place{env, {}, {}};
    storage::write(*env, [&](storage::write_transaction& txn) {
        place.catalog = txn.open_table(catalog_name);
        place.rows = txn.open_table(table_name);
        auto record =
            read_projection(txn, place.catalog, p.name, p.version).value_or(new_record(p));
        record.keys = p.keys;
        record.order_insensitive = p.order_insensitive;
        record.definition = p.definition;
        std::uint64_t latest = 0;
        for (const auto& other : list_projections(txn, place.catalog)) {
            latest = std::max(latest, other.registered);
        }
        record.registered = latest + 1;
        write_projection(txn, place.catalog, record);
    });
    return place;
}

projection_runner::projection_runner(projection p, projection_place place,
                                     std::shared_ptr<storage::environment> events,
                                     log_tables tables, unsigned threads)
    : projection_(std::move(p)),
      place_(std::move(place)),
      events_(std::move(events)),
      tables_(tables),
      cache_(place_.rows, shards_for(projection_, threads)) {}

void projection_runner::apply(const event_view& e) {
    if (!handles(projection_, e.type())) return;
    const auto failed = [&](std::string_view cause) {
        return error(errc::handler_failed,
                     fmt::format("projection {}@{} failed on event {} ({}) at position {}: {}",
                                 projection_.name, projection_.version, to_string(e.id()), e.type(),
                                 e.position(), cause),
                     {.position = e.position()});
    };
    try {
        projection_.apply(e, cache_);
        cache_.check_touched();
    } catch (const std::exception& cause) {
        throw failed(cause.what());
    } catch (...) {
        throw failed("the handler threw something that is not a std::exception");
    }
}

void projection_runner::reload(const storage::transaction& txn) {
    auto record = read_projection(txn, place_.catalog, projection_.name, projection_.version);
    if (!record) {
        throw error(errc::corrupt,
                    fmt::format("the catalog has lost projection {}@{}; run it again to rebuild it",
                                projection_.name, projection_.version));
    }
    const bool ours = record->checkpoint == record_.checkpoint && record->digest == record_.digest;
    if (!ours || full()) cache_.clear();
    loaded_ = record_ = std::move(*record);
}

bool projection_runner::full() const noexcept {
    return cache_.bytes() > cache_bytes_max;
}

projection_runner::slice_result projection_runner::gather(std::uint64_t to) {
    if (projection_.keys_of) {
        if (auto slice = gather_keyed(to)) return std::move(*slice);
        cache_.clear();
    }
    return gather_in_order(to);
}

// Nullopt: an event failed.
std::optional<projection_runner::slice_result> projection_runner::gather_keyed(std::uint64_t to) {
    std::uint64_t head = 0;
    {
        const storage::read_transaction txn(*events_);
        head = head_of(txn, tables_);
    }
    const std::uint64_t last = std::min(to, head);
    if (last <= record_.checkpoint) return slice_result{false, record_.checkpoint, 0, {}};
    const auto end = clock::now() + gather_time;
    const auto done =
        replay_keyed(projection_, {*events_, tables_, *place_.env}, cache_, record_.checkpoint + 1,
                     last, [&] { return clock::now() >= end || full(); });
    if (!done) return std::nullopt;
    return slice_result{*done < last, *done, 0, {}};
}

projection_runner::slice_result projection_runner::gather_in_order(std::uint64_t to) {
    slice_result slice{false, record_.checkpoint, 0, {}};
    const auto end = clock::now() + gather_time;
    const auto pass = make_pass(tables_, {.from = record_.checkpoint + 1, .to = to});
    const bool shared = events_ == place_.env;
    do {
        // Rows are read in later snapshots than the checkpoint; commit() refuses if that mattered.
        const storage::read_transaction events(*events_);
        std::optional<storage::read_transaction> rows;
        if (!shared) rows.emplace(*place_.env);
        cache_.read_from(shared ? &events : &*rows);
        slice.more = pass->run(events, [&](const event_view& e) {
            cache_.mark();
            try {
                apply(e);
            } catch (const error& failure) {
                cache_.undo();
                slice.failed_position = e.position();
                slice.failure = failure.what();
                return false;
            }
            slice.checkpoint = e.position();
            return true;
        });
        cache_.read_from(nullptr);
    } while (slice.more && clock::now() < end && !full());
    return slice;
}

void projection_runner::write(storage::write_transaction& txn, projection_record next) {
    using hash::operator+;
    next.digest = next.digest + cache_.write(txn);
    write_projection(txn, place_.catalog, next);
    written_ = std::move(next);
}

bool projection_runner::commit(const slice_result& slice) {
    bool ours = true;
    storage::write(*place_.env, [&](storage::write_transaction& txn) {
        const auto current =
            read_projection(txn, place_.catalog, projection_.name, projection_.version);
        ours = current && current->checkpoint == record_.checkpoint &&
               current->digest == record_.digest;
        if (!ours) return;
        projection_record next = *current;
        next.checkpoint = slice.checkpoint;
        next.failed_position = slice.failed_position;
        next.failure = slice.failure;
        write(txn, std::move(next));
    });
    if (ours) {
        cache_.accept();
        record_ = written_;
        place_.env->watch().announce_commit();
    } else {
        cache_.clear();
    }
    return ours;
}

std::uint64_t projection_runner::advance(std::uint64_t to,
                                         const std::function<bool(std::uint64_t)>& go_on) {
    const std::scoped_lock lock(mutex_);
    try {
        for (;;) {
            {
                const storage::read_transaction txn(*place_.env);
                reload(txn);
            }
            const slice_result slice = gather(to);
            const bool nothing =
                slice.checkpoint == record_.checkpoint && slice.failure == record_.failure;
            if (!nothing && !commit(slice)) continue;
            if (!slice.failure.empty()) {
                throw error(errc::handler_failed, slice.failure,
                            {.position = slice.failed_position});
            }
            if (go_on && !go_on(record_.checkpoint)) return record_.checkpoint;
            if (!slice.more) return record_.checkpoint;
        }
    } catch (...) {
        cache_.clear();
        throw;
    }
}

void projection_runner::begin(storage::write_transaction& txn, bool retry) {
    if (finished_) {  // then that transaction was committed or not: reload() finds out
        cache_.accept();
        record_ = written_;
    } else {
        cache_.clear();
    }
    finished_ = false;
    reload(txn);
    cache_.read_from(&txn);
    if (retry) {
        record_.failed_position = 0;
        record_.failure.clear();
    }
    if (!record_.failure.empty()) return;
    const auto pass = make_pass(tables_, {.from = record_.checkpoint + 1});
    const auto step = [&](const event_view& e) {
        cache_.mark();
        try {
            apply(e);
        } catch (const error& failure) {
            cache_.undo();
            record_.failed_position = e.position();
            record_.failure = failure.what();
            return false;
        }
        record_.checkpoint = e.position();
        return true;
    };
    while (pass->run(txn, step)) {
    }
}

void projection_runner::apply_batch(std::span<const event_view> events) {
    batch_start_ = record_.checkpoint;
    cache_.mark();
    if (!record_.failure.empty() || events.empty()) return;
    try {
        for (const event_view& e : events) apply(e);
    } catch (...) {
        cache_.undo();
        throw;
    }
    record_.checkpoint = events.back().position();
}

void projection_runner::undo_batch() noexcept {
    cache_.undo();
    record_.checkpoint = batch_start_;
}

bool projection_runner::stands_on_failure() const {
    const storage::read_transaction txn(*place_.env);
    const auto record = read_projection(txn, place_.catalog, projection_.name, projection_.version);
    return record && !record->failure.empty();
}

void projection_runner::finish(storage::write_transaction& txn) {
    if (record_.checkpoint == loaded_.checkpoint && record_.failure == loaded_.failure) {
        written_ = record_;
    } else {
        write(txn, record_);
    }
    cache_.read_from(nullptr);
    finished_ = true;
}

}  // namespace idem
