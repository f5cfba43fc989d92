#include "log/index.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/hash.hpp"
#include "idem/error.hpp"
#include "index/upkeep.hpp"
#include "log/record.hpp"
#include "log/upkeep.hpp"

namespace idem {
namespace {

constexpr std::string_view log_name = "log";
constexpr std::string_view ids_name = "ids";
constexpr std::string_view streams_name = "streams";

// Every event in (above, up_to], in order; nothing for one that is damaged or missing.
template <class Visit>
void each_record(const storage::transaction& txn, storage::table log, std::uint64_t above,
                 std::uint64_t up_to, Visit&& visit) {
    record_cursor records(txn, log, storage::kept::no);
    for (std::uint64_t position = above + 1; position <= up_to; ++position) {
        std::optional<event_view> e;
        if (const auto record = records.at(position)) {
            e = record_reader::open_if_sound(*record, position);
        }
        visit(position, e);
    }
}

// The head, unless the table is too small for so many records: what lies beyond is damage.
std::uint64_t indexed_head(const storage::transaction& txn, const log_tables& tables) {
    const log_extent extent = extent_of(txn, tables.log);
    return std::min(extent.last, records_in(extent.bytes));
}

template <class KeyOf>
index::read_fingerprints reading(const storage::transaction& txn, storage::table log,
                                 KeyOf key_of) {
    return [&txn, log, key_of](std::uint64_t above, std::uint64_t up_to) {
        std::vector<index::fingerprint> keys;
        each_record(txn, log, above, up_to,
                    [&](std::uint64_t, const auto& e) { keys.push_back(e ? key_of(*e) : 0); });
        return keys;
    };
}

index::view view_of(const storage::transaction& txn, const log_tables& tables,
                    const tiered_index& which, std::uint64_t head, bool by_id) {
    return {txn, which.table, which.recent, head,
            reading(txn, tables.log, [&which, by_id](const event_view& e) {
                if (!by_id) return which.of(e.stream());
                const uuid id = e.id();
                return which.of(id_bytes(id));
            })};
}

void list_tags(const event_view& e, std::uint64_t position, const tag_tail& hashes,
               std::vector<index::entry>& tags) {
    for (std::size_t i = 0; i < e.tag_count(); ++i) {
        tags.push_back({hashes.of(e.tag(i)), position});
    }
}

}  // namespace

index::fingerprint tiered_index::of(std::string_view bytes) const noexcept {
    return hash::of_bytes(bytes, seed);
}

void log_tables::create(storage::write_transaction& txn) {
    txn.open_table(log_name, storage::key_order::integer);
    // The seed keeps ids and names that somebody chose from meeting in one fingerprint.
    const auto seed = [] {
        const uuid random = make_uuid_v4();
        return hash::of_bytes(id_bytes(random));
    };
    const std::uint32_t entries = index::default_chunk_entries;
    index::create(txn, txn.open_table(ids_name, storage::key_order::integer), seed(), entries, 0);
    index::create(txn, txn.open_table(streams_name, storage::key_order::integer), seed(), entries,
                  entries / 2);
}

log_tables log_tables::open(storage::environment& env) {
    const auto required = [&env](std::string_view name) {
        const auto table = env.find_table(name, storage::key_order::integer);
        if (!table) {
            throw error(
                errc::not_a_store,
                fmt::format("{} has no table '{}': it is not an idem store, or it is damaged; "
                            "restore a backup",
                            env.folder().string(), name));
        }
        return *table;
    };
    const storage::table log = required(log_name);
    const storage::table ids = required(ids_name);
    const storage::table streams = required(streams_name);
    auto subjects = std::make_shared<subject_store>(env);
    const storage::read_transaction txn(env);
    return {log,
            std::make_shared<log_indexes>(ids, index::read_manifest(txn, ids), streams,
                                          index::read_manifest(txn, streams)),
            {},
            std::move(subjects)};
}

std::uint64_t head_of(const storage::transaction& txn, const log_tables& tables) {
    return extent_of(txn, tables.log).head();
}

std::string_view id_bytes(const uuid& id) noexcept {
    return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

event_view record_at(const storage::transaction& txn, const log_tables& tables,
                     std::uint64_t position) {
    record_cursor records(txn, tables.log, storage::kept::yes);
    return event_at(records, position);
}

event_view event_at(record_cursor& records, std::uint64_t position) {
    const auto record = records.at(position);
    if (!record) {
        throw error(errc::corrupt,
                    fmt::format("an index names position {}, where the log has no event; run `idem "
                                "verify` and restore a backup",
                                position),
                    {.position = position});
    }
    return record_reader::open(*record, position);
}

index_view::index_view(const storage::transaction& txn, const log_tables& tables,
                       storage::write_transaction* writer, indexed_events* added)
    : txn_(&txn),
      tables_(&tables),
      writer_(writer),
      added_(added),
      head_(indexed_head(txn, tables)),
      records_(txn, tables.log, storage::kept::yes),
      ids_(view_of(txn, tables, tables.indexes->ids, head_, true)),
      streams_(view_of(txn, tables, tables.indexes->streams, head_, false)),
      covered_(read_coverage(ids_.contents())),
      tag_tables_(tables.tags) {
    if (writer != nullptr && covered_.tags > 0) tag_tables_ = open_tag_tables(*writer);
    knows_tags_ = covered_.reaches(ids_.contents()) && (covered_.tags == 0 || tag_tables_);
    catch_up();
}

index_view::index_view(const storage::transaction& txn, const log_tables& tables)
    : index_view(txn, tables, nullptr, nullptr) {}

index_view::index_view(storage::write_transaction& txn, const log_tables& tables,
                       indexed_events& added)
    : index_view(txn, tables, &txn, &added) {
    log_indexes& all = *tables.indexes;
    const std::scoped_lock lock(all.mutex);
    if (all.damaged > std::min(ids_.contents().flushed(), streams_.contents().flushed())) {
        record_at(txn, tables, all.damaged);
    }
    added.head = head_;
    added.ids.clear();
    added.streams.clear();
    added.greatest = all.greatest;
    added.tags.clear();
    added.tag_positions.clear();
    added.types.clear();
    added.covered = covered_;
}

void index_view::catch_up() const {
    log_indexes& all = *tables_->indexes;
    const auto behind = [&] {
        return std::min(all.ids.recent.next(), all.streams.recent.next()) <= head_ ||
               (knows_tags_ && all.tags.through() < head_);
    };
    const auto too_short = [&] {
        return all.ids.recent.next() <= ids_.contents().flushed() ||
               all.streams.recent.next() <= streams_.contents().flushed();
    };
    if (!behind() && !too_short()) return;
    const std::scoped_lock lock(all.mutex);
    uuid mark;
    const std::string& bytes = ids_.contents().mark;
    std::memcpy(mark.bytes.data(), bytes.data(), std::min(bytes.size(), mark.bytes.size()));
    all.greatest = std::max(all.greatest, mark);
    all.ids.recent.skip_to(ids_.contents().flushed());
    all.streams.recent.skip_to(streams_.contents().flushed());

    if (knows_tags_ && all.tags.through() < covered_.position) load_tags();

    std::vector<index::fingerprint> ids;
    std::vector<index::fingerprint> streams;
    std::vector<index::entry> tags;
    std::uint64_t tagged = all.tags.through();
    std::uint64_t first = std::min(all.ids.recent.next(), all.streams.recent.next());
    if (knows_tags_) first = std::min(first, tagged + 1);
    each_record(*txn_, tables_->log, first - 1, head_, [&](std::uint64_t position, const auto& e) {
        if (!e) all.damaged = position;
        const uuid id = e ? e->id() : uuid();
        ids.push_back(e ? all.ids.of(id_bytes(id)) : 0);
        streams.push_back(e ? all.streams.of(e->stream()) : 0);
        all.greatest = std::max(all.greatest, id);
        if (position != tagged + 1) return;
        tagged = position;
        if (!e) return;
        list_tags(*e, position, all.tags, tags);
        all.tags.types.note(e->type(), position);
    });
    all.ids.recent.add(first, ids);
    all.streams.recent.add(first, streams);
    all.tags.add(tags, tagged);
    all.ids.recent.drop_old();
    all.streams.recent.drop_old();
    if (!knows_tags_) return;
    all.tags.drop_old(covered_.tags);
    all.tags.types.forget_up_to(covered_.position);
}

// Those of the rows that stand in no run, which are in memory as if this process had seen them.
void index_view::load_tags() const {
    std::vector<index::entry> tags;
    std::uint64_t flushed = 0;
    if (covered_.tags > 0) {
        flushed = index::read_manifest(*txn_, tag_tables_->index).flushed();
        tags = tag_rows(*txn_, tag_tables_->rows).read(flushed, covered_.tags);
    }
    tables_->indexes->tags.load(flushed, tags, covered_.position);
}

void index_view::check_tail() const {
    log_indexes& all = *tables_->indexes;
    const std::scoped_lock lock(all.mutex);
    if (all.damaged > covered_.position) record_at(*txn_, *tables_, all.damaged);
}

const tag_view& index_view::tags() const {
    if (!tags_) {
        const auto from_log = [this](std::uint64_t above, std::uint64_t up_to) {
            std::vector<index::entry> tags;
            each_record(*txn_, tables_->log, above, up_to, [&](std::uint64_t position, auto& e) {
                if (e) list_tags(*e, position, tables_->indexes->tags, tags);
            });
            return tags;
        };
        tags_ = std::make_unique<tag_view>(*txn_, tag_tables_, tables_->indexes->tags, covered_,
                                           head_, from_log);
    }
    return *tags_;
}

void index_view::search(const index::view& in, const index::chains* added,
                        std::span<const index::fingerprint> keys, std::vector<char>& done,
                        const std::function<bool(std::size_t, const event_view&)>& is_it) const {
    const auto order =
        &in == &ids_ ? index::search_order::likeliest_first : index::search_order::newest_first;
    const auto accept = [&](std::size_t i, std::uint64_t position) {
        return is_it(i, event_at(records_, position));
    };
    if (added != nullptr && added->size() > 0) {
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (done[i] != 0) continue;
            for (auto at = added->newest(keys[i]); at != index::chains::none;
                 at = added->before(at)) {
                if (!accept(i, added_->head + 1 + at)) continue;
                done[i] = 1;
                break;
            }
        }
    }
    // Nearly every entry of a fingerprint is the one that is looked for. So first they are listed,
    // then their records are on their way from memory all at once, then each is looked at.
    std::vector<record_cursor::wanted> candidates;
    in.search(
        keys, done,
        [&](std::size_t i, std::uint64_t position) {
            candidates.push_back({position, i});
            return true;
        },
        order);
    std::sort(candidates.begin(), candidates.end(),
              [](const auto& a, const auto& b) { return a.position < b.position; });
    records_.find(candidates);
    std::vector<char> settled(keys.size(), 1);
    bool misled = false;
    for (const auto& c : candidates) {
        const event_view e = c.record.empty() ? event_at(records_, c.position)
                                              : record_reader::open(c.record, c.position);
        if (is_it(c.key, e)) continue;
        settled[c.key] = 0;
        misled = true;
    }
    if (!misled) return;
    std::vector<char> found = settled;  // only the misled are searched for
    in.search(keys, found, accept, order);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (settled[i] == 0) done[i] = found[i];
    }
}

void index_view::find_ids(std::span<const index::fingerprint> keys, std::span<const uuid> ids,
                          std::vector<char>& done, const visit_found& found) const {
    search(ids_, added_ != nullptr ? &added_->ids : nullptr, keys, done,
           [&](std::size_t i, const event_view& e) {
               if (e.id() != ids[i]) return false;
               found(i, e);
               return true;
           });
}

void index_view::find_heads(std::span<const index::fingerprint> keys,
                            std::span<const std::string_view> streams, std::vector<char>& done,
                            const visit_found& found) const {
    search(streams_, added_ != nullptr ? &added_->streams : nullptr, keys, done,
           [&](std::size_t i, const event_view& e) {
               if (e.stream() != streams[i]) return false;
               found(i, e);
               return true;
           });
}

std::optional<std::uint64_t> index_view::find_id(const uuid& id) const {
    std::optional<std::uint64_t> position;
    show_id(id, [&](const event_view& e) { position = e.position(); });
    return position;
}

void index_view::show_id(const uuid& id, const std::function<void(const event_view&)>& show) const {
    const index::fingerprint key = tables_->indexes->ids.of(id_bytes(id));
    std::vector<char> done(1);
    find_ids({&key, 1}, {&id, 1}, done, [&](std::size_t, const event_view& e) { show(e); });
}

void index_view::forwards(std::string_view stream, std::uint64_t from,
                          const visit_view& visit) const {
    const index::fingerprint key = tables_->indexes->streams.of(stream);
    bool more = true;
    const auto visit_position = [&](std::uint64_t position) {
        const event_view e = event_at(records_, position);
        more = e.stream() != stream || visit(e);
        return more;
    };
    streams_.forwards(key, from, visit_position);
    if (added_ == nullptr) return;
    std::vector<std::uint64_t> added;  // newest first
    for (auto at = added_->streams.newest(key); at != index::chains::none;
         at = added_->streams.before(at)) {
        if (added_->head + 1 + at >= from) added.push_back(added_->head + 1 + at);
    }
    while (more && !added.empty()) {
        visit_position(added.back());
        added.pop_back();
    }
}

void index_view::backwards(std::string_view stream, std::uint64_t from,
                           const visit_view& visit) const {
    const index::fingerprint key = tables_->indexes->streams.of(stream);
    const auto visit_position = [&](std::uint64_t position) {
        if (position > from) return true;
        const event_view e = event_at(records_, position);
        return e.stream() != stream || visit(e);
    };
    if (added_ != nullptr) {
        for (auto at = added_->streams.newest(key); at != index::chains::none;
             at = added_->streams.before(at)) {
            if (!visit_position(added_->head + 1 + at)) return;
        }
    }
    streams_.backwards(key, from, visit_position);
}

std::optional<event_view> index_view::last_of_stream(std::string_view stream,
                                                     std::uint64_t up_to) const {
    std::optional<event_view> last;
    backwards(stream, up_to, [&last](const event_view& e) {
        last = e;
        return false;
    });
    return last;
}

std::optional<event_view> index_view::first_of_stream(std::string_view stream,
                                                      std::uint64_t from) const {
    std::optional<event_view> first;
    forwards(stream, from, [&first](const event_view& e) {
        first = e;
        return false;
    });
    return first;
}

// Revisions of a stream rise with its positions.
std::optional<std::uint64_t> index_view::position_of(std::string_view stream,
                                                     std::uint64_t revision) const {
    const auto last = last_of_stream(stream);
    if (!last || last->revision() < revision) return std::nullopt;
    std::uint64_t low = 1;
    std::uint64_t high = last->position();  // its first event from here on has the revision
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        const auto e = first_of_stream(stream, middle);
        if (e && e->revision() < revision) {
            low = e->position() + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void index_view::each_stream(index::fingerprint from, const visit_stream& visit) const {
    streams_.each_key(from,
                      [&](index::fingerprint key, std::uint64_t newest, std::uint64_t entries) {
                          const event_view e = event_at(records_, newest);
                          if (e.revision() + 1 == entries) return visit(key, e);
                          // Two streams of one fingerprint.
                          std::set<std::string, std::less<>> seen;
                          bool more = true;
                          streams_.backwards(key, newest, [&](std::uint64_t position) {
                              const event_view other = event_at(records_, position);
                              if (seen.emplace(other.stream()).second)
                                  more = visit(key, other) && more;
                              return true;
                          });
                          return more;
                      });
}

}  // namespace idem
