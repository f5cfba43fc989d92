#include "log/canonical_walk.hpp"

#include <algorithm>
#include <utility>

#include "log/pass.hpp"

namespace idem {

canonical_walk::canonical_walk(storage::environment& env, const log_tables& tables,
                               std::uint64_t last, const stamp_notes& notes, std::size_t late_max)
    : env_(env), tables_(tables), last_(last), notes_(&notes), late_max_(late_max) {}

order_key canonical_walk::key_of(const event_view& e) const {
    return key_of(e.position(), e.id(), e.stamp());
}

order_key canonical_walk::key_of(std::uint64_t position, const uuid& id, const stamp& own) const {
    if (!lowered_.empty()) {
        const auto found = lowered_.find(position);
        if (found != lowered_.end()) return {found->second.first, found->second.second, id};
    }
    return {own.clock, own.origin, id};
}

// Of what is damaged it does not know better than event_at(), which throws.
order_key canonical_walk::key_at(record_cursor& records, std::uint64_t position) const {
    const auto record = records.at(position);
    const auto known = record ? record_reader::peek(*record) : std::nullopt;
    if (!known) return key_of(event_at(records, position));
    return key_of(position, known->id, known->stamp);
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
        lowered_[e.position()] = {other.clock, other.origin};
    });
}

// Finds out which events are late, and keeps the first of those that were not handed out yet.
void canonical_walk::survey() {
    if (!std::exchange(begun_, true)) read_notes();
    elsewhere_.resize(last_ + 1);
    auto next_note = notes_at_.begin();
    greatest_ = {};
    late_.clear();
    late_at_ = 0;
    more_late_ = false;
    for (std::uint64_t position = 1; position <= last_;) {
        const storage::read_transaction txn(env_);
        record_cursor records(txn, tables_.log, storage::kept::no);
        read_slice slice;
        do {
            if (next_note != notes_at_.end() && *next_note == position) {
                elsewhere_[position] = true;
                ++next_note;
            } else {
                survey(position, key_at(records, position));
            }
        } while (++position <= last_ && !slice.over());
    }
    std::sort_heap(late_.begin(), late_.end(),
                   [](const late_event& a, const late_event& b) { return a.key < b.key; });
}

void canonical_walk::survey(std::uint64_t position, const order_key& key) {
    if (key.clock > greatest_.clock || key > greatest_) {
        greatest_ = key;
        return;
    }
    elsewhere_[position] = true;
    if (key <= done_) return;
    const auto less = [](const late_event& a, const late_event& b) { return a.key < b.key; };
    late_.push_back({key, position});
    std::push_heap(late_.begin(), late_.end(), less);
    if (late_.size() <= late_max_) return;
    more_late_ = true;
    std::pop_heap(late_.begin(), late_.end(), less);
    late_.pop_back();
}

// False: none of those in their place is left.
bool canonical_walk::refill() {
    constexpr std::size_t at_once = 64;
    if (in_place_at_ < in_place_.size()) return true;
    in_place_.clear();
    in_place_at_ = 0;
    for (; position_ <= last_ && in_place_.size() < at_once; ++position_) {
        if (!elsewhere_[position_]) in_place_.push_back(position_);
    }
    return !in_place_.empty();
}

std::vector<std::uint64_t> canonical_walk::next(std::size_t max) {
    std::vector<std::uint64_t> found;
    found.reserve(max);
    std::optional<storage::read_transaction> txn;
    std::optional<record_cursor> records;
    while (found.size() < max) {
        if (late_at_ == late_.size() && more_late_) {
            records.reset();
            txn.reset();
            if (!late_.empty()) done_ = late_.back().key;
            survey();
        }
        const bool has_late = late_at_ < late_.size();
        if (!refill()) {
            if (!has_late) break;
            found.push_back(late_[late_at_++].position);
            continue;
        }
        auto end = in_place_.end();
        const auto from = in_place_.begin() + static_cast<std::ptrdiff_t>(in_place_at_);
        if (has_late) {
            if (!txn) records.emplace(txn.emplace(env_), tables_.log, storage::kept::yes);
            const order_key& bound = late_[late_at_].key;
            const auto before = [&](std::uint64_t position) {
                return key_at(*records, position) < bound;
            };
            if (!before(in_place_.back())) end = std::partition_point(from, end, before);
        }
        const auto room = static_cast<std::ptrdiff_t>(max - found.size());
        const bool whole = end - from <= room;
        if (!whole) end = from + room;
        found.insert(found.end(), from, end);
        in_place_at_ += static_cast<std::size_t>(end - from);
        if (has_late && whole && found.size() < max && in_place_at_ < in_place_.size()) {
            found.push_back(late_[late_at_++].position);
        }
    }
    return found;
}

}  // namespace idem
