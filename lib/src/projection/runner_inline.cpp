// A runner within the transactions of appends.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "idem/error.hpp"
#include "log/pass.hpp"
#include "projection/runner.hpp"

namespace idem {

using clock = std::chrono::steady_clock;

bool projection_runner::begin(storage::write_transaction& txn, bool retry, time_point deadline) {
    if (finished_) {  // then that transaction was committed or not: reload() finds out
        cache_.accept();
        record_ = written_;
    } else {
        cache_.clear();
    }
    finished_ = false;
    const auto moved = reload(txn);
    // A table that was first opened in a transaction that failed went with it.
    const std::uint8_t slot = moved.value_or(place_.slot);
    const storage::table rows = txn.open_table(table_name(slot));
    std::optional<storage::table> undo;
    if (is_canonical()) undo = txn.open_table(undo_name(slot));
    if (moved || rows != place_.rows || undo != place_.undo) {
        follow_rows(slot, rows, undo);
        reload(txn);
    }
    if (record_.walk_to != 0) {
        throw error(errc::stale, fmt::format("projection {} is being folded in canonical order; "
                                             "its first fold is not at its end",
                                             versioned(projection_.name, projection_.version)));
    }
    out_ = false;
    if (payloads_) know(source_.schemas->get(txn));
    cache_.read_from(&txn);
    if (again_) again_->read_from(&txn);
    if (retry) {
        record_.failed_position = 0;
        record_.failure.clear();
    }
    if (!record_.failure.empty()) return true;
    const auto pass = make_pass(source_.tables, query{.from = record_.checkpoint + 1});
    const auto step = [&](const event_view& e) {
        cache_.mark();
        try {
            apply(e);
        } catch (const too_late& cause) {
            cache_.undo();
            note_late(e, cause);
            return false;
        } catch (const error& failure) {
            cache_.undo();
            record_.failed_position = e.position();
            record_.failure = failure.what();
            return false;
        }
        record_.checkpoint = e.position();
        return true;
    };
    bool more = true;
    while (more) {
        more = pass->run(txn, step);
        if (!record_.late.empty()) return false;
        if (record_.failure.empty())
            record_.checkpoint = std::max(record_.checkpoint, pass->covered());
        if (more && clock::now() >= deadline) break;
    }
    if (again_ && !take_notes(txn, loaded_.checkpoint + 1, record_.checkpoint, record_.late)) {
        cache_.clear();  // rows stay those of the last commit
        record_.checkpoint = loaded_.checkpoint;
        ++record_.refolds;
        out_ = true;
        return false;
    }
    return !more;
}

void projection_runner::apply_batch(const index_view& known, std::span<const event_view> events) {
    batch_start_ = record_.checkpoint;
    batch_known_ = known_;
    batch_out_ = out_;
    batch_late_ = record_.late;
    cache_.mark();
    if (out_ || !record_.failure.empty() || events.empty()) return;
    try {
        if (payloads_) know(with_registrations(known_, events));
    } catch (const error& e) {
        if (e.code() != errc::stale) throw;
        out_ = true;  // it rests before this batch, and is no reason to refuse it
        return;
    }
    const event_view* now = nullptr;
    if (again_) again_->expect(events);
    try {
        for (const event_view& e : events) {
            now = &e;
            apply(e);
            if (again_ && is_local(e)) take_note(e, known, events);
        }
    } catch (const too_late& cause) {
        undo_batch();
        note_late(*now, cause);  // it rests before this batch, and is no reason to refuse it
        return;
    } catch (...) {
        undo_batch();
        throw;
    }
    if (again_) again_->expect({});
    record_.checkpoint = events.back().position();
}

void projection_runner::undo_batch() noexcept {
    cache_.undo();
    record_.checkpoint = batch_start_;
    out_ = batch_out_;
    if (record_.late != batch_late_) --record_.refolds;
    record_.late = batch_late_;
    if (again_) again_->expect({});
    known_ = batch_known_;
    if (payloads_ && known_) payloads_->know(known_);
}

std::optional<std::string> projection_runner::row(std::string_view key) {
    if (!record_.failure.empty()) {
        throw error(errc::handler_failed, record_.failure, {.position = record_.failed_position});
    }
    if (!record_.late.empty()) throw error(errc::stale, record_.late);
    if (out_) {
        throw error(errc::stale,
                    fmt::format("projection {} rests, for schemas were registered that it does not "
                                "read by; rebuild it",
                                versioned(projection_.name, projection_.version)));
    }
    const auto& found = cache_.look_at(key);
    return found.present ? std::optional(found.bytes) : std::nullopt;
}

bool projection_runner::stands_on_failure() const {
    const storage::read_transaction txn(*place_.env);
    const auto record = read_projection(txn, place_.catalog, place_.key);
    return record && !record->failure.empty();
}

void projection_runner::finish(storage::write_transaction& txn) {
    if (record_.checkpoint == loaded_.checkpoint && record_.failure == loaded_.failure &&
        record_.late == loaded_.late) {
        written_ = record_;
    } else {
        write(txn, record_);
    }
    if (again_) again_->read_from(nullptr);
    cache_.read_from(nullptr);
    finished_ = true;
}

}  // namespace idem
