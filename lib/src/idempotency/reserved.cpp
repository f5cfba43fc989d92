#include "idempotency/reserved.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "commands_generated.h"
#include "idem/error.hpp"
#include "idempotency/row.hpp"
#include "log/content.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace {

// Of the fold that made the rows; 0: there are none.
wire::FoldInfoT info_of(const storage::transaction& txn, storage::table table) {
    const auto entry = txn.peek(table, reserved_info_key);
    return entry ? unpack<wire::FoldInfo>(*entry) : wire::FoldInfoT();
}

void put_info(storage::write_transaction& txn, storage::table table, const reserved_fold& fold,
              std::uint64_t through) {
    wire::FoldInfoT info;
    info.version = fold.version();
    info.through = through;
    txn.put(table, reserved_info_key, pack<wire::FoldInfo>(info));
}

bool made_by(const reserved_fold& fold, const wire::FoldInfoT& info) noexcept {
    return info.version == fold.version();
}

// Up to where a table has taken the events in.
std::uint64_t mark_of(const reserved_fold& fold, const wire::FoldInfoT& info,
                      std::uint64_t head) noexcept {
    return fold.has_tail() ? info.through : head;
}

// Takes the events up to a position into a tail.
template <class WhenFull>
void take_in(const index_view& known, const reserved_fold& fold, reserved_rows& rows,
             row_tail& tail, std::uint64_t up_to, WhenFull when_full) {
    try {
        known.forwards(fold.stream(), tail.through() + 1, [&](const event_view& e) {
            if (e.position() > up_to) return false;
            fold.apply(e, rows);
            tail.count_event();
            tail.note(e.position());
            if (tail.is_full()) when_full();
            return true;
        });
    } catch (...) {
        tail.begin_at(tail.mark());  // an event may have been taken in by half
        throw;
    }
    tail.note(up_to);
}

}  // namespace

std::optional<std::string> reserved_rows::get(std::string_view key) const {
    if (const auto* const newest = tail_ ? tail_->find(key) : nullptr) return *newest;
    const auto found = txn_->peek(table_, key);  // a row that is looked at is written next
    return found ? std::optional<std::string>(*found) : std::nullopt;
}

void reserved_rows::put(std::string_view key, std::string_view row) {
    if (tail_) {
        tail_->set(key, std::string(row));
    } else {
        writer_->put(table_, key, row);
    }
}

void reserved_rows::erase(std::string_view key) {
    if (tail_) {
        tail_->set(key, std::nullopt);
    } else {
        writer_->erase(table_, key);
    }
}

std::vector<std::string> reserved_rows::keys(std::string_view prefix, std::size_t max,
                                             std::string_view from) const {
    std::vector<std::string> found;
    row_walk rows = walk(std::max(prefix, from));
    while (found.size() < max) {
        const auto row = rows.next();
        if (!row || !row->first.starts_with(prefix)) break;
        found.emplace_back(row->first);
    }
    return found;
}

void tailed_table::begin() {
    if (unsettled_) tail_.begin_at(0);  // the last transaction came to nothing, or may have
    unsettled_ = true;
    found_ = false;
}

void tailed_table::find_table(const open_log& log) {
    table_ = log.txn.open_table(fold_.table());
    const auto info = info_of(log.txn, table_);
    const std::uint64_t mark = mark_of(fold_, info, log.known.head());
    if (!made_by(fold_, info)) {
        log.txn.clear_table(table_);
        tail_.begin_at(0);
        put_info(log.txn, table_, fold_, 0);
    } else if (mark > log.known.head()) {
        // Made anew from such a log, the table would take what it has forgotten for new.
        throw error(errc::corrupt,
                    fmt::format("the table {} has taken in the event at position {}, where the log "
                                "has none; run `idem verify` and restore a backup",
                                fold_.table(), mark));
    } else if (mark != tail_.mark()) {
        tail_.begin_at(mark);  // another process has written its own out
    }
    found_ = true;
}

reserved_rows tailed_table::open(const open_log& log, std::uint64_t up_to) {
    if (!found_) find_table(log);
    reserved_rows rows(log.txn, table_, tail_);
    if (tail_.through() < up_to) {
        take_in(log.known, fold_, rows, tail_, up_to, [&] { write_out(log.txn); });
    }
    return rows;
}

void tailed_table::batch(const open_log& log, std::span<const event_view> events) {
    if (events.empty()) return;
    const std::uint64_t before = events.front().position() - 1;
    std::optional<reserved_rows> rows;
    for (const event_view& e : events) {
        if (e.stream() != fold_.stream()) continue;
        if (!rows) rows = open(log, before);
        fold_.apply(e, *rows);
        tail_.count_event();
    }
    if (rows || tail_.through() == before) tail_.note(events.back().position());
}

void tailed_table::finish(storage::write_transaction& txn) {
    if (found_ && tail_.is_full()) write_out(txn);
}

void tailed_table::write_out(storage::write_transaction& txn) {
    tail_.write_to(txn, table_);
    put_info(txn, table_, fold_, tail_.mark());
}

reserved_tables::reserved_tables(std::vector<std::unique_ptr<reserved_fold>> folds)
    : folds_(std::move(folds)) {
    for (const auto& fold : folds_) {
        tailed_.push_back(fold->has_tail() ? std::make_unique<tailed_table>(*fold) : nullptr);
    }
}

const reserved_fold* reserved_tables::find(std::string_view stream) const noexcept {
    const auto found = std::find_if(folds_.begin(), folds_.end(),
                                    [&](const auto& fold) { return fold->stream() == stream; });
    return found == folds_.end() ? nullptr : found->get();
}

std::optional<std::string> reserved_tables::fault_of(const event& e) const {
    const auto* const fold = find(e.stream);
    if (!fold) {
        return fmt::format("is {}; streams that begin with $ are the store's own",
                           text::shown(e.stream));
    }
    const auto fault = is_json_content_type(e.content_type)
                           ? fold->fault_of(e.type, e.data)
                           : "is not JSON, as the store's own events are";
    if (!fault) return std::nullopt;
    return fmt::format(
        "is {}; streams that begin with $ are the store's own, and take only events that a store "
        "has written there, as an export has them; this one, {}, {}",
        text::shown(e.stream), text::shown(e.type), *fault);
}

reserved_rows reserved_tables::open(const open_log& log, std::string_view stream) const {
    std::size_t i = 0;
    while (folds_.at(i)->stream() != stream || !tailed_.at(i)) ++i;
    return tailed_[i]->open(log, log.head.position);
}

void reserved_tables::begin(storage::write_transaction& /*txn*/) {
    for (const auto& t : tailed_) {
        if (t) t->begin();
    }
}

bool is_work_elsewhere(const reserved_fold& fold, const event_view& e, const origin_entry& own) {
    return fold.is_work() && !own.is_own(e.stamp().origin);
}

void reserved_tables::batch(const open_log& log, std::span<const event_view> events) {
    for (const auto& t : tailed_) {
        if (t) t->batch(log, events);
    }
    for (const event_view& e : events) {
        if (!e.stream().starts_with('$')) continue;
        const auto* const fold = find(e.stream());
        if (!fold || fold->has_tail() || is_work_elsewhere(*fold, e, log.own)) continue;
        reserved_rows rows = open_reserved(log, *fold);
        fold->apply(e, rows);
    }
}

void reserved_tables::finish(storage::write_transaction& txn) {
    for (const auto& t : tailed_) {
        if (t) t->finish(txn);
    }
}

void reserved_tables::committed() {
    for (const auto& t : tailed_) {
        if (t) t->committed();
    }
}

reserved_rows open_reserved(const open_log& log, const reserved_fold& fold) {
    const storage::table table = log.txn.open_table(fold.table());
    reserved_rows rows(log.txn, table);
    if (made_by(fold, info_of(log.txn, table))) return rows;
    log.txn.clear_table(table);
    log.known.forwards(fold.stream(), 1, [&](const event_view& e) {
        if (is_work_elsewhere(fold, e, log.own)) return true;
        // What is written moves what is read in place.
        const recorded_event kept = e.to_owned();
        fold.apply(encode_recorded({&kept, 1}).view(0), rows);
        return true;
    });
    put_info(log.txn, table, fold, 0);
    return rows;
}

std::optional<storage::table> find_reserved(storage::environment& env, const reserved_fold& fold) {
    const auto table = env.find_table(fold.table());
    if (!table) return std::nullopt;
    const storage::read_transaction txn(env);
    if (!is_stale(txn, *table, fold)) return table;
    throw error(errc::stale,
                fmt::format("the table {} was made by another version of idem; the next command "
                            "that writes to it makes it anew",
                            fold.table()));
}

reserved_rows read_reserved(const storage::transaction& txn, const log_tables& tables,
                            storage::table table, const reserved_fold& fold, row_tail& tail) {
    const index_view known(txn, tables);
    const auto info = info_of(txn, table);
    // What was emptied is shown so, and made anew by the next command.
    const std::uint64_t mark = info.version == 0 ? known.head() : mark_of(fold, info, known.head());
    if (mark != tail.mark() || tail.through() > known.head()) tail.begin_at(mark);
    reserved_rows rows(txn, table, tail);
    if (tail.through() < known.head()) {
        take_in(known, fold, rows, tail, known.head(), [] {});
    }
    return rows;
}

bool is_stale(const storage::transaction& txn, storage::table table, const reserved_fold& fold) {
    const auto info = info_of(txn, table);
    return info.version != 0 && !made_by(fold, info);
}

}  // namespace idem
