#include "causality/acceptance.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "causality/origin_fold.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "log/reader.hpp"

namespace idem {
namespace {

sha256::digest content_of(const event& e) {
    const encoded_batch batch({&e, 1});
    content_hasher hasher;
    return hasher.of(batch.view(0));
}

// With the one that it came with first.
std::vector<other_stamp> stamps_of(const sync::carried_event& carried) {
    std::vector<other_stamp> stamps{{carried.event.stamp, content_of(carried.event)}};
    stamps.insert(stamps.end(), carried.others.begin(), carried.others.end());
    return stamps;
}

bool is_stamp(const std::vector<other_stamp>& known, const stamp& s) {
    return std::any_of(known.begin(), known.end(),
                       [&](const other_stamp& other) { return other.stamp == s; });
}

// About what its record takes.
std::size_t bytes_of(const event& e) {
    std::size_t bytes = 256 + e.stream.size() + e.type.size() + e.content_type.size() +
                        e.data.size() + e.data_subject.size();
    for (const auto& tag : e.tags) bytes += tag.size();
    for (const auto& [key, value] : e.metadata) bytes += key.size() + value.size();
    return bytes;
}

accepted_event refused(classification found, std::string reason) {
    return {
        .outcome = accept_outcome::refused, .found = std::move(found), .reason = std::move(reason)};
}

}  // namespace

known_history::known_history(const storage::transaction& txn, const index_view& known,
                             const log_tables& tables, origin_tables rows, origin_entry own)
    : txn_(txn), known_(known), tables_(tables), rows_(rows), own_(std::move(own)) {
    if (known.head() > 0) head_ = record_at(txn, tables, known.head()).stamp();
}

std::uint64_t known_history::counter_of(const uuid& origin) const {
    const auto row = rows_.origin(txn_, origin);
    return std::max(row ? row->counter : 0, own_.counter_of(origin, head_));
}

recorded_event known_history::at(std::uint64_t position) const {
    return shown_at(txn_, tables_, position);
}

std::vector<other_stamp> stamps_at(const storage::transaction& txn, const log_tables& tables,
                                   const origin_tables& rows, std::uint64_t position) {
    const event_view e = record_at(txn, tables, position);
    content_hasher hasher;
    std::vector<other_stamp> stamps = rows.stamps(txn, position);
    stamps.insert(stamps.begin(), {e.stamp(), hasher.of(e)});
    return stamps;
}

bool known_history::others_are_beyond(const stamp& s) const {
    // The log's clock is that of its last record. Only who made that may have known of all.
    if (!own_.is_own(s.origin) && head_.counter > 0 && head_.clock > s.clock) return true;
    if (!newest_) {  // two: one of them is of another origin, whichever is asked about
        newest_.emplace();
        for (const auto& [origin, row] : rows_.origins(txn_)) {
            const std::pair candidate(row.clock, origin);
            if (candidate > newest_->first) {
                newest_->second = std::exchange(newest_->first, candidate);
            } else if (candidate > newest_->second) {
                newest_->second = candidate;
            }
        }
    }
    const auto& other = newest_->first.second == s.origin ? newest_->second : newest_->first;
    return other.first > s.clock;
}

classification known_history::classify(const recorded_event& e) const {
    classification found;
    found.known_counter = counter_of(e.stamp.origin);
    const std::uint64_t counter = e.stamp.counter;
    if (const auto position = known_.find_id(e.id)) {
        found.position = *position;
        if (const auto field = first_difference(at(*position), e)) {
            found.is = causal_class::equivocation;
            found.field = *field;
        } else if (counter > found.known_counter + 1) {
            found.is = causal_class::gap;
        } else {
            found.is =
                counter >= found.known_counter ? causal_class::duplicate : causal_class::stale;
        }
        return found;
    }
    if (counter <= found.known_counter) {
        found.is = causal_class::equivocation;
        found.field = "counter";
    } else if (counter > found.known_counter + 1) {
        found.is = causal_class::gap;
    } else {
        found.is = others_are_beyond(e.stamp) ? causal_class::concurrent : causal_class::next;
    }
    return found;
}

version_vector known_history::frontier() const {
    version_vector all;
    for (const auto& [origin, row] : rows_.origins(txn_)) all.include(dot{origin, row.counter});
    for (const auto& f : own_.former) all.include(dot{f.origin, f.counter});
    all.include(dot{own_.current, counter_of(own_.current)});
    return all;
}

std::vector<origin_info> known_history::origins() const {
    std::vector<origin_info> all;
    all.push_back({own_.current, counter_of(own_.current), head_.clock, true});
    const auto rows = rows_.origins(txn_);
    for (const auto& f : own_.former) {
        const auto row = rows.find(f.origin);
        all.push_back(
            {f.origin, counter_of(f.origin), row == rows.end() ? 0 : row->second.clock, true});
    }
    for (const auto& [origin, row] : rows) {
        if (!own_.is_own(origin)) all.push_back({origin, row.counter, row.clock, false});
    }
    return all;
}

acceptance::acceptance(const known_history& known, storage::write_transaction& txn,
                       check_event check, const wall_clock& clock, const accept_options& options,
                       const std::set<uuid>& erased)
    : known_(known),
      txn_(txn),
      check_(std::move(check)),
      clock_(clock),
      options_(options),
      erased_(erased) {
    parked_ = known.rows().parked_count(txn);
}

std::uint64_t acceptance::counter_of(const uuid& origin) const {
    const auto moved = counters_.find(origin);
    return moved != counters_.end() ? moved->second : known_.counter_of(origin);
}

std::optional<std::size_t> acceptance::place_of(const uuid& id) const {
    const auto found = places_.find(id);
    return found != places_.end() ? std::optional(found->second) : std::nullopt;
}

std::optional<std::string> acceptance::fault_of(const sync::carried_event& carried) const {
    const recorded_event& e = carried.event;
    for (std::size_t i = 0; i <= carried.others.size(); ++i) {
        const stamp& s = i == 0 ? e.stamp : carried.others[i - 1].stamp;
        if (s.clock == 0 || s.counter == 0 || s.origin.is_nil()) {
            return "it has no stamp; events without one are for append";
        }
        if ((s.clock >> 16) > clock_.now_ms() + clock_.drift_max_ms()) {
            return fmt::format(
                "its stamp is {} ms ahead of this machine's clock, over the limit of {}: set the "
                "clocks right, here or where it was made",
                (s.clock >> 16) - clock_.now_ms(), clock_.drift_max_ms());
        }
    }
    if (e.stream == local_stream) return "the stream $local holds notes of one store alone";
    if (e.sealed) return "its data is sealed under a key that did not come with it";
    return check_(e);
}

accepted_event acceptance::take(const sync::carried_event& carried) {
    if (auto why = fault_of(carried)) return refused(known_.classify(carried.event), *why);
    auto answer = sort_in(carried, false);
    drain();
    return answer;
}

accepted_event acceptance::sort_in(const sync::carried_event& carried, bool was_parked) {
    classification found = known_.classify(carried.event);
    const auto stamps = stamps_of(carried);
    if (const auto place = place_of(carried.event.id)) {  // it came before in this batch
        if (const auto field = first_difference(events_[*place], carried.event)) {
            found.is = causal_class::equivocation;
            found.field = *field;
            return refuse_conflict(carried, found,
                                   "its id came with other content before: " + found.field);
        }
        return note(carried, found, stamps, was_parked);
    }
    if (found.position != 0) {
        if (found.is == causal_class::equivocation) {
            return refuse_conflict(carried, found,
                                   fmt::format("its id is known at position {}, with other {}",
                                               found.position, found.field));
        }
        return note(carried, found, stamps, was_parked);
    }
    const std::uint64_t known = counter_of(carried.event.stamp.origin);
    if (carried.event.stamp.counter > known + 1) return park(carried, found);
    if (carried.event.stamp.counter <= known) {
        found.is = causal_class::equivocation;
        found.field = "counter";
        if (!options_.keep_forks) {
            return refused(found, fmt::format("another event of origin {} has the counter {}: two "
                                              "histories were written under one origin",
                                              to_string(carried.event.stamp.origin),
                                              carried.event.stamp.counter));
        }
    } else if (found.is == causal_class::gap) {
        found.is = causal_class::next;  // what was missing came in this batch
    }
    found.known_counter = known;
    return append(carried, found, stamps);
}

accepted_event acceptance::append(const sync::carried_event& carried, classification found,
                                  const std::vector<other_stamp>& stamps) {
    const recorded_event& e = carried.event;
    copied_ = copied_ || e.stamp.origin == known_.own().current;
    const bool fork = e.stamp.counter <= counter_of(e.stamp.origin);
    places_.emplace(e.id, events_.size());
    events_.push_back(e);
    if (erased_.contains(e.id)) {
        events_.back().data.clear();
        events_.back().erased = true;
    }
    bytes_ += bytes_of(events_.back());
    noted_[e.id].insert(stamps.front());
    if (!fork) counters_[e.stamp.origin] = e.stamp.counter;
    if (stamps.size() > 1) note(carried, found, {stamps.begin() + 1, stamps.end()}, true);
    moved_.insert(e.stamp.origin);
    return {.outcome = fork ? accept_outcome::forked : accept_outcome::appended,
            .found = std::move(found)};
}

// Of an event that is known, or comes in this batch.
accepted_event acceptance::note(const sync::carried_event& carried, classification found,
                                const std::vector<other_stamp>& stamps, bool was_parked) {
    auto& noted = noted_[carried.event.id];
    std::vector<other_stamp> known(noted.begin(), noted.end());
    if (found.position != 0) {
        const auto kept = known_.stamps_at(found.position);
        known.insert(known.end(), kept.begin(), kept.end());
    }
    for (const other_stamp& s : stamps) {
        if (std::find(known.begin(), known.end(), s) != known.end()) continue;
        const std::uint64_t counter = counter_of(s.stamp.origin);
        if (!is_stamp(known, s.stamp)) {
            copied_ = copied_ || s.stamp.origin == known_.own().current;
            if (s.stamp.counter > counter + 1 && !was_parked) return park(carried, found);
            if (s.stamp.counter > counter + 1) continue;  // it comes again, when that is filled
            counters_[s.stamp.origin] = std::max(counter, s.stamp.counter);
        }
        notes_.push_back(note_of_stamp(carried.event.id, s));
        noted.insert(s);
        known.push_back(s);
        moved_.insert(s.stamp.origin);
    }
    if (found.is != causal_class::stale) found.is = causal_class::duplicate;
    return {.outcome = accept_outcome::duplicate, .found = found, .position = found.position};
}

accepted_event acceptance::refuse_conflict(const sync::carried_event& carried, classification found,
                                           std::string reason) {
    for (const other_stamp& s : stamps_of(carried)) {
        const uuid& origin = s.stamp.origin;
        if (!options_.keep_forks || s.stamp.counter != counter_of(origin) + 1) continue;
        copied_ = copied_ || origin == known_.own().current;
        counters_[origin] = s.stamp.counter;
        notes_.push_back(note_of_conflict(carried.event.id, s));
        moved_.insert(origin);
    }
    return refused(std::move(found), std::move(reason));
}

accepted_event acceptance::park(const sync::carried_event& carried, classification found) {
    found.is = causal_class::gap;
    const stamp& s = carried.event.stamp;
    copied_ = copied_ || s.origin == known_.own().current;
    const parked_key key{s.origin, s.counter};
    const std::string bytes = sync::encode_events({{carried}, 0});
    const auto kept = known_.rows().parked(txn_, key);
    if (kept) {
        const auto before = sync::decode_events(*kept);
        const auto& known = before.events.at(0).event;
        if (known.id != carried.event.id || first_difference(known, carried.event)) {
            found.is = causal_class::equivocation;
            return refused(found, "another event of its origin and counter waits already");
        }
    } else if (parked_ >= limits::parked_max) {
        return refused(found, fmt::format("{} events wait for others already, which is the limit; "
                                          "deliver what is missing first",
                                          limits::parked_max));
    } else {
        ++parked_;
    }
    known_.rows().park(txn_, key, bytes);
    return {.outcome = accept_outcome::parked, .found = std::move(found)};
}

// Lets in what waited for the events that came last; each may let in the next.
void acceptance::drain() {
    while (!moved_.empty() && !is_full()) {
        const uuid origin = *moved_.begin();
        const auto waiting = known_.rows().parked(txn_, {origin, counter_of(origin) + 1});
        if (!waiting) {
            moved_.erase(moved_.begin());
            continue;
        }
        const std::uint64_t before = counter_of(origin);
        auto carried = sync::decode_events(*waiting);
        sort_in(carried.events.at(0), true);
        if (counter_of(origin) == before) moved_.erase(origin);  // it is refused now
    }
}

void acceptance::take_up_parked() {
    for (const auto& [key, bytes] : known_.rows().all_parked(txn_)) moved_.insert(key.origin);
    drain();
}

std::optional<encoded_batch> acceptance::batch(timestamp now) const {
    if (events_.empty() && notes_.empty()) return std::nullopt;
    std::vector<event> all(events_.begin(), events_.end());
    all.insert(all.end(), notes_.begin(), notes_.end());
    all.push_back(note_of_acceptance(events_.size()));
    encoded_batch encoded(all, now);
    for (std::size_t i = 0; i < events_.size(); ++i) encoded.keep_stamp(i, events_[i].stamp);
    return encoded;
}

}  // namespace idem
