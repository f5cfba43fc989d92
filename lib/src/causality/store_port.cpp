#include "causality/store_port.hpp"

#include <algorithm>

#include "causality/acceptance.hpp"
#include "log/order_index.hpp"
#include "log/reader.hpp"

namespace idem::sync {
namespace {

constexpr std::size_t stamps_of_a_batch = 2000;  // a commit has room for their notes

bool is_conflict(const classification& found) noexcept {
    return found.is == causal_class::equivocation && !found.field.empty() &&
           found.field != "counter";
}

verdict verdict_of(const accepted_event& answer) noexcept {
    switch (answer.outcome) {
        case accept_outcome::appended:
            return verdict::accepted;
        case accept_outcome::duplicate:
            return verdict::noted;
        case accept_outcome::parked:
            return verdict::parked;
        case accept_outcome::forked:
            return verdict::fork;
        case accept_outcome::refused:
            break;
    }
    return is_conflict(answer.found) ? verdict::conflict : verdict::refused;
}

// The stamp to send an event under. It is one that came with the content as the log has it: the
// other side computes the item from both. The one of its record, unless only others are of the
// time that is asked for.
std::size_t first_to_send(const std::vector<other_stamp>& stamps, std::uint64_t clock) noexcept {
    const other_stamp& own = stamps.front();
    if (own.stamp.clock <= clock) return 0;
    const auto found = std::find_if(stamps.begin(), stamps.end(), [&](const other_stamp& s) {
        return s.stamp.clock <= clock && s.content == own.content;
    });
    return found == stamps.end() ? 0 : static_cast<std::size_t>(found - stamps.begin());
}

std::size_t batch_size(std::span<const carried_event> events) noexcept {
    std::size_t stamps = 0;
    for (std::size_t i = 0; i < events.size(); ++i) {
        stamps += 1 + events[i].others.size();
        if (i > 0 && stamps > stamps_of_a_batch) return i;
    }
    return events.size();
}

}  // namespace

store_port::store_port(replica::impl& store)
    : store_(store),
      env_(*store.source().env),
      tables_(store.source().tables),
      items_(env_, tables_, *store.source().notes) {}

std::optional<carried_event> store_port::load(const item_key& key) {
    env_.check_files();
    tables_.subjects->find_table();
    const origin_tables rows(env_);
    const storage::read_transaction txn(env_);
    const auto position = items_.position_of(txn, key);
    if (!position) return std::nullopt;
    carried_event carried{shown_at(txn, tables_, *position), {}};
    if (carried.event.sealed) return std::nullopt;
    const auto stamps = stamps_at(txn, tables_, rows, *position);
    const std::size_t first = first_to_send(stamps, key.clock);
    carried.event.stamp = stamps[first].stamp;
    for (std::size_t i = 0; i < stamps.size(); ++i) {
        if (i != first && stamps[i].stamp.clock <= key.clock) carried.others.push_back(stamps[i]);
    }
    return carried;
}

std::vector<verdict> store_port::take_in(std::span<const carried_event> events) {
    std::vector<verdict> given;
    given.reserve(events.size());
    while (!events.empty()) {
        const std::size_t size = batch_size(events);
        const auto answers = store_.accept(events.first(size), {.keep_forks = true});
        for (std::size_t i = 0; i < size; ++i) {
            const accepted_event& answer = answers[i];
            given.push_back(verdict_of(answer));
            if (answer.outcome != accept_outcome::refused) continue;
            const bool conflict = given.back() == verdict::conflict;
            note({conflict ? sync_problem::kind::conflict : sync_problem::kind::refused, true,
                  events[i].event.id, answer.found.position,
                  conflict ? answer.found.field : std::string(), answer.reason});
        }
        events = events.subspan(size);
    }
    return given;
}

void store_port::pushed(const carried_event& e, verdict became) {
    if (became != verdict::conflict && became != verdict::refused) return;
    const bool conflict = became == verdict::conflict;
    note({conflict ? sync_problem::kind::conflict : sync_problem::kind::refused,
          false,
          e.event.id,
          e.event.position,
          {},
          conflict ? "the other side knows its id with other content"
                   : "the other side refuses it: see there, or sync from there"});
}

void store_port::note(sync_problem problem) {
    if (problems_.size() < sync_result::problems_max) problems_.push_back(std::move(problem));
}

}  // namespace idem::sync
