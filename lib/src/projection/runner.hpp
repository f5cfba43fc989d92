// One projection at work: applies events to its rows, and commits rows and checkpoint together.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "log/index.hpp"
#include "projection/catalog.hpp"
#include "projection/row_cache.hpp"
#include "storage/storage.hpp"

namespace idem {

// Where a projection's rows and catalog entry live: the store's own environment, or a scratch one.
struct projection_place {
    std::shared_ptr<storage::environment> env;
    storage::table catalog;
    storage::table rows;
};

// Finds or makes the rows' table and the catalog entry, which becomes the current version of its
// name.
projection_place prepare_projection(const std::shared_ptr<storage::environment>& env,
                                    const projection& p);

class projection_runner {
public:
    // `threads` fold rows that are independent; 0: one a core.
    projection_runner(projection p, projection_place place,
                      std::shared_ptr<storage::environment> events, log_tables tables,
                      unsigned threads);

    const projection& fold() const noexcept { return projection_; }
    const projection_place& place() const noexcept { return place_; }

    // Applies the events up to `to` or the head, whichever comes first, with commits now and then;
    // returns the checkpoint. Agrees with other runners of the same rows, in this process or
    // others: who comes second takes over what the first has committed. On a throwing handler the
    // events before it are committed, the failure is recorded, and handler_failed is thrown. One
    // thread at a time; others wait.
    std::uint64_t advance(std::uint64_t to, const std::function<bool(std::uint64_t)>& go_on = {});

    // Part of an append's transaction. A runner is used in this way or by advance(), never by both.
    // begin() brings the rows up to the log's end; an event that fails there is recorded, and the
    // projection then stands before it, while appends go on, until a begin() with `retry`.
    void begin(storage::write_transaction& txn, bool retry = false);
    void apply_batch(std::span<const event_view> events);  // throws handler_failed, nothing applied
    void undo_batch() noexcept;                            // the last one
    void finish(storage::write_transaction& txn);
    const std::string& failure() const noexcept { return record_.failure; }  // after finish()

    bool stands_on_failure() const;  // as the catalog says

private:
    struct slice_result {
        bool more = false;
        std::uint64_t checkpoint = 0;
        std::uint64_t failed_position = 0;
        std::string failure;
    };

    void apply(const event_view& e);  // throws handler_failed
    bool full() const noexcept;
    void reload(const storage::transaction& txn);
    slice_result gather(std::uint64_t to);
    std::optional<slice_result> gather_keyed(std::uint64_t to);
    slice_result gather_in_order(std::uint64_t to);
    bool commit(const slice_result& slice);
    void write(storage::write_transaction& txn, projection_record next);

    projection projection_;
    projection_place place_;
    std::shared_ptr<storage::environment> events_;
    log_tables tables_;

    std::mutex mutex_;
    row_cache cache_;
    projection_record loaded_;       // as it was found on disk
    projection_record record_;       // as it is to become
    projection_record written_;      // as it was left, on disk if that transaction was committed
    std::uint64_t batch_start_ = 0;  // checkpoint before the last apply_batch()
    bool finished_ = false;          // between finish() and the next begin()
};

}  // namespace idem
