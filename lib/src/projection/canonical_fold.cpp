#include "projection/canonical_fold.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "idem/error.hpp"
#include "log/record.hpp"

namespace idem {
namespace {

// Where the event of a touch stands to a place. Its id is asked for where two copies of a store
// have written under one origin at one time.
std::strong_ordering compare(const row_touch& touch, const order_key& place, event_again& again) {
    if (const auto by = touch.clock <=> place.clock; by != 0) return by;
    if (const auto by = touch.origin <=> place.origin; by != 0) return by;
    return again.id_at(touch.position) <=> place.id;
}
bool is_before(const row_touch& touch, const order_key& place, event_again& again) {
    return compare(touch, place, again) < 0;
}
bool is_behind(const row_touch& touch, const order_key& place, event_again& again) {
    return compare(touch, place, again) > 0;
}

void apply_again(const projection& p, cached_row& row, event_again& again) {
    row_history& history = *row.history;
    const row_touch touch = history.ahead[history.ahead_at];
    const event_view e = again.read(touch);
    history.add(touch, row);
    ++history.ahead_at;
    if (!record_reader::has_no_data(e)) p.apply_row(e, row.key, row);
}

// Takes the row back to before a place, or a little more.
void take_back(const order_key& place, const fold_terms& terms, cached_row& row, row_shard& rows,
               event_again& again) {
    row_history& history = *row.history;
    while (!is_before(history.parts().front().touches.front(), place, again)) {
        auto earlier = rows.part_before(row);
        if (!earlier || earlier->is_below(terms.floor)) break;
        history.put_before(*std::move(earlier));
    }
    std::size_t part = history.parts().size() - 1;
    while (part > 0 && !is_before(history.parts()[part].touches.front(), place, again)) --part;
    auto ahead = history.cut(part, row);
    ahead.insert(ahead.end(), history.ahead.begin() + static_cast<std::ptrdiff_t>(history.ahead_at),
                 history.ahead.end());
    history.ahead = std::move(ahead);
    history.ahead_at = 0;
}

}  // namespace

void event_again::read_from(const storage::transaction* txn) {
    records_.reset();
    txn_ = txn;
    unsealing_ = false;
    if (txn) records_.emplace(*txn, tables_->log, storage::kept::yes);
}

event_view event_again::find(std::uint64_t position) {
    if (is_expected(position)) return batch_[position - batch_.front().position()];
    return event_at(*records_, position);
}

uuid event_again::id_at(std::uint64_t position) {
    return find(position).id();
}

order_key event_again::key_at(std::uint64_t position) {
    const event_view e = find(position);
    order_key least = order_key_of(e);
    for (const stamp& s : other_stamps(position)) {
        least = std::min(least, order_key{s.clock, s.origin, least.id});
    }
    return least;
}

std::vector<stamp> event_again::other_stamps(std::uint64_t position) const {
    std::vector<stamp> all;
    for (const other_stamp& other : notes_->of(*txn_, position)) all.push_back(other.stamp);
    const auto told = told_.find(position);
    if (told != told_.end()) all.insert(all.end(), told->second.begin(), told->second.end());
    return all;
}

event_view event_again::read(const row_touch& touch) {
    const event_view e = read(touch.position);
    const auto is_it = [&](const stamp& s) {
        return s.clock == touch.clock && s.origin == touch.origin;
    };
    if (is_it(e.stamp())) return e;
    const auto others = other_stamps(touch.position);
    const auto found = std::find_if(others.begin(), others.end(), is_it);
    if (found == others.end()) throw too_late{"a stamp by which an event stands is not known"};
    least_ = *found;
    return record_reader::with_stamp(e, least_, shown_);
}

event_view event_again::read(std::uint64_t position) {
    event_view e = find(position);
    arena_.clear();
    if (!is_expected(position) && record_reader::is_sealed(e)) {
        if (!unsealing_) unsealer_.begin();
        unsealing_ = true;
        e = unsealer_.show(*txn_, e);
    }
    return payloads_ && !record_reader::has_no_data(e) ? payloads_->read(e, arena_) : e;
}

void fold_in_place(const projection& p, const fold_terms& terms, const event_view& e,
                   const order_key& place, cached_row& row, row_shard& rows, event_again& again) {
    if (place.clock < terms.floor) {
        if (terms.walking) return p.apply_row(e, row.key, row);
        throw too_late{"it stands before the horizon"};
    }
    row_history& history = rows.history_of(row);
    if (!history.empty() && history.is_settled() && history.parts().back().is_below(terms.floor)) {
        rows.forget_history(row);
    }
    if (!history.empty() && is_behind(history.last(), place, again)) {
        take_back(place, terms, row, rows, again);
    }
    if (!history.is_settled()) rows.note_unsettled(row);
    while (!history.is_settled() && is_before(history.ahead[history.ahead_at], place, again)) {
        apply_again(p, row, again);
    }
    history.add({place.clock, e.position(), place.origin}, row);
    rows.count_touch();
    p.apply_row(e, row.key, row);
}

void move_in_place(const projection& p, const fold_terms& terms, const event_view& e,
                   const order_key& place, cached_row& row, row_shard& rows, event_again& again) {
    row_history& history = rows.history_of(row);
    const auto is_it = [&](const row_touch& t) { return t.position == e.position(); };
    std::optional<row_touch> before;
    const auto look = [&](const history_part& part) {
        const auto found = std::find_if(part.touches.begin(), part.touches.end(), is_it);
        if (found != part.touches.end()) before = *found;
    };
    for (const history_part& part : history.parts()) look(part);
    while (!before && !history.empty()) {
        auto earlier = rows.part_before(row);
        if (!earlier || earlier->is_below(terms.floor)) break;
        look(*earlier);
        history.put_before(*std::move(earlier));
    }
    if (before && is_before(*before, place, again)) return;
    // One that will be told of in a later note has taken it there already, or will.
    if (!before && again.key_at(e.position()) < place) return;
    if (!before || place.clock < terms.floor) {
        throw too_late{"it came with a lower stamp, and stands before the horizon with it"};
    }
    take_back(place, terms, row, rows, again);
    const auto times = std::erase_if(history.ahead, is_it);
    rows.note_unsettled(row);
    for (std::size_t i = 0; i < times; ++i) {
        rows.count_touch(-1);
        fold_in_place(p, terms, e, place, row, rows, again);
    }
}

void settle(const projection& p, row_shard& rows, event_again& again) {
    for (cached_row* row : rows.take_unsettled()) {
        row_history& history = *row->history;
        while (!history.is_settled()) apply_again(p, *row, again);
        history.ahead.clear();
        history.ahead_at = 0;
        rows.touch(*row);
    }
}

}  // namespace idem
