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
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "idem/append.hpp"
#include "idem/error.hpp"
#include "idem/event.hpp"
#include "idem/keyed_fold.hpp"
#include "idem/read.hpp"
#include "idem/schema.hpp"
#include "idem/state.hpp"

namespace idem {

struct open_options {
    bool read_only = false;
    bool create = true;  // a store that does not exist yet; never when read_only
    // Address space to reserve, a limit for the store's size that grows by itself. Halved until the
    // system grants it.
    std::uint64_t map_bytes = 64ULL << 30;
    // Threads that replay a projection whose rows are independent; 0: one a core.
    unsigned replay_threads = 0;
    // Locks and maps cannot be trusted there; take it upon yourself for a single process.
    bool allow_network_file_system = false;
};

struct stream_info {
    std::string name;
    std::uint64_t last_revision = 0;
    std::uint64_t last_position = 0;
};

struct type_info {
    std::string type;
    std::uint32_t schema_version = 1;
    std::uint64_t events = 0;
};

struct projection_info {
    std::string name;
    std::uint32_t version = 1;
    bool current = true;         // of the versions that are kept the one that readers are given
    std::uint64_t position = 0;  // checkpoint
    std::uint64_t rows = 0;
    state_digest digest;
    bool order_insensitive = false;
    std::string definition;
    std::string failure;  // why it stands still: event, position and cause; empty while all is well
    // Of the projection that runs on this handle under that name: why the rows of the current
    // version are not its own, which a rebuild changes; empty where they are.
    std::string stale;
    std::string fingerprint;     // of what made the rows; empty where that was not noted
    schema_versions reads = {};  // likewise, the schema versions that it read
    std::string code;            // likewise
    std::optional<std::uint64_t> rebuilt_to;  // a rebuild of this version has come so far
};

// How far a rebuild is.
struct rebuild_progress {
    enum class phase : std::uint8_t {
        replay,    // folding the log into rows beside the store
        load,      // bringing them into the store; `position` and `whole` count rows
        catch_up,  // the events since
        swap,      // the last of them, and the pointer
    };
    phase now = phase::replay;
    std::uint64_t position = 0;
    std::uint64_t whole = 0;
};
std::string_view to_string(rebuild_progress::phase phase) noexcept;

struct rebuild_options {
    std::uint64_t events_per_second_max = 0;   // 0: as fast as it goes
    std::size_t memory_bytes_max = 256 << 20;  // for rows that are worked on
    bool make_current = true;                  // false: keep it beside, for switch_projection()
    bool resume = true;  // false: start anew, whatever an earlier rebuild has left
    // Called some times a second; false stops it, and the next rebuild goes on there.
    std::function<bool(const rebuild_progress&)> progress = {};
};

struct rebuild_result {
    bool complete = true;  // false: stopped by `progress`
    std::uint64_t position = 0;
    std::uint64_t rows = 0;
    state_digest digest;
    std::optional<std::uint32_t> replaced;   // the version that was current before
    std::chrono::nanoseconds writer_held{};  // by the swap
};

struct store_stats {
    std::string path;
    uuid id;
    std::uint32_t format_version = 0;
    timestamp created;
    std::uint64_t events = 0;  // also the last position
    std::uint64_t streams = 0;
    std::uint64_t file_bytes = 0;  // on disk, free pages included
    std::uint64_t used_bytes = 0;  // in pages that hold data
    std::uint64_t map_bytes = 0;
    std::uint32_t readers = 0;  // live read transactions, all processes
    std::uint32_t reader_slots = 0;
    std::uint64_t oldest_reader_lag = 0;  // commits since the oldest live read transaction began
    struct table {
        std::string name;
        std::uint64_t entries = 0;
        std::uint64_t bytes = 0;
    };
    std::vector<table> tables;
};

struct follow_options {
    query select = {};          // `to`, `limit` and backwards do not apply
    std::stop_token stop = {};  // wakes a waiting follower
    bool wait = true;           // false: return at the head of the log
};

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
    append_result append(std::initializer_list<event> batch,
                         expected_revision expected = expected_revision::any());
    append_result append(const event& one, expected_revision expected = expected_revision::any());

    // ---- read

    std::uint64_t head() const;  // the last position; 0 in an empty store
    std::optional<recorded_event> find(const uuid& id) const;
    std::optional<recorded_event> at(std::uint64_t position) const;
    std::optional<stream_info> find_stream(std::string_view stream) const;

    // Calls `visit` for each event selected; it may return false to stop. Reads in short
    // transactions, so a long read does not keep old pages alive; an event appended meanwhile is
    // seen if its position lies ahead. `visit` must not block for long and must not append to this
    // store. Returns the position that the read has covered: start the next one behind it.
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
    // slow work between. `next` continues where it ended; nullopt: nothing is left at this time.
    struct page {
        std::vector<recorded_event> events;
        std::optional<query> next;
    };
    page read_page(const query& select) const;

    // Reads what is selected, then waits for more without polling, whoever appends it, until
    // `visit` returns false or a stop is requested. `visit` gets copies and may take its time.
    // Returns the position covered.
    std::uint64_t follow(const follow_options& options,
                         const std::function<bool(const recorded_event&)>& visit) const;

    // The streams whose names follow `after`, in the order of names. Each call is one pass over the
    // index of streams, so ask for many at once.
    std::vector<stream_info> streams(std::string_view after = {}, std::size_t limit = 1000) const;
    std::vector<type_info> types() const;  // reads the whole log

    // ---- schemas

    // Registers the event types of a schema, and upcasters in JSON (schemas/EVOLUTION.md), in the
    // reserved stream "$schemas". A type whose definition is new or has changed gets the next
    // version. From then on its payloads are checked, JSON data is made FlatBuffers, and anyone
    // can print them. Throws invalid_input where events would be misread (`forbidden`), unless it
    // is only planned.
    schema_addition add_schema(const schema& s, std::string_view upcasters = {});
    schema_addition plan_schema(const schema& s, std::string_view upcasters = {}) const;
    // Upcasters alone. Returns how many were new; one of the same type and version is replaced.
    std::size_t add_upcasters(std::string_view upcasters);
    schema_set schemas() const;

    // The event as append would write it: data in the form of its schema, the version filled in;
    // where its id is known with the same content, as that one. Throws invalid_input as append.
    event as_appended(const event& e) const;

    // ---- projections

    // Runs a projection on this store; its rows are kept under name and version. A projection of
    // that name that already runs on this handle is an invalid_input, and so are `reads` that no
    // upcasters lead to. With inline_, appends by processes that do not run it are taken in by the
    // next append that does.
    // Where the store keeps rows of that name that other code has made (another version, other
    // schema versions read, another `code`), the projection is stale: it rests, state(name) serves
    // the rows as they are, find_projection() says why, until rebuild() has made new ones, in this
    // process or another.
    void run(const projection& p, projection_mode mode = projection_mode::background);

    // Applies the events up to the head, in this thread. Returns the checkpoint. Throws
    // handler_failed where the handler threw; the checkpoint then stands before that event; stale.
    std::uint64_t catch_up(std::string_view name);

    // Waits until the projection has applied `position`, whichever process runs it. False: not
    // within `timeout`. Throws handler_failed if it stands still on a failure.
    bool wait_for(std::string_view name, std::uint64_t position,
                  std::chrono::milliseconds timeout = std::chrono::minutes(1)) const;

    // Lets a projection that stands on a failing event go on behind it; the catalog keeps the
    // record.
    void skip_failed_event(std::string_view name, std::string_view reason);

    // Folds the log anew beside the rows that are kept, in a folder inside the store's, and swaps
    // in one commit: readers see the old rows or the new, appends go on. What a crash or a stop
    // leaves is taken up by the next rebuild of the same projection; one at a time of a name and
    // version (busy). At the first event that fails it stops with handler_failed, the old rows
    // untouched, and the next one starts anew. The version before is kept until it is dropped; rows
    // of the same version are replaced. Need not run here before; where it rested as stale, it runs
    // from then on.
    rebuild_result rebuild(const projection& p, const rebuild_options& options = {});

    // Makes another kept version the current one of its name. With the projection that it is of,
    // it is brought up to the last event in the same commit.
    void switch_projection(std::string_view name, std::uint32_t version);
    void switch_projection(const projection& p);
    // Erases a version that is not the current one, or the last one of its name.
    void drop_projection(std::string_view name, std::uint32_t version);

    // Replays the rows of some keys, `sample` of them, and returns the keys of those that are kept
    // otherwise: the code has changed without a new version, or is not pure. Without independent
    // rows it replays all, and returns the first that differs.
    std::vector<std::string> check_projection(const projection& p, std::size_t sample = 64) const;

    std::vector<projection_info> projections() const;
    std::optional<projection_info> find_projection(std::string_view name) const;  // the current

    // The rows as kept, of the current version. Throws not_found.
    idem::state state(std::string_view name) const;
    // Of a version, current or not. Throws not_found; stale where others of that name are kept.
    idem::state state(std::string_view name, std::uint32_t version) const;
    template <class Key, class Row>
    fold_state<Key, Row> state(const keyed_fold<Key, Row>& fold) const {
        return fold_state<Key, Row>(state(fold.name(), fold.version()));
    }

    // The rows as they were after `position`: replays the log into a scratch table beside the
    // store, which is left as it was. `progress` is called now and then with the position reached.
    idem::state replay(const projection& p,
                       std::uint64_t position = std::numeric_limits<std::uint64_t>::max(),
                       const std::function<void(std::uint64_t)>& progress = {}) const;

    template <class Key, class Row>
    fold_state<Key, Row> replay(
        const keyed_fold<Key, Row>& fold,
        std::uint64_t position = std::numeric_limits<std::uint64_t>::max()) const {
        return fold_state<Key, Row>(replay(projection(fold), position));
    }

    // Folds one stream up to its last event, from the newest snapshot of it.
    template <class Row>
    folded<Row> fold(const stream_fold<Row>& f, std::string_view stream) const {
        folded<Row> result;
        query select{.stream = std::string(stream)};
        std::uint64_t replayed = 0;
        if (const auto snapshot = load_snapshot(f.name, f.version, stream)) {
            result.value = row_codec<Row>::decode(snapshot->row);
            result.revision = snapshot->revision;
            select.from_revision = snapshot->revision + 1;
        }
        read_upcast(select, f.reads, f.upcasters, [&](const event_view& e) {
            result.value = f.apply(std::move(result.value), e);
            result.revision = e.revision();
            ++replayed;
            return true;
        });
        if (replayed >= snapshot_every) {
            std::string row;
            row_codec<Row>::encode(result.value, row);
            save_snapshot(f.name, f.version, stream, {*result.revision, std::move(row)});
        }
        return result;
    }
    static constexpr std::uint64_t snapshot_every = 256;  // events replayed before one is kept

    // ---- the whole

    store_stats stats() const;

    // Copies the store while it is used to a new folder: complete and verified, or not there at
    // all.
    void backup(const std::filesystem::path& target) const;

private:
    struct kept_value {
        std::uint64_t revision = 0;
        std::string row;
    };
    std::uint64_t read_views(const query& select,
                             const std::function<bool(const event_view&)>& visit) const;
    std::uint64_t read_upcast(const query& select, const schema_versions& reads,
                              const upcasters& steps,
                              const std::function<bool(const event_view&)>& visit) const;
    std::optional<kept_value> load_snapshot(std::string_view name, std::uint32_t version,
                                            std::string_view stream) const;
    void save_snapshot(std::string_view name, std::uint32_t version, std::string_view stream,
                       const kept_value& value) const;

    class impl;
    std::unique_ptr<impl> impl_;
};

// Puts a backup back in place: verifies it and copies it to `folder`, which must not exist yet.
void restore(const std::filesystem::path& backup, const std::filesystem::path& folder);

}  // namespace idem
