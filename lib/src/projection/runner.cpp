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

std::size_t shards_for(const projection& p, unsigned threads) {
    constexpr unsigned threads_max = 16;
    if (!p.keys_of) return 1;
    if (threads == 0) threads = std::thread::hardware_concurrency();
    return std::clamp(threads, 1U, threads_max);
}

}  // namespace

projection_runner::projection_runner(projection p, const registered_schemas& known,
                                     projection_place place, event_source source, unsigned threads,
                                     runner_limits limits)
    : projection_(std::move(p)),
      identity_(identity_of(projection_, known)),
      place_(std::move(place)),
      source_(std::move(source)),
      limits_(limits),
      cache_(place_.rows, place_.undo, shards_for(projection_, threads)) {
    const auto reads = versions_read(projection_, known);
    check_upcasters(reads, projection_.upcasters, known);
    if (!reads.empty() || projection_.reads_json) {
        payloads_ =
            std::make_unique<payload_reader>(reads, projection_.reads_json, projection_.upcasters);
    }
    if (!is_canonical()) return;
    again_ = std::make_unique<event_again>(source_.tables, payloads_.get(), *source_.notes);
    moved_ = std::make_unique<event_again>(source_.tables, payloads_.get(), *source_.notes);
}

void projection_runner::apply(const event_view& e, bool walking) {
    if (is_local(e) || !handles(projection_, e.type()) || record_reader::has_no_data(e)) return;
    if (record_.skips(e.position())) return;
    const auto failed = [&](std::string_view cause) {
        return error(errc::handler_failed,
                     fmt::format("projection {} failed on event {} ({}) at position {}: {}",
                                 versioned(projection_.name, projection_.version),
                                 to_string(e.id()), e.type(), e.position(), cause),
                     {.position = e.position()});
    };
    try {
        arena_.clear();
        const event_view shown = payloads_ ? payloads_->read(e, arena_) : e;
        if (is_canonical()) {
            apply_to_rows(shown, walking, walking ? walk_floor_ : record_.floor);
        } else {
            projection_.apply(shown, cache_);
            cache_.check_touched();
        }
    } catch (const too_late&) {
        throw;
    } catch (const std::exception& cause) {
        throw failed(cause.what());
    } catch (...) {
        throw failed("the handler threw something that is not a std::exception");
    }
}

// Rows are made by one knowledge of schemas and upcasters, or they would be a mixture.
void projection_runner::know(std::shared_ptr<const registered_schemas> known) {
    if (known == known_) return;
    const auto why = difference_between(identity_, identity_of(projection_, *known));
    if (!why.empty()) {
        throw error(errc::stale,
                    fmt::format("projection {} is stale: {}; rebuild it",
                                versioned(projection_.name, projection_.version), why));
    }
    known_ = std::move(known);
    payloads_->know(known_);
}

bool projection_runner::tell_changes(const event_view& e) {
    std::vector<row_difference> rows;
    cache_.each_change(
        [&](std::string_view key, const state_table::slot& before, const state_table::slot& after) {
            const auto bytes = [](const state_table::slot& s) {
                return s.present ? std::optional<std::string_view>(s.bytes) : std::nullopt;
            };
            if (bytes(before) != bytes(after)) rows.push_back({key, bytes(before), bytes(after)});
        });
    if (rows.empty() && is_local(e)) return true;
    return visit_changes_(&e, rows);
}

std::optional<std::uint8_t> projection_runner::reload(const storage::transaction& txn) {
    const std::string name = versioned(projection_.name, projection_.version);
    auto record = read_projection(txn, place_.catalog, place_.key);
    if (!record) {
        throw error(errc::not_found,
                    fmt::format("projection {} was dropped; run it again to make it anew", name));
    }
    if (const auto why = staleness(*record, identity_); !why.empty()) {
        throw error(errc::stale, fmt::format("projection {} is stale: {}", name, why));
    }
    if (record->slot != place_.slot) return record->slot;
    const bool ours = record->checkpoint == record_.checkpoint &&
                      record->digest == record_.digest && record->walked == record_.walked;
    if (!ours || full()) cache_.clear();
    loaded_ = record_ = std::move(*record);
    return std::nullopt;
}

// Slot and table change together, whatever throws on the way to the table.
void projection_runner::follow_rows(std::uint8_t slot, storage::table rows,
                                    std::optional<storage::table> undo) noexcept {
    place_.slot = slot;
    place_.rows = rows;
    place_.undo = undo;
    cache_.use(rows, undo);
}

std::string projection_runner::table_name(std::uint8_t slot) const {
    return state_table_name(projection_.name, projection_.version, slot);
}

std::string projection_runner::undo_name(std::uint8_t slot) const {
    return undo_table_name(projection_.name, projection_.version, slot);
}

bool projection_runner::full() const noexcept {
    return cache_.bytes() > limits_.cache_bytes;
}

bool projection_runner::enough(time_point end, std::uint64_t position) {
    stopped_ = go_on_ && *go_on_ && !(*go_on_)(position);
    return stopped_ || clock::now() >= end || full() || cache_.touched() >= limits_.rows;
}

projection_runner::slice_result projection_runner::gather(std::uint64_t to) {
    source_.tables.subjects->find_table();  // another process may have made it
    erasures_ = source_.tables.subjects->last_erasure();
    // Who is told of each event gets them as they arrived, late ones and what they change too.
    if (is_canonical() && record_.checkpoint == 0 && !visit_changes_) return gather_walk(to);
    if (projection_.keys_of && !limits_.one_by_one) {
        if (auto slice = gather_keyed(to)) {
            if (is_canonical()) take_notes(*slice);
            return std::move(*slice);
        }
        cache_.clear();
    }
    auto slice = gather_in_order(to);
    if (is_canonical()) take_notes(slice);
    return slice;
}

// Nullopt: an event failed.
std::optional<projection_runner::slice_result> projection_runner::gather_keyed(std::uint64_t to) {
    std::uint64_t head = 0;
    {
        const storage::read_transaction txn(*source_.env);
        head = head_of(txn, source_.tables);
        if (payloads_) know(source_.schemas->get(txn));
    }
    const std::uint64_t last = std::min(to, head);
    slice_result slice = start_slice();
    if (last <= record_.checkpoint) return slice;
    const auto end = clock::now() + limits_.time;
    const auto done = replay_keyed(projection_, replay_terms(record_.floor, false), cache_,
                                   record_.checkpoint + 1, last,
                                   [&](std::uint64_t position) { return enough(end, position); });
    if (!done) return std::nullopt;
    slice.more = *done < last;
    slice.checkpoint = *done;
    return slice;
}

projection_runner::slice_result projection_runner::gather_in_order(std::uint64_t to) {
    slice_result slice = start_slice();
    const auto end = clock::now() + limits_.time;
    const bool shared = source_.env == place_.env;
    std::unique_ptr<log_pass> pass;
    do {
        // Rows are read in later snapshots than the checkpoint; commit() refuses if that mattered.
        const storage::read_transaction events(*source_.env);
        if (payloads_) know(source_.schemas->get(events));
        if (!pass) {
            pass = make_pass(source_.tables, query{.from = record_.checkpoint + 1, .to = to});
        }
        std::optional<storage::read_transaction> rows;
        if (!shared) rows.emplace(*place_.env);
        cache_.read_from(shared ? &events : &*rows);
        if (again_) again_->read_from(&events);
        slice.more = pass->run(events, [&](const event_view& e) {
            cache_.mark();
            try {
                apply(e);
            } catch (const too_late& cause) {
                cache_.undo();
                slice.late = why_late(e, cause);
                return false;
            } catch (const error& failure) {
                cache_.undo();
                slice.failed_position = e.position();
                slice.failure = failure.what();
                return false;
            }
            slice.checkpoint = e.position();
            if (visit_changes_) stopped_ = !tell_changes(e);
            return !stopped_;
        });
        // The last ones may have been notes, which nobody is shown.
        if (slice.failure.empty() && slice.late.empty()) {
            slice.checkpoint = std::max(slice.checkpoint, pass->covered());
        }
        if (again_) again_->read_from(nullptr);
        cache_.read_from(nullptr);
    } while (slice.more && !stopped_ && !enough(end, slice.checkpoint));
    return slice;
}

void projection_runner::write(storage::write_transaction& txn, projection_record next) {
    using hash::operator+;
    if (is_canonical()) keep_horizon(txn, next);
    next.digest = next.digest + cache_.write(txn);
    write_projection(txn, place_.catalog, place_.key, next);
    written_ = std::move(next);
}

// Whether the rows that were gathered may hold data that was erased meanwhile.
bool projection_runner::was_erased_since(const storage::write_transaction& txn) const {
    return source_.env == place_.env && source_.tables.subjects->last_erasure(txn) != erasures_;
}

void projection_runner::note_erased(std::string_view why) {
    record_.erased = loaded_.erased = why;
}

bool projection_runner::commit(const slice_result& slice) {
    bool ours = true;
    storage::write(*place_.env, [&](storage::write_transaction& txn) {
        const auto current = read_projection(txn, place_.catalog, place_.key);
        ours = current && current->checkpoint == record_.checkpoint &&
               current->digest == record_.digest && current->slot == place_.slot &&
               current->walked == record_.walked && current->walk_to == record_.walk_to &&
               staleness(*current, identity_).empty() && !was_erased_since(txn);
        if (!ours) return;
        projection_record next = *current;
        next.checkpoint = slice.checkpoint;
        next.failed_position = slice.failed_position;
        next.failure = slice.failure;
        next.floor = slice.floor;
        next.walk_to = slice.walk_to;
        next.walked = slice.walked;
        next.late = slice.late;
        if (!slice.late.empty()) ++next.refolds;
        write(txn, std::move(next));
    });
    if (ours) {
        cache_.accept();
        record_ = written_;
        place_.env->watch().announce_commit();
    } else {
        cache_.clear();
        source_.tables.subjects->find_table();  // another process may have made it
    }
    return ours;
}

std::uint64_t projection_runner::advance(std::uint64_t to, const watch_work& go_on) {
    const std::scoped_lock lock(mutex_);
    go_on_ = &go_on;
    stopped_ = false;
    try {
        for (;;) {
            std::optional<std::uint8_t> moved;
            {
                const storage::read_transaction txn(*place_.env);
                moved = reload(txn);
            }
            if (moved) {
                std::optional<storage::table> undo;
                if (is_canonical()) undo = place_.env->find_table(undo_name(*moved));
                follow_rows(*moved, place_.env->find_table(table_name(*moved)).value(), undo);
                continue;
            }
            const slice_result slice = gather(to);
            const bool nothing = slice.checkpoint == record_.checkpoint &&
                                 slice.failure == record_.failure &&
                                 slice.walked == record_.walked && slice.late.empty();
            if (!nothing && !commit(slice)) continue;
            if (!slice.failure.empty()) {
                throw error(errc::handler_failed, slice.failure,
                            {.position = slice.failed_position});
            }
            if (!slice.late.empty()) throw error(errc::stale, slice.late);
            if (go_on && !stopped_) stopped_ = !go_on(record_.checkpoint);
            if (!slice.more || stopped_) return record_.checkpoint;
        }
    } catch (...) {
        cache_.clear();
        throw;
    }
}

}  // namespace idem
