// The store: an append-only log that rejects duplicates, and projections of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "idem/append.hpp"
#include "idem/condition.hpp"
#include "idem/consumers.hpp"
#include "idem/effects.hpp"
#include "idem/erasure.hpp"
#include "idem/error.hpp"
#include "idem/event.hpp"
#include "idem/keyed_fold.hpp"
#include "idem/keys.hpp"
#include "idem/read.hpp"
#include "idem/rebuild.hpp"
#include "idem/replica.hpp"
#include "idem/sagas.hpp"
#include "idem/schema.hpp"
#include "idem/state.hpp"
#include "idem/store_info.hpp"
#include "idem/store_options.hpp"
#include "idem/stream_fold.hpp"
#include "idem/transaction.hpp"

namespace idem {

// A handle on an open store. Any thread may call anything at any time. A second handle on the same
// folder, in this process or another, sees the same store. Moving a store is cheap; the last handle
// of the process closes the environment. After fork() the child must open its own (errc::forked).
class store {
public:
    explicit store(const std::filesystem::path& folder, open_options options = {});
    ~store();
    store(store&&) noexcept;
    store& operator=(store&&) noexcept;

    const std::filesystem::path& path() const noexcept;

    // ---- append

    // Appends events in order, whole or not at all, and returns once they are on disk. Callers on
    // many threads share commits. Throws invalid_input (naming event and field) before anything is
    // written; no_space, io, or outcome_unknown where the commit failed.
    append_result append(std::span<const event> batch,
                         expected_revision expected = expected_revision::any());
    append_result append(std::span<const event> batch, const append_condition& condition);
    append_result append(std::initializer_list<event> batch,
                         expected_revision expected = expected_revision::any());
    append_result append(const event& one, expected_revision expected = expected_revision::any());
    append_result append(const event& one, const append_condition& condition);

    // Reads, decides and appends in one step (idem/transaction.hpp). What `decide` throws is
    // thrown, and nothing is appended.
    append_result transact(const std::function<void(transaction&)>& decide);

    // ---- commands, and what follows from them; what is returned lives as long as the store

    idem::keys keys();
    key_answer once(const key_scope& scope, std::string_view key, const request& asked,
                    const idem::keys::command& work, const key_options& options = {});  // of keys()
    idem::effects effects();
    void run(const effect_rule& rule);
    idem::sagas sagas();
    idem::consumers consumers();
    idem::replica replica();  // events that were made in other stores

    // ---- read

    std::uint64_t head() const;  // the last position; 0 in an empty store
    std::optional<recorded_event> find(const uuid& id) const;
    std::optional<recorded_event> at(std::uint64_t position) const;
    std::optional<stream_info> find_stream(std::string_view stream) const;

    // Calls `visit` for each event selected; it may return false to stop. Reads in short
    // transactions, so a long read does not keep old pages alive; an event appended meanwhile is
    // seen if its position lies ahead. `visit` must not block for long nor append to this store.
    // Returns the position that the read has covered: start the next one behind it.
    template <class Visit>
    requires std::invocable<Visit&, const event_view&> std::uint64_t read(const query& select,
                                                                          Visit&& visit)
    const {
        return read_views(select, [&visit](const event_view& e) {
            if constexpr (std::is_void_v<std::invoke_result_t<Visit&, const event_view&>>) {
                visit(e);
                return true;
            } else {
                return static_cast<bool>(visit(e));
            }
        });
    }

    // The events selected as copies, at most `select.limit` and about 4 MiB; for callers that do
    // slow work between. `next` continues where it ended.
    using page = event_page;
    page read_page(const query& select) const;

    // Reads what is selected, then waits for more, whoever appends it, until `visit` returns false
    // or a stop is requested. `visit` gets copies and may take its time. Returns as read().
    std::uint64_t follow(const follow_options& options,
                         const std::function<bool(const recorded_event&)>& visit) const;

    // The streams whose names follow `after`, in order. Each call is a pass over the index of
    // streams, so ask for many at once.
    std::vector<stream_info> streams(std::string_view after = {}, std::size_t limit = 1000) const;
    std::vector<type_info> types() const;  // reads the whole log

    // ---- schemas

    // Registers the event types of a schema, and upcasters in JSON (schemas/EVOLUTION.md), in the
    // reserved stream "$schemas". A type whose definition is new or has changed gets the next
    // version. From then on its payloads are checked, JSON data is made FlatBuffers, and anyone
    // can print them. Where events would be misread, add_schema() throws invalid_input.
    schema_addition add_schema(const schema& s, std::string_view upcasters = {});
    schema_addition plan_schema(const schema& s, std::string_view upcasters = {}) const;
    // Upcasters alone; how many are new. One of the same type and version is replaced.
    std::size_t add_upcasters(std::string_view upcasters);
    std::size_t plan_upcasters(std::string_view upcasters) const;
    schema_set schemas() const;

    // The event as append would write it: data in the form of its schema, the version filled in;
    // where its id is known with the same content, as that one.
    event as_appended(const event& e) const;

    // ---- projections

    // Runs a projection; its rows are kept under name and version. One of that name that runs on
    // this handle already is an invalid_input, and so are `reads` that no upcasters lead to. With
    // inline_, appends by processes that do not run it are taken in by the next that does.
    // Where the rows of that name were made by other code (another version, other schema versions
    // read, another `code`), it is stale: it rests, state(name) serves the rows as they are, until
    // rebuild() has made new ones, in this process or another.
    void run(const projection& p, projection_mode mode = projection_mode::background);

    // Applies the events up to the head, in this thread. Returns the checkpoint. Throws stale, and
    // handler_failed where the handler threw; the checkpoint then stands before that event.
    std::uint64_t catch_up(std::string_view name);

    // Until it has applied `position`, in whichever process; false: too late. Throws handler_failed
    bool wait_for(std::string_view name, std::uint64_t position,
                  std::chrono::milliseconds timeout = std::chrono::minutes(1)) const;

    // Lets one that stands on a failing event go on behind it; the catalog keeps the record.
    void skip_failed_event(std::string_view name, std::string_view reason);

    // Folds the log anew beside the rows that are kept, and swaps in one commit (rebuild.hpp).
    rebuild_result rebuild(const projection& p, const rebuild_options& options = {});

    // Makes another kept version the current one; with the projection that it is of, brought up to
    // the last event in the same commit, or to the first that it cannot read.
    void switch_projection(std::string_view name, std::uint32_t version);
    void switch_projection(const projection& p);
    // Erases a version that is not the current one, or the last one.
    void drop_projection(std::string_view name, std::uint32_t version);

    // Replays `sample` rows, and returns the keys of those that are kept otherwise: the code has
    // changed without a new version, or is not pure. Without independent rows it replays all, and
    // returns the first that differs.
    std::vector<std::string> check_projection(const projection& p, std::size_t sample = 64) const;

    std::vector<projection_info> projections() const;
    std::optional<projection_info> find_projection(std::string_view name) const;  // the current
    // Why the current rows of its name are not those of `p`; empty where they are, or are none.
    std::string why_stale(const projection& p) const;

    // The rows kept. Throws not_found; stale where only other versions are.
    idem::state state(std::string_view name) const;
    idem::state state(std::string_view name, std::uint32_t version) const;
    idem::state state(const projection& p) const;  // of its version, printed by it
    template <class Key, class Row>
    fold_state<Key, Row> state(const keyed_fold<Key, Row>& fold) const {
        return fold_state<Key, Row>(state(fold.name(), fold.version()));
    }

    // The rows as they were after `position`: replays the log into a scratch table beside the
    // store, which is left as it was. `progress` is called now and then with the position reached.
    idem::state replay(const projection& p, std::uint64_t position = last_position,
                       const std::function<void(std::uint64_t)>& progress = {}) const;
    template <class Key, class Row>
    fold_state<Key, Row> replay(const keyed_fold<Key, Row>& fold,
                                std::uint64_t position = last_position) const {
        return fold_state<Key, Row>(replay(projection(fold), position));
    }
    static constexpr auto last_position = std::numeric_limits<std::uint64_t>::max();

    // The same, from the nearest checkpoint before. After a million events it keeps one itself.
    idem::state state_at(const projection& p, std::uint64_t position,
                         const std::function<void(std::uint64_t)>& progress = {});
    // Keeps the rows as they are after `position`, if they are not kept yet: at most 8 of a
    // version, then the one goes whose neighbours are nearest. False: they are too large. Throws
    // busy.
    bool keep_checkpoint(const projection& p, std::uint64_t position = last_position);
    std::vector<checkpoint_info> checkpoints() const;

    // Replays event by event behind `from`, and tells of each the rows that it has changed; before
    // that, in parts and without an event, the rows as of `from`. `visit` may return false to stop.
    void trace(const projection& p, std::uint64_t from, const visit_trace& visit) const;

    // Folds one stream up to its last event.
    template <class Row>
    folded<Row> fold(const stream_fold<Row>& f, std::string_view stream) const {
        return detail::folding::run(*this, f, stream);
    }

    // ---- erasure

    // Erase the data of an event, or of all events of a data subject so far (erasure.hpp). On
    // return the key is gone from the disk, and projections that have folded the data are stale.
    // Throw not_found; invalid_input where an event was stored without a subject.
    erasure erase(const uuid& id);
    erasure erase_subject(std::string_view name);
    // New events of an erased subject are refused until then. False: it was not erased.
    bool readmit_subject(std::string_view name);
    std::vector<subject_info> subjects() const;  // reads the whole log
    bool keys_missing() const;  // events were sealed, and no file of keys is here; costs a lookup

    // ---- the whole
    store_stats stats() const;

    // Copies the store, in use or not, to a new folder: complete and verified, or not there at all.
    void backup(const std::filesystem::path& target, const backup_options& options = {}) const;

private:
    friend struct detail::folding;
    std::uint64_t read_views(const query& select,
                             const std::function<bool(const event_view&)>& visit) const;
    std::uint64_t read_upcast(const query& select, const stream_fold_view& f,
                              const std::function<bool(const event_view&)>& visit) const;
    fold_start load_snapshot(const stream_fold_view& f, std::string_view stream) const;
    void save_snapshot(const stream_fold_view& f, std::string_view stream,
                       const fold_snapshot& value, std::uint64_t last_erasure) const;

    class impl;
    std::unique_ptr<impl> impl_;
};

// Puts a backup back in place: verifies it and copies it to `folder`, which must not exist yet.
void restore(const std::filesystem::path& backup, const std::filesystem::path& folder);

}  // namespace idem
