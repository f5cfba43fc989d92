#include "log/upkeep.hpp"

#include <algorithm>
#include <cstring>

#include "idem/error.hpp"
#include "index/upkeep.hpp"
#include "log/record.hpp"

namespace idem {
namespace {

constexpr std::string_view tags_name = "tags";
constexpr std::string_view tagged_name = "tagged";

void write_heads(storage::write_transaction& txn, const type_heads& heads, std::uint64_t above) {
    const auto table = txn.open_table(types_name);
    heads.each([&](std::string_view type, std::uint64_t position) {
        if (position <= above) return;
        txn.put(table, type, {reinterpret_cast<const char*>(&position), sizeof position});
    });
}

// The tags of a log behind those that stand in rows.
struct new_tags {
    index::manifest index;
    std::vector<index::entry> pending;  // before this transaction
    std::uint64_t before = 0;           // ordinal of the last before this transaction

    std::uint64_t after(const indexed_events& added) const { return before + added.tags.size(); }
    bool fill_a_run(const indexed_events& added) const {
        return index.end_of_run(index.flushed() + 1) <= after(added);
    }
};

void write_rows(storage::write_transaction& txn, new_tags& tags, const indexed_events& added,
                const coverage& covered) {
    for (std::uint32_t i = 0; i < added.tags.size(); ++i) {
        tags.pending.push_back({added.tags.key(i), added.tag_positions[i]});
    }
    if (tags.pending.empty()) return;
    const tag_tables tables = open_tag_tables(txn);
    if (covered.tags == 0) {
        index::create(txn, tables.index, tags.index.seed, tags.index.chunk_entries,
                      tags.index.phase);
    }
    append_tag_row(txn, tables.rows, covered.tags + 1, tags.pending);
}

void grow(storage::write_transaction& txn, const tag_tail& tail, new_tags& tags,
          const indexed_events& added) {
    const tag_tables tables = open_tag_tables(txn);
    const auto grow_from = [&](const index::tail& recent) {
        index::keep_up(txn, tables.index, tags.index, recent, added.tags, tags.before,
                       tags.after(added));
    };
    const std::uint64_t flushed = tags.index.flushed();
    if (!tags.fill_a_run(added) || tail.recent().has(flushed, tags.before)) {
        return grow_from(tail.recent());
    }
    // Rows are far ahead of runs, of which the shared tail forgets what stands in rows.
    index::tail own(tail.empty());
    own.skip_to(flushed);
    std::vector<index::fingerprint> keys;
    for (const auto& tag : tag_rows(txn, tables.rows).read(flushed, tags.before)) {
        keys.push_back(tag.key);
    }
    own.add(flushed + 1, keys);
    grow_from(own);
}

// What follows the last row stands in the memory of this process, and after a crash in the log; so
// rows are long, and few commits write any: those that write a run of ids or of tags. True: this
// one did.
bool keep_up_tags(storage::write_transaction& txn, const log_tables& tables, const index_view& view,
                  indexed_events& added) {
    const index::manifest& ids = view.ids().contents();
    const std::uint64_t head = added.head + added.ids.size();
    const bool run_of_ids = ids.end_of_run(ids.flushed() + 1) <= head;
    if (!view.knows_tags() || (!run_of_ids && added.tags.size() == 0)) return false;
    log_indexes& all = *tables.indexes;
    const tag_view& known = view.tags();
    const coverage covered = view.covered();
    new_tags tags{known.entries().contents(), {}, known.last()};
    const bool due = run_of_ids || tags.fill_a_run(added);
    if (due) {
        tags.pending = known.pending();
        write_rows(txn, tags, added, covered);
        {
            const std::scoped_lock lock(all.mutex);
            write_heads(txn, all.tags.types, covered.position);
        }
        write_heads(txn, added.types, 0);
        added.covered = {head, tags.after(added)};
    }
    // What an idem left that knew of no tags can fill runs in a commit that adds none.
    if ((due || added.tags.size() > 0) && added.covered.tags > 0) grow(txn, all.tags, tags, added);
    return due;
}

}  // namespace

tag_tables open_tag_tables(storage::write_transaction& txn) {
    return {txn.open_table(tags_name, storage::key_order::integer),
            txn.open_table(tagged_name, storage::key_order::integer)};
}

std::uint64_t head_in_table(storage::write_transaction& txn, std::string_view type) {
    const auto found = txn.peek(txn.open_table(types_name), type);
    std::uint64_t position = 0;
    if (found) std::memcpy(&position, found->data(), std::min(found->size(), sizeof position));
    return position;
}

std::optional<tag_tables> find_tag_tables(storage::environment& env) {
    const auto index = env.find_table(tags_name, storage::key_order::integer);
    const auto rows = env.find_table(tagged_name, storage::key_order::integer);
    return index && rows ? std::optional(tag_tables{*index, *rows}) : std::nullopt;
}

log_tables log_tables::with_tags(storage::environment& env) const {
    log_tables found = *this;
    if (!found.tags) found.tags = find_tag_tables(env);
    return found;
}

void indexed_events::note(const event_view& e, std::uint64_t position, const tag_tail& hashes) {
    for (std::size_t i = 0; i < e.tag_count(); ++i) {
        tags.push(hashes.of(e.tag(i)));
        tag_positions.push_back(position);
    }
    types.note(e.type(), position);
}

void keep_up(storage::write_transaction& txn, const log_tables& tables, const index_view& view,
             indexed_events& added) {
    const std::uint64_t head = added.head + added.ids.size();
    const auto grow_by = [&](const tiered_index& which, index::manifest& m,
                             const index::chains& keys) {
        return index::keep_up(txn, which.table, m, which.recent, keys, added.head, head);
    };
    const bool marked = keep_up_tags(txn, tables, view, added);
    index::manifest ids = view.ids().contents();
    index::manifest streams = view.streams().contents();
    ids.mark = encode_mark(added.greatest, added.covered);
    const bool written = grow_by(tables.indexes->ids, ids, added.ids);
    if (marked && !written) index::write_manifest(txn, tables.indexes->ids.table, ids);
    grow_by(tables.indexes->streams, streams, added.streams);
}

void publish(const log_tables& tables, const indexed_events& added) {
    log_indexes& all = *tables.indexes;
    const std::scoped_lock lock(all.mutex);
    all.greatest = std::max(all.greatest, added.greatest);
    all.ids.recent.add(added.head + 1, added.ids.keys());
    all.streams.recent.add(added.head + 1, added.streams.keys());
    all.ids.recent.drop_old();
    all.streams.recent.drop_old();
    if (all.tags.through() != added.head) return;  // another thread has read them from the log
    std::vector<index::entry> tags;
    for (std::uint32_t i = 0; i < added.tags.size(); ++i) {
        tags.push_back({added.tags.key(i), added.tag_positions[i]});
    }
    all.tags.add(tags, added.head + added.ids.size());
    all.tags.types.take(added.types);
    all.tags.drop_old(added.covered.tags);
    all.tags.types.forget_up_to(added.covered.position);
}

bool index_tags(storage::environment& env, storage::write_transaction& txn,
                const log_tables& tables, const index_view& view) {
    constexpr std::uint64_t events_max = 65'536;
    constexpr std::uint64_t bytes_max = 64 << 20;
    log_indexes& all = *tables.indexes;
    index::manifest ids = view.ids().contents();
    coverage covered = view.covered();
    new_tags tags{all.tags.empty(), {}, 0};
    std::vector<index::entry> loaded;
    if (const auto found = find_tag_tables(env)) {
        // What an idem wrote that knew of tags is there, whatever the mark has lost.
        tag_rows rows(txn, found->rows);
        if (const auto last = rows.last()) {
            tags.index = index::read_manifest(txn, found->index);
            covered.tags = last->behind() - 1;
            covered.position = std::max(covered.position, last->position(covered.tags));
            loaded = rows.read(tags.index.flushed(), covered.tags);
        }
    }
    tags.before = covered.tags;

    indexed_events found;
    record_cursor records(txn, tables.log, storage::kept::no);
    std::uint64_t position = covered.position;
    std::uint64_t bytes = 0;
    const std::uint64_t end = std::min(ids.flushed(), position + events_max);
    while (position < end && bytes < bytes_max) {
        const auto record = records.at(position + 1);
        const auto e = record ? record_reader::open_if_sound(*record, position + 1) : std::nullopt;
        if (!e) return false;
        found.note(*e, ++position, all.tags);
        bytes += record->size();
    }
    {
        const std::scoped_lock lock(all.mutex);
        all.tags.load(tags.index.flushed(), loaded, covered.position);
    }
    write_rows(txn, tags, found, covered);
    write_heads(txn, found.types, 0);
    covered = {position, tags.after(found)};
    if (found.tags.size() > 0) grow(txn, all.tags, tags, found);
    uuid greatest;
    std::copy_n(ids.mark.begin(), std::min(ids.mark.size(), greatest.bytes.size()),
                greatest.bytes.begin());
    ids.mark = encode_mark(greatest, covered);
    index::write_manifest(txn, tables.indexes->ids.table, ids);
    return true;
}

}  // namespace idem
