// Group commit: the batches of concurrent callers share one commit, each with its own outcome.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "base/turnstile.hpp"
#include "idem/append.hpp"
#include "idem/condition.hpp"
#include "log/decide.hpp"
#include "log/own_origin.hpp"
#include "log/record.hpp"
#include "log/subject_writer.hpp"
#include "storage/file_watch.hpp"
#include "storage/storage.hpp"

namespace idem {

// The log as it stands for the next batch of a commit.
struct open_log {
    storage::write_transaction& txn;
    log_head head;
    index_view known;
    origin_entry own = {};  // origins under which this store has written
};

// Takes part in the commits of appends. Called by one thread at a time, within the write
// transaction.
class append_observer {
public:
    virtual ~append_observer() = default;
    // A transaction starts, maybe the same group of batches once more: forget what was gathered.
    virtual void begin(storage::write_transaction& txn) = 0;
    // Events about to be written. A throw of the first observer rejects this batch, of which it
    // must have gathered nothing; a throw of another fails the commit.
    virtual void batch(const open_log& log, std::span<const event_view> events) = 0;
    // Before the commit: write what was gathered.
    virtual void finish(storage::write_transaction& txn) = 0;
    // Data was erased, of events from `first` on: what was made of it is not to be used any more.
    virtual void erased(storage::write_transaction&, std::uint64_t /*first*/,
                        std::string_view /*why*/) {}
    // The transaction that began last is on disk. After one that failed, or may have, this is not
    // called.
    virtual void committed() {}
};

// A row of a projection that is kept in step with the log, as of the last batch. Throws
// invalid_input where the projection is not.
using read_row =
    std::function<std::optional<std::string>(std::string_view projection, std::string_view key)>;

// Further events that follow from those about to be written, to be written behind them in the same
// commit. None may have an id that is known. A throw rejects the batch.
using derive_events =
    std::function<std::vector<event>(const open_log& log, std::span<const event_view> fresh)>;

// How long to wait for those who shared a commit that took so long. Bounded, for what a commit
// waited for itself, a slow handler or the lock of another process, says nothing of their return.
std::chrono::steady_clock::duration patience_after(
    std::chrono::steady_clock::duration last_commit) noexcept;

// What a batch was prepared by: it is not written, and stream_has_grown is thrown, if the stream
// has an event behind the position by then.
struct append_guard {
    std::string_view stream = {};  // empty: none
    std::uint64_t position = 0;
};
struct stream_has_grown {};

// A batch that is decided upon inside the write transaction. Nullopt: there is nothing to append.
struct planned_append {
    encoded_batch batch;
    append_condition condition = {};
};
using plan_append = std::function<std::optional<planned_append>(const open_log& log)>;

// Any thread. A batch that comes again, if it is not small, is answered from a snapshot and waits
// for nobody. The first caller of a group of others leads: it takes the queue, writes every batch
// of it in one transaction and commits; the rest wait for their answer.
class appender {
public:
    appender(std::shared_ptr<storage::environment> env, log_tables tables, const uuid& origin,
             std::vector<append_observer*> observers, read_row row = {}, wall_clock clock = {},
             derive_events derive = {});

    append_result append(encoded_batch batch, append_condition condition, append_guard guard = {});

    // The plan is made by the thread that leads; again only where the log has changed since. What
    // it throws rejects this batch alone. It must not use the environment but through `log`.
    append_result append(const plan_append& plan, append_guard guard = {});

private:
    struct request {
        encoded_batch batch;
        append_condition condition;
        append_guard guard = {};
        const plan_append* plan = nullptr;
        std::uint64_t planned_in = 0;             // transaction
        std::exception_ptr plan_fault = nullptr;  // what the plan threw
        std::size_t own = 0;  // events of the batch that are the caller's; 0: all
        append_result result = {};
        std::exception_ptr fault = nullptr;
        std::atomic<bool> done = false;  // the last that is written of it
    };
    using group = std::vector<request*>;

    append_result wait_for(request& own);
    std::optional<append_result> answer_if_known(const encoded_batch& batch) const;
    group take_group();  // under the lock
    void lead(std::unique_lock<std::mutex>& lock);
    void commit(const group& requests);
    bool commit_once(const group& requests);  // false: was one of several steps before
    static void check_guard(const open_log& log, const append_guard& guard);
    static bool make_plan(const open_log& log, request& r);
    decision decide_on(open_log& log, request& r);
    void write_batch(open_log& log, request& r);
    void refuse_erased(open_log& log, const request& r, decision& d);
    void write_blocks(open_log& log, const encoded_batch& batch, const decision& d) const;
    void begin_origin(open_log& log);
    void place(encoded_batch& batch, const decision& d, log_head& head) const;

    std::shared_ptr<storage::environment> env_;
    const log_tables tables_;
    const uuid created_with_;                     // the store's first origin
    std::optional<storage::file_identity> file_;  // that was checked
    const std::vector<append_observer*> observers_;
    const read_row row_;
    const wall_clock clock_;
    const derive_events derive_;
    subject_writer subjects_;  // the leader's
    stream_heads heads_;       // and these
    indexed_events added_;
    bool tags_given_up_ = false;

    std::mutex mutex_;
    std::condition_variable arrived_;  // wakes a leader that waits for company
    std::deque<request*> queue_;
    turnstile groups_;  // that are done: what waits for an answer waits for
    bool led_ = false;
    std::size_t last_group_ = 1;                         // requests in the last commit
    std::chrono::steady_clock::duration last_commit_{};  // and how long it took
};

}  // namespace idem
