// One projection at work: applies events to its rows, and commits rows and checkpoint together.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "log/canonical_walk.hpp"
#include "log/index.hpp"
#include "projection/canonical_fold.hpp"
#include "projection/catalog.hpp"
#include "projection/keyed_replay.hpp"
#include "projection/row_cache.hpp"
#include "schema/payload_reader.hpp"
#include "schema/registry.hpp"
#include "storage/storage.hpp"

namespace idem {

// Where a projection's events come from.
struct event_source {
    std::shared_ptr<storage::environment> env;
    log_tables tables;
    std::shared_ptr<const schema_registry> schemas;
    const stamp_notes* notes = &no_other_stamps();  // lives as long
};

// Where a projection's rows and catalog entry live: the store's own environment, or another.
struct projection_place {
    std::shared_ptr<storage::environment> env;
    storage::table catalog;
    std::string key;  // of the catalog entry
    std::uint8_t slot = 0;
    storage::table rows;
    std::optional<storage::table> undo = {};  // of a canonical projection
};

// Finds the rows of a projection and its catalog entry, or makes them where the name is new.
// Nullopt where the current rows of that name were made by other code.
std::optional<projection_place> prepare_projection(const std::shared_ptr<storage::environment>& env,
                                                   const projection& p,
                                                   const projection_identity& identity,
                                                   std::uint64_t erasures = 0);

// How much is gathered between two commits.
struct runner_limits {
    // A commit waits for the disk and writes every row that changed, so they are far apart.
    std::chrono::steady_clock::duration time = std::chrono::seconds(2);
    std::size_t cache_bytes = 64 << 20;
    std::size_t rows = ~std::size_t{0};  // changed ones, beyond which no further event is taken in
    bool one_by_one = false;             // rows are not folded several at once
    // Of a canonical projection; 0: it keeps what rows were from the first event on.
    std::uint64_t horizon_ms = limits::horizon_ms;
    std::uint64_t horizon_events = limits::horizon_events_max;
    std::uint64_t horizon_touches = limits::horizon_touches_max;
};

// What is asked of a long work now and then, with the position reached: whether to go on.
using watch_work = std::function<bool(std::uint64_t position)>;

// Runs `work`, which makes rows from nothing, and again where schemas were registered meanwhile
// that they must be read by.
template <class Work>
auto with_one_knowledge(Work&& work) {
    constexpr int attempts_max = 10;
    for (int attempt = 1;; ++attempt) {
        try {
            return work();
        } catch (const error& e) {
            if (e.code() != errc::stale || attempt == attempts_max) throw;
        }
    }
}

class projection_runner {
public:
    // `known` is what the fold reads by; `threads` fold rows that are independent, 0: one a core.
    projection_runner(projection p, const registered_schemas& known, projection_place place,
                      event_source source, unsigned threads, runner_limits limits = {});

    const projection& fold() const noexcept { return projection_; }
    const projection_place& place() const noexcept { return place_; }

    // Applies the events up to `to` or the head, whichever comes first, with commits now and then;
    // returns the checkpoint. Agrees with other runners of the same rows, in this process or
    // others: who comes second takes over what the first has committed. On a throwing handler the
    // events before it are committed, the failure is recorded, and handler_failed is thrown. Throws
    // stale where other code has made the rows since, or an event has come too late for them, which
    // the catalog then says; not_found where they were dropped. One thread
    // at a time; others wait.
    std::uint64_t advance(std::uint64_t to, const watch_work& go_on = {});

    // Part of an append's transaction. A runner is used in this way or by advance(), not by both at
    // once. begin() brings the rows up to the log's end and returns true, or false where the
    // deadline came first; an event that fails there is recorded, and the projection then stands
    // before it, while appends go on, until a begin() with `retry`. Throws as advance().
    using time_point = std::chrono::steady_clock::time_point;
    bool begin(storage::write_transaction& txn, bool retry = false,
               time_point deadline = time_point::max());
    // Throws handler_failed, nothing applied.
    void apply_batch(const index_view& known, std::span<const event_view> events);
    void undo_batch() noexcept;  // the last one
    void finish(storage::write_transaction& txn);
    // Between begin() and finish(). Throws handler_failed where it stands before an event, stale
    // where it rests.
    std::optional<std::string> row(std::string_view key);
    const projection_record& record() const noexcept { return record_; }  // after finish()
    void note_erased(std::string_view why);  // between the same: the rows are stale

    // Whether rows that the fold made now would still be its own.
    bool is_current(const registered_schemas& known) const {
        return identity_of(projection_, known) == identity_;
    }

    bool stands_on_failure() const;  // as the catalog says

    // Who is told of each event that advance() applies, and of the rows that it has changed; false
    // stops. Only one by one.
    using visit_changes =
        std::function<bool(const event_view* event, std::span<const row_difference> rows)>;
    void watch_rows(visit_changes visit) { visit_changes_ = std::move(visit); }

private:
    struct slice_result {
        bool more = false;
        std::uint64_t checkpoint = 0;
        std::uint64_t failed_position = 0;
        std::string failure;
        // Of a canonical projection, as in its record.
        std::uint64_t floor = 0;
        std::uint64_t walk_to = 0;
        std::uint64_t walked = 0;
        std::string late;
    };

    void apply(const event_view& e, bool walking = false);  // throws handler_failed, too_late
    void apply_to_rows(event_view shown, bool walking, std::uint64_t floor);
    bool tell_changes(const event_view& e);
    void know(std::shared_ptr<const registered_schemas> known);  // throws stale
    bool full() const noexcept;
    // The slot where the rows are now, if that is another.
    std::optional<std::uint8_t> reload(const storage::transaction& txn);
    void follow_rows(std::uint8_t slot, storage::table rows,
                     std::optional<storage::table> undo) noexcept;
    std::string table_name(std::uint8_t slot) const;
    std::string undo_name(std::uint8_t slot) const;
    bool enough(time_point end, std::uint64_t position);
    slice_result gather(std::uint64_t to);
    std::optional<slice_result> gather_keyed(std::uint64_t to);
    slice_result gather_in_order(std::uint64_t to);
    bool is_canonical() const noexcept { return projection_.order == fold_order::canonical; }
    slice_result start_slice() const;
    replay_source replay_terms(std::uint64_t floor, bool walking) const;
    // From nothing, or from where an earlier walk has stopped.
    slice_result gather_walk(std::uint64_t to);
    bool walk_keyed(slice_result& slice);
    void walk_one_by_one(slice_result& slice);
    void come_to_walk(const slice_result& slice);
    std::string why_late(const event_view& e, const too_late& cause) const;
    void note_late(const event_view& e, const too_late& cause);
    // Of what came with a lower stamp than before, by a note of the log.
    void take_note(const event_view& note, const index_view& known,
                   std::span<const event_view> batch);
    void move(std::uint64_t position, const stamp& to);
    std::vector<std::string> keys_by_any_stamp(const event_view& e) const;
    void take_notes(slice_result& slice);
    bool take_notes(const storage::transaction& txn, std::uint64_t first, std::uint64_t last,
                    std::string& late);
    std::uint64_t horizon_at(const storage::transaction& log, std::uint64_t position,
                             std::uint64_t touches) const;
    void keep_horizon(storage::write_transaction& txn, projection_record& next);
    bool commit(const slice_result& slice);
    bool was_erased_since(const storage::write_transaction& txn) const;
    void write(storage::write_transaction& txn, projection_record next);

    projection projection_;
    projection_identity identity_;
    projection_place place_;
    event_source source_;
    const runner_limits limits_;
    std::unique_ptr<payload_reader> payloads_;  // none where events are given as stored
    payload_arena arena_;
    std::shared_ptr<const registered_schemas> known_;        // what payloads_ knows
    std::shared_ptr<const registered_schemas> batch_known_;  // before the last apply_batch()
    bool out_ = false;  // of this transaction: registrations in it have made the rows stale
    bool batch_out_ = false;

    std::mutex mutex_;
    visit_changes visit_changes_;
    const watch_work* go_on_ = nullptr;  // of the advance() under way
    bool stopped_ = false;               // by it
    row_cache cache_;
    projection_record loaded_;       // as it was found on disk
    projection_record record_;       // as it is to become
    projection_record written_;      // as it was left, on disk if that transaction was committed
    std::uint64_t batch_start_ = 0;  // checkpoint before the last apply_batch()
    std::uint64_t erasures_ = 0;     // position of the last one before rows were gathered
    bool finished_ = false;          // between finish() and the next begin()

    // Of a canonical projection.
    std::unique_ptr<event_again> again_;
    std::unique_ptr<event_again> moved_;  // shows the one that moves
    std::unique_ptr<canonical_walk> walk_;
    std::uint64_t walk_at_ = 0;     // events that it has handed out
    std::uint64_t walk_floor_ = 0;  // of the walk under way
    std::string sweep_from_;        // where in the undo table
    std::string batch_late_;        // before the last apply_batch()
};

}  // namespace idem
