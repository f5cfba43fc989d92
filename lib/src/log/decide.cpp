#include "log/decide.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "idem/error.hpp"
#include "index/numbering.hpp"
#include "log/content.hpp"

namespace idem {
namespace {

// For each event the index of the first event of the batch with the same id, itself as a rule.
std::vector<std::uint32_t> first_of_id(const std::vector<uuid>& ids,
                                       const std::vector<index::fingerprint>& keys) {
    index::numbering seen(ids.size());
    std::vector<std::uint32_t> first(ids.size());
    for (std::uint32_t i = 0; i < ids.size(); ++i) {
        first[i] = seen.number(keys[i], i, [&](std::uint32_t j) { return ids[j] == ids[i]; });
    }
    return first;
}

rejection conflict(std::size_t index, std::string_view field, std::vector<receipt> original) {
    rejection why;
    why.outcome = outcome::id_conflict;
    why.index = index;
    why.field = field;
    why.known = std::move(original);
    return why;
}

// In place of a field that differs.
constexpr std::string_view data_was_erased = "";

// Compares with events that are kept sealed.
class known_sealed {
public:
    known_sealed(const storage::transaction& txn, const std::shared_ptr<subject_store>& subjects)
        : txn_(txn), subjects_(*subjects), unsealer_(subjects) {
        unsealer_.begin();
    }

    std::optional<std::string_view> difference(const event_view& given, const event_view& kept) {
        if (!subjects_.is_erased(txn_, kept)) {
            return first_difference(given, unsealer_.show_alone(txn_, kept));
        }
        if (given.erased()) return std::nullopt;  // it says no more than is known
        return data_was_erased;
    }

private:
    const storage::transaction& txn_;
    subject_store& subjects_;
    unsealer unsealer_;
};

// Looks every id up. Known ones get their original receipt, fresh ones are listed; the first id
// with other content rejects the batch.
decision recognise(const index_view& known, const log_tables& tables, const uuid& greatest,
                   const encoded_batch& batch) {
    const tiered_index& index = tables.indexes->ids;
    const std::size_t size = batch.size();
    decision d;
    d.result.receipts.resize(size);
    std::vector<uuid> ids(size);
    d.ids.resize(size);
    for (std::uint32_t i = 0; i < size; ++i) {
        ids[i] = batch.id(i);
        d.ids[i] = index.of(id_bytes(ids[i]));
    }
    d.first = first_of_id(ids, d.ids);
    std::vector<char> done(size);
    for (std::uint32_t i = 0; i < size; ++i) {
        d.result.receipts[i].id = ids[i];
        // Ids of version 7 rise, and so are greater than any that is known.
        done[i] = d.first[i] != i || ids[i] > greatest ? 1 : 0;
    }
    std::size_t differs = size;  // the first that does
    std::string_view field;
    const auto note = [&](std::size_t i, std::optional<std::string_view> difference) {
        if (!difference || i >= differs) return;
        differs = i;
        field = *difference;
    };
    std::optional<known_sealed> sealed;
    known.find_ids(d.ids, ids, done, [&](std::size_t i, const event_view& e) {
        d.result.receipts[i] = {ids[i], outcome::duplicate, e.position(), e.revision()};
        d.result.frontier.include(dot{e.stamp().origin, e.stamp().counter});
        if (record_reader::is_sealed(e)) {
            if (!sealed) sealed.emplace(known.transaction(), tables.subjects);
            note(i, sealed->difference(batch.view(i), e));
        } else {
            note(i, first_difference(batch.view(i), e));
        }
    });
    for (std::uint32_t i = 0; i < size; ++i) {
        receipt& r = d.result.receipts[i];
        if (d.first[i] != i) {  // its receipt is that of the first, once that is complete
            note(i, first_difference(batch.view(i), batch.view(d.first[i])));
            r.outcome = outcome::duplicate;
        } else if (r.position == 0) {
            d.fresh.push_back(i);
        }
    }
    if (differs != size) {
        const bool repeats_its_own = d.first[differs] != differs;
        d.result.rejection = conflict(
            differs, field,
            repeats_its_own ? std::vector<receipt>() : std::vector{d.result.receipts[differs]});
        if (field == data_was_erased) d.result.rejection->outcome = outcome::erased;
    }
    return d;
}

// Once the first of each id has its receipt.
append_result answer(decision& d) {
    if (d.result.rejection) {
        d.result.receipts.clear();
        d.result.frontier = {};
    }
    for (std::uint32_t i = 0; i < d.result.receipts.size(); ++i) {
        const receipt& original = d.result.receipts[d.first[i]];
        d.result.receipts[i].position = original.position;
        d.result.receipts[i].revision = original.revision;
    }
    return std::move(d.result);
}

// Gives fresh events their revisions.
class revisions {
public:
    revisions(const encoded_batch& batch, decision& d) : batch_(batch), decision_(d) {}

    void assign(const index_view& known, const tiered_index& streams, const stream_heads& heads) {
        list_streams(streams, heads);
        find_next(known, heads);
        for (std::size_t n = 0; n < decision_.fresh.size(); ++n) {
            decision_.result.receipts[decision_.fresh[n]].revision = next_[of_fresh_[n]]++;
        }
    }

private:
    void list_streams(const tiered_index& streams, const stream_heads& heads) {
        decision_.streams.reserve(decision_.fresh.size());
        of_fresh_.reserve(decision_.fresh.size());
        index::numbering seen(decision_.fresh.size());
        for (const std::uint32_t i : decision_.fresh) {
            const std::string_view name = batch_.stream(i);
            const index::fingerprint key = streams.of(name);
            const std::uint32_t s =
                seen.number(key, static_cast<std::uint32_t>(names_.size()),
                            [&](std::uint32_t other) { return names_[other] == name; });
            if (s == names_.size()) {
                names_.push_back(name);
                keys_.push_back(key);
                heads.prefetch(key);
            }
            decision_.streams.push_back(key);
            of_fresh_.push_back(s);
        }
    }

    void find_next(const index_view& known, const stream_heads& heads) {
        next_.resize(names_.size());
        std::vector<char> done(names_.size());
        for (std::size_t s = 0; s < names_.size(); ++s) {
            const auto last = heads.find(keys_[s], names_[s]);
            if (last) next_[s] = *last + 1;
            done[s] = last ? 1 : 0;
        }
        known.find_heads(keys_, names_, done,
                         [&](std::size_t s, const event_view& e) { next_[s] = e.revision() + 1; });
    }

    const encoded_batch& batch_;
    decision& decision_;
    std::vector<std::string_view> names_;  // of each stream
    std::vector<index::fingerprint> keys_;
    std::vector<std::uint64_t> next_;
    std::vector<std::uint32_t> of_fresh_;  // the stream of each fresh event
};

std::optional<rejection> partly_known(const decision& d) {
    std::vector<receipt> known;
    for (const receipt& r : d.result.receipts) {
        if (r.outcome == outcome::duplicate && r.position != 0) known.push_back(r);
    }
    if (known.empty()) return std::nullopt;
    return rejection{.outcome = outcome::partial_duplicate, .known = std::move(known)};
}

std::optional<rejection> moved_stream(const index_view& view, const append_condition& condition) {
    for (const auto& [stream, expected] : condition.streams) {
        if (expected.is_any()) continue;
        const auto last = view.last_of_stream(stream);
        const auto actual = last ? std::optional(last->revision()) : std::nullopt;
        if (expected.holds_for(actual)) continue;
        return rejection{.outcome = outcome::wrong_revision,
                         .stream = stream,
                         .expected = to_string(expected),
                         .actual = actual};
    }
    return std::nullopt;
}

// Of a batch of which some events are new.
std::optional<rejection> check_condition(const index_view& view, const decision& d,
                                         const append_condition& condition,
                                         const row_differs& differs) {
    if (auto why = partly_known(d)) return why;
    if (auto why = moved_stream(view, condition)) return why;
    if (const auto match = view.newest_match(condition.unless, condition.after)) {
        return rejection{.outcome = outcome::condition_failed, .match = match};
    }
    for (const auto& row : condition.rows) {
        if (!differs(row)) continue;
        return rejection{
            .outcome = outcome::condition_failed, .projection = row.projection, .key = row.key};
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string_view> first_difference(const event_view& a, const event_view& b) {
    if (a.stream() != b.stream()) return "stream";
    if (a.type() != b.type()) return "type";
    if (a.schema_version() != b.schema_version()) return "schema_version";
    if (a.content_type() != b.content_type()) return "content_type";
    const bool here = !a.erased() && !a.sealed() && !b.erased() && !b.sealed();
    if (here && !same_data(a.content_type(), a.data(), b.data())) return "data";
    bool same_tags = a.tag_count() == b.tag_count();
    for (std::size_t i = 0; same_tags && i < a.tag_count(); ++i) same_tags = a.tag(i) == b.tag(i);
    if (!same_tags) return "tags";
    if (a.data_subject() != b.data_subject()) return "data_subject";
    return std::nullopt;
}

log_head read_log_head(const storage::transaction& txn, const log_tables& tables) {
    const log_extent extent = extent_of(txn, tables.log);
    const auto blocks = static_cast<std::uint32_t>(extent.blocks);
    if (!extent.sound()) {
        throw error(errc::corrupt,
                    fmt::format("the log has {} blocks, and the last does not say so, up to "
                                "position {}; run `idem verify` and restore a backup",
                                extent.blocks, extent.last),
                    {.position = extent.last});
    }
    if (extent.last == 0) return {0, 0, 0, 0, extent.page_bytes, {}};
    const stamp s = record_at(txn, tables, extent.last).stamp();
    return {extent.last, s.clock, s.counter, blocks, extent.page_bytes, s.origin};
}

std::optional<append_result> answer_if_known(const index_view& known, const log_tables& tables,
                                             const encoded_batch& batch) {
    // A batch that comes again is known throughout as a rule, and any other is not: a few ids tell.
    constexpr std::size_t asked = 4;
    for (std::size_t n = 0; n < std::min(asked, batch.size()); ++n) {
        if (!known.find_id(batch.id(n * (batch.size() - 1) / (asked - 1)))) return std::nullopt;
    }
    uuid greatest;
    greatest.bytes.fill(0xff);
    decision d = recognise(known, tables, greatest, batch);
    if (!d.fresh.empty()) return std::nullopt;
    return answer(d);
}

decision decide(const index_view& known, const log_tables& tables, const stream_heads& heads,
                const uuid& greatest, const encoded_batch& batch, const append_condition& condition,
                const row_differs& differs, std::uint64_t head_position) {
    decision d = recognise(known, tables, greatest, batch);
    if (!d.result.rejection && !condition.empty() && !d.fresh.empty()) {
        d.result.rejection = check_condition(known, d, condition, differs);
        if (d.result.rejection) d.result.rejection->index = d.fresh.front();
    }
    if (d.result.rejection) {
        d.fresh.clear();
    } else {
        for (const std::uint32_t i : d.fresh) d.result.receipts[i].position = ++head_position;
        revisions(batch, d).assign(known, tables.indexes->streams, heads);
    }
    d.result = answer(d);
    return d;
}

}  // namespace idem
