#include "log/canonical_walk.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "log/pass.hpp"

namespace idem {

canonical_walk::canonical_walk(storage::environment& env, const log_tables& tables,
                               std::uint64_t last, const stamp_notes& notes, std::size_t late_max,
                               std::size_t sequences_max)
    : env_(env),
      tables_(tables),
      last_(last),
      notes_(&notes),
      late_max_(late_max),
      sequences_max_(sequences_max) {}

order_key canonical_walk::key_of(const event_view& e) const {
    return key_of(e.position(), e.id(), e.stamp());
}

order_key canonical_walk::key_of(std::uint64_t position, const uuid& id, const stamp& own) const {
    const stamp* const lower = lower_stamp(position);
    const stamp& least = lower ? *lower : own;
    return {least.clock, least.origin, id};
}

const stamp* canonical_walk::lower_stamp(std::uint64_t position) const noexcept {
    if (lowered_.empty()) return nullptr;
    const auto found = lowered_.find(position);
    return found == lowered_.end() ? nullptr : &found->second;
}

// Of what is damaged it does not know better than event_at(), which throws.
order_key canonical_walk::key_in(std::optional<std::string_view> record, record_cursor& records,
                                 std::uint64_t position) const {
    const auto known = record ? record_reader::peek(*record) : std::nullopt;
    if (!known) return key_of(event_at(records, position));
    return key_of(position, known->id, known->stamp);
}

order_key canonical_walk::key_at(record_cursor& records, std::uint64_t position) const {
    return key_in(records.at(position), records, position);
}

// Which events came with a lower stamp than their record has. Not the table of stamps: that may
// know of what came behind the last position.
void canonical_walk::read_notes() {
    query notes{.to = last_};
    notes.stream = std::string(local_stream);
    const auto pass = make_pass(tables_, notes);
    for (bool more = true; more;) {
        const storage::read_transaction txn(env_);
        const index_view known(txn, tables_);
        more = pass->run(txn, [&](const event_view& e) {
            notes_at_.push_back(e.position());
            notes_->each_in(
                e, [&](const uuid& id, const other_stamp& other) { note(known, id, other.stamp); });
            return true;
        });
    }
}

void canonical_walk::note(const index_view& known, const uuid& id, const stamp& other) {
    known.show_id(id, [&](const event_view& e) {
        if (order_key{other.clock, other.origin, id} >= key_of(e)) return;
        lowered_[e.position()] = other;
    });
}

// Deals the events to sequences that are each in order, an event to the one whose last stands
// nearest before it. What each origin has made is in order, so there are about as many as origins
// that came each on its own time; an event for which there is none any more is late. Of those it
// keeps the first that were not handed out yet.
void canonical_walk::survey() {
    if (!std::exchange(begun_, true)) read_notes();
    sequence_of_.resize(last_ + 1, of_none);
    auto next_note = notes_at_.begin();
    lasts_.clear();
    late_.clear();
    late_at_ = 0;
    more_late_ = false;
    for (std::uint64_t position = 1; position <= last_;) {
        const storage::read_transaction txn(env_);
        record_cursor records(txn, tables_.log, storage::kept::no);
        read_slice slice;
        for (bool over = false; position <= last_ && !over;) {
            // Memory brings the heads of some records at one time.
            std::array<std::optional<std::string_view>, 16> some;
            const std::size_t size = std::min<std::uint64_t>(some.size(), last_ + 1 - position);
            for (std::size_t i = 0; i < size; ++i) {
                some[i] = records.at(position + i);
                if (some[i]) record_reader::prefetch(*some[i]);
            }
            for (std::size_t i = 0; i < size; ++i, ++position) {
                over = slice.over() || over;
                if (next_note != notes_at_.end() && *next_note == position) {
                    ++next_note;
                } else {
                    survey(position, key_in(some[i], records, position));
                }
            }
        }
    }
    std::sort_heap(late_.begin(), late_.end(),
                   [](const late_event& a, const late_event& b) { return a.key < b.key; });
}

void canonical_walk::survey(std::uint64_t position, const order_key& key) {
    // The last ones of the sequences fall, for an event joins the first that it fits.
    const auto fits = std::find_if(lasts_.begin(), lasts_.end(), [&](const order_key& last) {
        return last.clock < key.clock || last < key;
    });
    if (fits != lasts_.end() || lasts_.size() < sequences_max_) {
        sequence_of_[position] = static_cast<std::uint8_t>(fits - lasts_.begin());
        if (fits == lasts_.end()) {
            lasts_.push_back(key);
        } else {
            *fits = key;
        }
        return;
    }
    if (key <= done_) return;
    const auto less = [](const late_event& a, const late_event& b) { return a.key < b.key; };
    late_.push_back({key, position});
    std::push_heap(late_.begin(), late_.end(), less);
    if (late_.size() <= late_max_) return;
    more_late_ = true;
    std::pop_heap(late_.begin(), late_.end(), less);
    late_.pop_back();
}

// False: none of the sequence is left.
bool canonical_walk::refill(sequence& s, record_cursor& records) const {
    constexpr std::size_t at_once = 64;
    s.ahead.clear();
    s.at = 0;
    const std::uint8_t* const all = sequence_of_.data();
    while (s.position <= last_ && s.ahead.size() < at_once) {
        const void* const found = std::memchr(all + s.position, s.number, last_ + 1 - s.position);
        if (!found) {
            s.position = last_ + 1;
            break;
        }
        s.position = static_cast<std::uint64_t>(static_cast<const std::uint8_t*>(found) - all);
        s.ahead.push_back(s.position++);
    }
    if (s.ahead.empty()) return false;
    s.first = key_at(records, s.ahead.front());
    return true;
}

void canonical_walk::begin_sequences(record_cursor& records) {
    if (std::exchange(sequences_begun_, true)) return;
    for (std::size_t n = 0; n < lasts_.size(); ++n) {
        sequence s{.number = static_cast<std::uint8_t>(n)};
        if (refill(s, records)) sequences_.push_back(std::move(s));
    }
}

// Those of one sequence that stand before all of the others.
void canonical_walk::take_from(sequence& s, const order_key* bound, std::size_t max,
                               record_cursor& records, std::vector<std::uint64_t>& found) {
    const auto from = s.ahead.begin() + static_cast<std::ptrdiff_t>(s.at);
    auto end = s.ahead.end();
    const auto before = [&](std::uint64_t position) { return key_at(records, position) < *bound; };
    if (bound && !before(s.ahead.back())) end = std::partition_point(from + 1, end, before);
    end = from + std::min(end - from, static_cast<std::ptrdiff_t>(max));
    found.insert(found.end(), from, end);
    s.at += static_cast<std::size_t>(end - from);
    if (s.at < s.ahead.size()) {
        s.first = key_at(records, s.ahead[s.at]);
    } else if (!refill(s, records)) {
        std::swap(s, sequences_.back());
        sequences_.pop_back();
    }
}

std::vector<std::uint64_t> canonical_walk::next(std::size_t max) {
    std::vector<std::uint64_t> found;
    found.reserve(max);
    while (found.size() < max) {
        if (late_at_ == late_.size() && more_late_) {
            if (!late_.empty()) done_ = late_.back().key;
            survey();
        }
        const storage::read_transaction txn(env_);
        record_cursor records(txn, tables_.log, storage::kept::yes);
        begin_sequences(records);
        do {
            if (late_at_ == late_.size() && more_late_) break;
            const order_key* const late = late_at_ < late_.size() ? &late_[late_at_].key : nullptr;
            sequence* least = nullptr;
            const order_key* bound = late;
            for (sequence& s : sequences_) {
                if (!least || s.first < least->first) least = &s;
            }
            if (!least && !late) return found;
            if (!least || (late && *late < least->first)) {
                found.push_back(late_[late_at_++].position);
                continue;
            }
            for (const sequence& s : sequences_) {
                if (&s != least && (!bound || s.first < *bound)) bound = &s.first;
            }
            take_from(*least, bound, max - found.size(), records, found);
        } while (found.size() < max);
    }
    return found;
}

}  // namespace idem
