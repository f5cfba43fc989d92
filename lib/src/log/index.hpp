// The log and its indexes: id -> position, stream -> positions, tag -> positions, and the last
// position of each type. All are pure functions of the records, so that `verify` can derive them
// again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "idem/condition.hpp"
#include "idem/event.hpp"
#include "idem/uuid.hpp"
#include "index/chains.hpp"
#include "index/tail.hpp"
#include "index/view.hpp"
#include "log/coverage.hpp"
#include "log/record_cursor.hpp"
#include "log/subjects.hpp"
#include "log/tag_tail.hpp"
#include "log/tag_view.hpp"
#include "log/type_heads.hpp"
#include "storage/storage.hpp"

namespace idem {

// An index, and the tail of it that this process keeps.
struct tiered_index {
    tiered_index(storage::table t, const index::manifest& m) : table(t), recent(m), seed(m.seed) {}

    storage::table table;
    index::tail recent;
    std::uint64_t seed;

    index::fingerprint of(std::string_view bytes) const noexcept;
};

struct log_indexes {
    log_indexes(storage::table by_id, const index::manifest& of_ids, storage::table by_stream,
                const index::manifest& of_streams)
        : ids(by_id, of_ids), streams(by_stream, of_streams), tags(of_ids) {}

    tiered_index ids;
    tiered_index streams;
    tag_tail tags;  // and types

    std::mutex mutex;           // held to bring all up to date from the log
    uuid greatest;              // id of the log, or greater
    std::uint64_t damaged = 0;  // the last position that could not be read; 0: none
};

// A copy shares the indexes.
struct log_tables {
    storage::table log;  // position -> block of records
    std::shared_ptr<log_indexes> indexes;
    std::optional<tag_tables> tags = {};  // as far as they were there when they were looked for
    std::shared_ptr<subject_store> subjects;

    static void create(storage::write_transaction& txn);
    // Throws not_a_store where a table is missing, corrupt where a manifest is damaged.
    static log_tables open(storage::environment& env);
    // For transactions that begin from now on. Not within one, which they could be unknown to.
    log_tables with_tags(storage::environment& env) const;
};
std::optional<tag_tables> find_tag_tables(storage::environment& env);
inline constexpr std::string_view types_name = "types";  // type -> last position

// The last position of the log; in a damaged one so high that a walk up to there meets the damage.
std::uint64_t head_of(const storage::transaction& txn, const log_tables& tables);

// The event recorded at `position`; throws corrupt where it is missing or damaged. Records that an
// index leads to lie anywhere, and the next may lie there too, so this does not count as a walk.
event_view record_at(const storage::transaction& txn, const log_tables& tables,
                     std::uint64_t position);
event_view event_at(record_cursor& records, std::uint64_t position);

// Events that a write transaction has appended so far, for the indexes.
struct indexed_events {
    std::uint64_t head = 0;  // before them
    index::chains ids;       // fingerprints
    index::chains streams;
    uuid greatest;  // id, of these and of all before

    index::chains tags;
    std::vector<std::uint64_t> tag_positions;  // one for each
    type_heads types;
    coverage covered;  // by the tables, once they were kept up

    void note(const event_view& e, std::uint64_t position, const tag_tail& hashes);
};

// The indexes as they stand in a transaction. Every answer was compared with the record, so two ids
// of one fingerprint are two ids. Lives within the transaction.
class index_view {
public:
    // Brings the tails up to date from the log.
    index_view(const storage::transaction& txn, const log_tables& tables);

    // In the one writer, with what it appends. Throws corrupt where the tail of the log cannot be
    // read: an id that is in there would be taken for a new one.
    index_view(storage::write_transaction& txn, const log_tables& tables, indexed_events& added);

    std::uint64_t head() const noexcept { return head_; }
    const storage::transaction& transaction() const noexcept { return *txn_; }

    std::optional<std::uint64_t> find_id(const uuid& id) const;
    // Shows the event of this id, if it is known.
    void show_id(const uuid& id, const std::function<void(const event_view&)>& show) const;

    // Looks up many at once. Fingerprints whose mark in `done` is set are left out; the mark of a
    // known one is set.
    using visit_found = std::function<void(std::size_t index, const event_view& known)>;
    void find_ids(std::span<const index::fingerprint> keys, std::span<const uuid> ids,
                  std::vector<char>& done, const visit_found& found) const;
    // The last event of each stream.
    void find_heads(std::span<const index::fingerprint> keys,
                    std::span<const std::string_view> streams, std::vector<char>& done,
                    const visit_found& found) const;

    // The last event of a stream at or before `up_to`.
    std::optional<event_view> last_of_stream(std::string_view stream,
                                             std::uint64_t up_to = ~0ULL) const;
    // The first event of a stream at or after `from`.
    std::optional<event_view> first_of_stream(std::string_view stream, std::uint64_t from) const;
    // The position of the stream's first event of at least this revision.
    std::optional<std::uint64_t> position_of(std::string_view stream, std::uint64_t revision) const;

    // The newest event behind `after` that matches any of these. In a writer.
    //
    // A match of types alone costs a look for each type. One of tags costs a look into the index
    // for each tag, and then one for each event behind `after` that carries all of its tags, until
    // one has the type; to find those, it walks the entries of the tag that has the fewest there,
    // and leaps through the others, at most a thousand entries a leap. None of it grows with the
    // log in front of `after`.
    std::optional<std::uint64_t> newest_match(std::span<const event_match> any,
                                              std::uint64_t after) const;

    // Whether tags can be looked up: not where an idem has written that knew of none, until the
    // next append; nor where their tables were not looked for.
    bool knows_tags() const noexcept { return knows_tags_; }
    const tag_view& tags() const;
    // Throws corrupt where an event that stands in no table cannot be read, and so its tags.
    void check_tail() const;
    const coverage& covered() const noexcept { return covered_; }

    // The events of a stream, from a position on; false: stop.
    using visit_view = std::function<bool(const event_view&)>;
    void forwards(std::string_view stream, std::uint64_t from, const visit_view& visit) const;
    void backwards(std::string_view stream, std::uint64_t from, const visit_view& visit) const;

    // The last event of each stream, ordered by fingerprints, from this one on.
    using visit_stream = std::function<bool(index::fingerprint, const event_view&)>;
    void each_stream(index::fingerprint from, const visit_stream& visit) const;

    const index::view& ids() const noexcept { return ids_; }
    const index::view& streams() const noexcept { return streams_; }

private:
    index_view(const storage::transaction& txn, const log_tables& tables,
               storage::write_transaction* writer, indexed_events* added);
    void catch_up() const;
    void load_tags() const;
    std::uint64_t newest_of_types(std::span<const std::string> types) const;
    std::uint64_t newest_tagged(const event_match& match, std::uint64_t after) const;
    void search(const index::view& in, const index::chains* added,
                std::span<const index::fingerprint> keys, std::vector<char>& done,
                const std::function<bool(std::size_t, const event_view&)>& is_it) const;

    const storage::transaction* txn_;
    const log_tables* tables_;
    storage::write_transaction* writer_;  // null in a reader
    indexed_events* added_;
    std::uint64_t head_;
    mutable record_cursor records_;  // a view is one thread's
    index::view ids_;
    index::view streams_;
    coverage covered_;
    std::optional<tag_tables> tag_tables_;
    bool knows_tags_ = false;
    mutable std::unique_ptr<tag_view> tags_;  // made when first needed
};

// Before a commit: lets the indexes grow by what was appended.
void keep_up(storage::write_transaction& txn, const log_tables& tables, const index_view& view,
             indexed_events& added);

// After the commit: takes what was appended into the tails.
void publish(const log_tables& tables, const indexed_events& added);

std::string_view id_bytes(const uuid& id) noexcept;

}  // namespace idem
