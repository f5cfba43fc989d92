#include "log/decide.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "idem/error.hpp"
#include "log/content.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace {

// For each event the index of the first event of the batch with the same id, itself as a rule.
std::vector<std::uint32_t> first_of_id(const encoded_batch& batch) {
    std::vector<std::uint32_t> first(batch.size());
    std::iota(first.begin(), first.end(), 0U);
    bool rising = true;  // as ids of version 7 are
    for (std::size_t i = 1; i < batch.size() && rising; ++i) rising = batch.id(i - 1) < batch.id(i);
    if (rising) return first;

    std::vector<std::uint32_t> order = first;
    std::stable_sort(order.begin(), order.end(),
                     [&batch](auto a, auto b) { return batch.id(a) < batch.id(b); });
    for (std::size_t i = 1; i < order.size(); ++i) {
        if (batch.id(order[i]) == batch.id(order[i - 1])) first[order[i]] = first[order[i - 1]];
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

// The revision that the next event of each stream of the batch gets.
class next_revisions {
public:
    next_revisions(const storage::transaction& txn, const log_tables& tables)
        : txn_(txn), tables_(tables) {}

    std::uint64_t take(std::string_view stream) {
        if (stream != last_stream_ || !last_) {
            auto [place, is_new] = next_.try_emplace(stream, 0);
            if (is_new) {
                if (const auto end = last_of_stream(txn_, tables_, stream)) {
                    place->second = end->revision + 1;
                }
            }
            last_stream_ = stream;
            last_ = &place->second;
        }
        return (*last_)++;
    }

private:
    const storage::transaction& txn_;
    const log_tables& tables_;
    std::unordered_map<std::string_view, std::uint64_t> next_;
    std::string_view last_stream_;
    std::uint64_t* last_ = nullptr;
};

// Looks every id up. Known ones get their original receipt, fresh ones are listed; the first id
// with other content rejects the batch.
std::optional<rejection> find_known(const storage::transaction& txn, const log_tables& tables,
                                    const index_writer& ids, const encoded_batch& batch,
                                    const std::vector<std::uint32_t>& first, decision& d) {
    for (std::uint32_t i = 0; i < batch.size(); ++i) {
        receipt& r = d.result.receipts[i];
        r.id = batch.id(i);
        if (first[i] != i) {  // compared with the first of its id; its receipt is completed later
            if (const auto field = first_difference(batch.view(i), batch.view(first[i]))) {
                return conflict(i, *field, {});
            }
            r.outcome = outcome::duplicate;
        } else if (ids.is_behind_last(id_bytes(r.id))) {
            d.fresh.push_back(i);
        } else if (const auto position = find_id(txn, tables, r.id)) {
            const event_view known = record_at(txn, tables, *position);
            r = {r.id, outcome::duplicate, *position, known.revision()};
            if (const auto field = first_difference(batch.view(i), known)) {
                return conflict(i, *field, {r});
            }
        } else {
            d.fresh.push_back(i);
        }
    }
    return std::nullopt;
}

std::optional<rejection> check_expectation(const storage::transaction& txn,
                                           const log_tables& tables, const encoded_batch& batch,
                                           expected_revision expected, const decision& d) {
    std::vector<receipt> known;
    for (const receipt& r : d.result.receipts) {
        if (r.outcome == outcome::duplicate && r.position != 0) known.push_back(r);
    }
    if (!known.empty()) {
        rejection why;
        why.outcome = outcome::partial_duplicate;
        why.index = d.fresh.front();
        why.known = std::move(known);
        return why;
    }
    const auto last = last_of_stream(txn, tables, batch.stream(0));
    const auto actual = last ? std::optional(last->revision) : std::nullopt;
    if (expected.holds_for(actual)) return std::nullopt;
    rejection why;
    why.outcome = outcome::wrong_revision;
    why.index = d.fresh.front();
    why.expected = to_string(expected);
    why.actual = actual;
    return why;
}

}  // namespace

std::optional<std::string_view> first_difference(const event_view& a, const event_view& b) {
    if (a.stream() != b.stream()) return "stream";
    if (a.type() != b.type()) return "type";
    if (a.schema_version() != b.schema_version()) return "schema_version";
    if (a.content_type() != b.content_type()) return "content_type";
    if (!same_data(a.content_type(), a.data(), b.data())) return "data";
    bool same_tags = a.tag_count() == b.tag_count();
    for (std::size_t i = 0; same_tags && i < a.tag_count(); ++i) same_tags = a.tag(i) == b.tag(i);
    if (!same_tags) return "tags";
    return std::nullopt;
}

event_view record_at(const storage::transaction& txn, const log_tables& tables,
                     std::uint64_t position) {
    const auto record = txn.get(tables.log, position);
    if (!record) {
        throw error(errc::corrupt,
                    fmt::format("an index names position {}, where the log has no event; run `idem "
                                "verify` and restore a backup",
                                position),
                    {.position = position});
    }
    return record_reader::open(*record, position);
}

log_head read_log_head(const storage::transaction& txn, const log_tables& tables) {
    storage::cursor cursor(txn, tables.log);
    const auto last = cursor.last();
    if (!last) return {};
    const std::uint64_t position = storage::integer_key(last->first);
    if (const auto records = txn.stats(tables.log).entries; records != position) {
        throw error(errc::corrupt,
                    fmt::format("the log has {} records up to position {}; run `idem verify` and "
                                "restore a backup",
                                records, position),
                    {.position = position});
    }
    const stamp s = record_reader::open(last->second, position).stamp();
    return {position, s.clock, s.counter};
}

decision decide(const storage::transaction& txn, const log_tables& tables, const index_writer& ids,
                const encoded_batch& batch, expected_revision expected,
                std::uint64_t head_position) {
    decision d;
    d.result.receipts.resize(batch.size());
    const auto first = first_of_id(batch);
    auto rejected = find_known(txn, tables, ids, batch, first, d);
    if (!rejected && !expected.is_any() && !d.fresh.empty()) {
        rejected = check_expectation(txn, tables, batch, expected, d);
    }
    if (rejected) {
        d.fresh.clear();
        d.result = {{}, std::move(rejected)};
        return d;
    }
    next_revisions revisions(txn, tables);
    for (const std::uint32_t i : d.fresh) {
        receipt& r = d.result.receipts[i];
        r.position = ++head_position;
        r.revision = revisions.take(batch.stream(i));
    }
    for (std::uint32_t i = 0; i < batch.size(); ++i) {
        if (first[i] == i) continue;
        const receipt& original = d.result.receipts[first[i]];
        d.result.receipts[i].position = original.position;
        d.result.receipts[i].revision = original.revision;
    }
    return d;
}

}  // namespace idem
