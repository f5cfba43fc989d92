// What a runner does for a canonical projection alone.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "log/check.hpp"
#include "log/pass.hpp"
#include "projection/runner.hpp"

namespace idem {
namespace {

using clock = std::chrono::steady_clock;

class key_list final : public key_sink {
public:
    void take(std::string_view key) override {
        if (keys.size() == limits::rows_per_event_max) {
            throw error(errc::invalid_input,
                        fmt::format("the event touches more than {} rows, which is the limit",
                                    limits::rows_per_event_max),
                        {.field = "row"});
        }
        keys.emplace_back(key);
    }
    std::vector<std::string> keys;
};

}  // namespace

projection_runner::slice_result projection_runner::start_slice() const {
    slice_result slice;
    slice.checkpoint = record_.checkpoint;
    slice.floor = record_.floor;
    slice.walk_to = record_.walk_to;
    slice.walked = record_.walked;
    return slice;
}

replay_source projection_runner::replay_terms(std::uint64_t floor, bool walking) const {
    replay_source terms{*source_.env, source_.tables, *place_.env, payloads_.get(), record_};
    if (!is_canonical()) return terms;
    terms.canonical = fold_terms{floor, walking};
    terms.notes = source_.notes;
    if (walking) terms.walk = walk_.get();
    return terms;
}

void projection_runner::apply_to_rows(event_view shown, bool walking, std::uint64_t floor) {
    event_view::shown_payload room{{}, {}, 1};
    const stamp* const lower = walking ? walk_->lower_stamp(shown.position()) : nullptr;
    if (lower) shown = record_reader::with_stamp(shown, *lower, room);
    key_list touched;
    projection_.keys_of(shown, touched);
    if (touched.keys.empty()) return;
    const order_key place = order_key_of(shown);
    for (const std::string& key : touched.keys) {
        const auto [rows, row] = cache_.place_of(key);
        fold_in_place(projection_, {floor, walking}, shown, place, *row, *rows, *again_);
    }
    cache_.check_touched();
    for (std::size_t i = 0; i < cache_.shard_count(); ++i) {
        settle(projection_, cache_.shard(i), *again_);
    }
}

// ---- from nothing

projection_runner::slice_result projection_runner::gather_walk(std::uint64_t to) {
    slice_result slice = start_slice();
    {
        const storage::read_transaction txn(*source_.env);
        if (payloads_) know(source_.schemas->get(txn));
        if (slice.walk_to == 0) {
            slice.walk_to = std::min(to, head_of(txn, source_.tables));
            if (slice.walk_to == 0) return slice;
            slice.floor = horizon_at(txn, slice.walk_to, 0);
        }
    }
    walk_floor_ = slice.floor;
    come_to_walk(slice);
    const bool keyed = !limits_.one_by_one && walk_keyed(slice);
    if (!keyed) {
        if (!limits_.one_by_one) {
            cache_.clear();
            walk_.reset();
        }
        come_to_walk(slice);
        walk_one_by_one(slice);
    }
    return slice;
}

// Where an earlier slice has stopped, of this runner or of one before.
void projection_runner::come_to_walk(const slice_result& slice) {
    constexpr std::uint64_t step = 1 << 16;
    if (walk_ && walk_->last() == slice.walk_to && walk_at_ == slice.walked) return;
    walk_ = std::make_unique<canonical_walk>(*source_.env, source_.tables, slice.walk_to,
                                             *source_.notes);
    for (walk_at_ = 0; walk_at_ < slice.walked;) {
        const auto passed = walk_->next(std::min(step, slice.walked - walk_at_)).size();
        if (passed == 0) break;
        walk_at_ += passed;
    }
}

// False: an event failed.
bool projection_runner::walk_keyed(slice_result& slice) {
    const auto end = clock::now() + limits_.time;
    const auto done = replay_keyed(
        projection_, replay_terms(slice.floor, true), cache_,
        [this](std::size_t max) {
            auto positions = walk_->next(max);
            walk_at_ += positions.size();
            return positions;
        },
        [&](std::uint64_t events) { return enough(end, slice.walked + events); });
    if (!done) return false;
    slice.walked += done->events;
    slice.more = true;
    if (!done->all) return true;
    slice.checkpoint = slice.walk_to;
    slice.walk_to = slice.walked = 0;
    walk_.reset();
    return true;
}

void projection_runner::walk_one_by_one(slice_result& slice) {
    constexpr std::size_t at_once = 1024;
    const auto end = clock::now() + limits_.time;
    const bool shared = source_.env == place_.env;
    slice.more = true;
    do {
        const auto positions = walk_->next(at_once);
        walk_at_ += positions.size();
        if (positions.empty()) {
            slice.checkpoint = slice.walk_to;
            slice.walk_to = slice.walked = 0;
            walk_.reset();
            return;
        }
        const auto pass = make_pass(source_.tables, positions);
        for (bool more = true; more && slice.more;) {
            const storage::read_transaction events(*source_.env);
            std::optional<storage::read_transaction> rows;
            if (!shared) rows.emplace(*place_.env);
            cache_.read_from(shared ? &events : &*rows);
            const event_again::reading reads(*again_, &events);
            more = pass->run(events, [&](const event_view& e) {
                cache_.mark();
                try {
                    apply(e, true);
                } catch (const too_late& cause) {
                    cache_.undo();
                    slice.late = why_late(e, cause);
                } catch (const error& failure) {
                    cache_.undo();
                    slice.failed_position = e.position();
                    slice.failure = failure.what();
                }
                slice.more = slice.late.empty() && slice.failure.empty();
                if (slice.more) ++slice.walked;
                return slice.more;
            });
            cache_.read_from(nullptr);
        }
    } while (slice.more && !enough(end, slice.walked));
}

// ---- notes of other stamps

void projection_runner::take_note(const event_view& note, const index_view& known,
                                  std::span<const event_view> batch) {
    source_.notes->each_in(note, [&](const uuid& id, const other_stamp& other) {
        std::uint64_t position = 0;
        known.show_id(id, [&](const event_view& e) { position = e.position(); });
        const auto is_it = [&](const event_view& e) { return e.id() == id; };
        const auto here = std::find_if(batch.begin(), batch.end(), is_it);
        if (here != batch.end()) position = here->position();
        if (position == 0 || position >= note.position()) return;
        const event_again::reading reads(*moved_, again_->transaction());
        moved_->expect(batch);
        if (!batch.empty()) again_->expect(position, other.stamp);
        try {
            move(position, other.stamp);
        } catch (const too_late&) {
            throw;
        } catch (const std::exception& cause) {
            throw too_late{cause.what()};  // the fold from nothing meets it again
        }
    });
}

void projection_runner::move(std::uint64_t position, const stamp& to) {
    const event_view as_recorded = moved_->read(position);
    if (!handles(projection_, as_recorded.type()) || record_reader::has_no_data(as_recorded))
        return;
    if (is_local(as_recorded) || record_.skips(position)) return;
    event_view::shown_payload room{{}, {}, 1};
    const event_view e = record_reader::with_stamp(as_recorded, to, room);
    const order_key place = order_key_of(e);
    if (place >= order_key_of(as_recorded)) return;
    for (const std::string& key : keys_by_any_stamp(as_recorded)) {
        const auto [rows, row] = cache_.place_of(key);
        move_in_place(projection_, {record_.floor, false}, e, place, *row, *rows, *again_);
        settle(projection_, *rows, *again_);
    }
    cache_.check_touched();
}

// Of an event that is about to move. Where its stamp decides which rows it touches, they are folded
// anew.
std::vector<std::string> projection_runner::keys_by_any_stamp(const event_view& e) const {
    key_list touched;
    projection_.keys_of(e, touched);
    for (const stamp& other : again_->other_stamps(e.position())) {
        event_view::shown_payload room{{}, {}, 1};
        key_list others;
        projection_.keys_of(record_reader::with_stamp(e, other, room), others);
        if (others.keys != touched.keys) {
            throw too_late{"it came with another stamp, and touches other rows by that"};
        }
    }
    return std::move(touched.keys);
}

// False: one of them came too late, and why.
bool projection_runner::take_notes(const storage::transaction& txn, std::uint64_t first,
                                   std::uint64_t last, std::string& late) {
    if (first > last) return true;
    query notes{.from = first, .to = last};
    notes.stream = std::string(local_stream);
    const auto pass = make_pass(source_.tables, notes);
    const index_view known(txn, source_.tables);
    for (bool more = true; more && late.empty() && !stopped_;) {
        more = pass->run(txn, [&](const event_view& note) {
            cache_.mark();
            try {
                take_note(note, known, {});
            } catch (const too_late& cause) {
                late = why_late(note, cause);
            }
            if (!late.empty()) cache_.undo();
            if (late.empty() && visit_changes_) stopped_ = !tell_changes(note);
            return late.empty() && !stopped_;
        });
    }
    return late.empty();
}

void projection_runner::take_notes(slice_result& slice) {
    if (slice.checkpoint == record_.checkpoint || !slice.late.empty()) return;
    const storage::read_transaction events(*source_.env);
    std::optional<storage::read_transaction> rows;
    if (source_.env != place_.env) rows.emplace(*place_.env);
    cache_.read_from(rows ? &*rows : &events);
    const event_again::reading reads(*again_, &events);
    if (!take_notes(events, record_.checkpoint + 1, slice.checkpoint, slice.late)) {
        cache_.clear();  // rows stay those of the last commit
        slice.checkpoint = record_.checkpoint;
    }
    cache_.read_from(nullptr);
}

// ---- the horizon

std::string projection_runner::why_late(const event_view& e, const too_late& cause) const {
    return fmt::format(
        "event {} at position {} came too late to be put in its place ({}), so the "
        "rows are to be folded anew; rebuild it",
        to_string(e.id()), e.position(), cause.why);
}

void projection_runner::note_late(const event_view& e, const too_late& cause) {
    record_.late = why_late(e, cause);
    ++record_.refolds;
    out_ = true;
}

// The clock below which late events are not taken in any more, once all up to this position were.
std::uint64_t projection_runner::horizon_at(const storage::transaction& log, std::uint64_t position,
                                            std::uint64_t touches) const {
    if (limits_.horizon_ms == 0) return 0;
    const auto clock_at = [&](std::uint64_t at) {
        return record_at(log, source_.tables, at).stamp().clock;
    };
    const std::uint64_t now = clock_at(position);
    const std::uint64_t span = limits_.horizon_ms << 16;
    std::uint64_t floor = now > span ? now - span : 0;
    std::uint64_t events = std::min(position, limits_.horizon_events);
    if (touches > limits_.horizon_touches) {
        const double part =
            static_cast<double>(limits_.horizon_touches) / static_cast<double>(touches) / 2;
        events = static_cast<std::uint64_t>(static_cast<double>(events) * part);
    }
    if (events < position) floor = std::max(floor, clock_at(position - events));
    return std::min(floor, now);
}

// Before rows are written: the horizon moves on, and some of what lies behind it goes.
void projection_runner::keep_horizon(storage::write_transaction& txn, projection_record& next) {
    constexpr std::size_t entries_min = 64;
    constexpr std::size_t entries_max = 4096;
    if (next.walk_to == 0 && next.checkpoint != 0) {
        std::optional<storage::read_transaction> own;
        if (source_.env != place_.env) own.emplace(*source_.env);
        const storage::transaction& log =
            own ? static_cast<const storage::transaction&>(*own) : txn;
        next.floor = std::max(next.floor, horizon_at(log, next.checkpoint, next.touches));
    }
    const auto more = static_cast<std::int64_t>(next.touches) + cache_.touches();
    next.touches = static_cast<std::uint64_t>(std::max<std::int64_t>(more, 0));
    if (next.floor == 0) return;
    const std::size_t entries = std::clamp(2 * cache_.touched(), entries_min, entries_max);
    auto swept = undo::sweep(txn, *place_.undo, sweep_from_, next.floor, entries);
    sweep_from_ = std::move(swept.next);
    next.touches -= std::min(next.touches, swept.touches);
}

}  // namespace idem
