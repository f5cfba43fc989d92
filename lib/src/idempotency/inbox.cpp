// The inbox: what a foreign source delivers, and how far that was, in one commit.
#include "idem/inbox.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "idem/error.hpp"
#include "idempotency/consumers.hpp"
#include "idempotency/keys.hpp"
#include "idempotency/row.hpp"
#include "log/subjects.hpp"

namespace idem {
namespace {

// What is known of each event: its original receipt, or that its data was erased, maybe before it
// came; position 0 where the log has no such event.
std::vector<receipt> originals(const transaction::state& s, std::span<const event> events) {
    subject_store& subjects = *s.source.tables.subjects;
    const auto table = subjects.find_table();
    std::vector<receipt> found;
    found.reserve(events.size());
    for (const auto& e : events) {
        receipt r{.id = e.id, .outcome = outcome::duplicate};
        bool erased = false;
        if (const auto position = s.log.known.find_id(e.id)) {
            const auto known = record_at(s.log.txn, s.source.tables, *position);
            r.position = known.position();
            r.revision = known.revision();
            // What comes as erased says no more than is known.
            erased = !e.erased && record_reader::is_sealed(known) &&
                     subjects.is_erased(s.log.txn, known);
        } else if (table && !e.data_subject.empty() && !e.erased && !e.sealed) {
            erased = subject_rows::refuses(s.log.txn, *table, e.id, e.data_subject);
        }
        if (erased) r.outcome = outcome::erased;
        found.push_back(r);
    }
    return found;
}

std::vector<event> named(std::string_view source, std::uint64_t position,
                         std::span<const event> events) {
    std::vector<event> result(events.begin(), events.end());
    for (std::size_t i = 0; i < result.size(); ++i) {
        result[i].id = make_uuid_from_source(fmt::format("idem:source:{}", source),
                                             fmt::format("{}/{}", position, i));
    }
    return result;
}

source_info describe(std::string name, const source_row& row) {
    return {.name = std::move(name),
            .position = row.known ? std::optional(row.position) : std::nullopt,
            .deliveries = row.deliveries,
            .events = row.events,
            .ingested = from_milliseconds(row.ingested),
            .reason = row.reason};
}

// Nullopt: it is to be taken in.
std::optional<ingest_answer> judge_delivery(const transaction::state& s,
                                            std::optional<std::uint64_t> last,
                                            std::uint64_t position, std::span<const event> events,
                                            const ingest_options& options) {
    if (last && position <= *last) {
        ingest_answer answer{.outcome = ingest_outcome::duplicate, .last = last};
        answer.receipts = originals(s, events);
        const bool unknown = std::any_of(
            answer.receipts.begin(), answer.receipts.end(),
            [](const receipt& r) { return r.position == 0 && r.outcome != outcome::erased; });
        if (unknown) answer.outcome = ingest_outcome::stale;
        return answer;
    }
    if (options.after && (!last || *options.after > *last)) {
        return ingest_answer{.outcome = ingest_outcome::gap, .last = last};
    }
    return std::nullopt;
}

// Leaves out of a delivery what was erased: it cannot come back, and would hold up its source for
// ever.
class erased_events {
public:
    explicit erased_events(std::size_t size) : refused_(size) {}

    // Of a delivery whose append was rejected. False: there is no way past that.
    bool note(const rejection& why) {
        if (why.outcome != outcome::erased || why.index >= refused_.size()) return false;
        // Among the events that were appended then.
        for (std::size_t i = 0, n = 0; i < refused_.size(); ++i) {
            if (left_out(i) || n++ != why.index) continue;
            refused_[i] = true;
            return true;
        }
        return false;
    }
    // The others, as of this transaction.
    std::vector<event> rest(const transaction::state& s, std::span<const event> events) {
        const bool any = std::find(refused_.begin(), refused_.end(), true) != refused_.end();
        known_ = any ? originals(s, events) : std::vector<receipt>();
        std::vector<event> rest;
        rest.reserve(events.size());
        for (std::size_t i = 0; i < events.size(); ++i) {
            if (!left_out(i)) rest.push_back(events[i]);
        }
        return rest;
    }
    // Those of the rest, and in between those of what was left out.
    std::vector<receipt> receipts(std::vector<receipt> of_rest) const {
        if (known_.empty()) return of_rest;
        std::vector<receipt> all;
        auto next = of_rest.begin();
        for (std::size_t i = 0; i < refused_.size(); ++i) {
            if (left_out(i)) {
                all.push_back(known_[i]);
                all.back().outcome = outcome::erased;
            } else {
                all.push_back(*next++);
            }
        }
        return all;
    }

private:
    bool left_out(std::size_t i) const {
        return refused_[i] || (!known_.empty() && known_[i].outcome == outcome::erased);
    }

    std::vector<bool> refused_;   // by an append: an erasure of the delivery's own may have done so
    std::vector<receipt> known_;  // as of the last transaction; empty: none was refused
};

}  // namespace

std::string_view to_string(ingest_outcome outcome) noexcept {
    switch (outcome) {
        case ingest_outcome::accepted:
            return "accepted";
        case ingest_outcome::duplicate:
            return "duplicate";
        case ingest_outcome::stale:
            return "stale";
        case ingest_outcome::gap:
            return "gap";
        case ingest_outcome::not_appended:
            break;
    }
    return "not_appended";
}

ingest_answer consumers::ingest(std::string_view source, std::uint64_t position,
                                std::span<const event> events, const ingest_options& options) {
    check_consumer_name("source", source);
    if (options.after && *options.after >= position) {
        throw error(errc::invalid_input,
                    fmt::format("position {} cannot come after {}", position, *options.after),
                    {.field = "after"});
    }
    std::vector<event> renamed;
    if (options.name_events) {
        renamed = named(source, position, events);
        events = renamed;
    }
    ingest_answer answer;
    std::optional<std::uint64_t> last;
    erased_events erased(events.size());
    const auto take_in = [&](transaction::state& s) {
        answer = {.last = position};
        const auto known = impl_.row(s, source_key(source));
        const auto row = known ? unpack<wire::SourceRow>(*known) : source_row{};
        last = row.known ? std::optional(row.position) : std::nullopt;
        if (auto judged = judge_delivery(s, last, position, events, options)) {
            answer = std::move(*judged);
            return;
        }
        json::object_writer data;
        s.events = erased.rest(s, events);
        data.text("source", source).number("position", position);
        data.number("events", s.events.size()).number("at", s.at_ms());
        s.events.push_back(impl::make_event("idem.SourceIngested", source, data.str()));
    };
    auto appended = impl_.transactions().run(take_in);
    // Each turn leaves out one more at least, and mostly all at once.
    while (appended.rejection && erased.note(*appended.rejection)) {
        appended = impl_.transactions().run(take_in);
    }
    if (appended.rejection) {
        return {.outcome = ingest_outcome::not_appended,
                .last = last,
                .rejection = std::move(appended.rejection)};
    }
    if (!appended.receipts.empty()) {
        appended.receipts.pop_back();  // of the store's own event
        answer.receipts = erased.receipts(std::move(appended.receipts));
    }
    return answer;
}

std::optional<source_info> consumers::find_source(std::string_view source) const {
    check_consumer_name("source", source);
    const auto table = find_reserved(impl_.env(), impl_.fold());
    if (!table) return std::nullopt;
    const storage::read_transaction txn(impl_.env());
    const auto row = txn.get(*table, source_key(source));
    if (!row) return std::nullopt;
    return describe(std::string(source), unpack<wire::SourceRow>(*row));
}

std::vector<source_info> consumers::sources(std::string_view after, std::size_t limit) const {
    std::vector<source_info> found;
    for (auto& [name, row] : impl_.rows(source_rows_prefix, after, limit)) {
        found.push_back(describe(std::move(name), unpack<wire::SourceRow>(row)));
    }
    return found;
}

void consumers::reset_source(std::string_view source, std::optional<std::uint64_t> position,
                             std::string_view reason) {
    check_consumer_name("source", source);
    if (reason.empty()) {
        throw error(errc::invalid_input, "a reset needs a reason, which is kept with the record",
                    {.field = "reason"});
    }
    impl_.append([&](transaction::state& s) {
        if (!impl_.row(s, source_key(source))) {
            throw error(errc::not_found,
                        fmt::format("there is no source {}; `idem consumers list --sources` shows "
                                    "them",
                                    source));
        }
        json::object_writer data;
        data.text("source", source);
        if (position) data.number("position", *position);
        data.text("reason", reason);
        s.events.push_back(impl::make_event("idem.SourceReset", source, data.str()));
    });
}

}  // namespace idem
