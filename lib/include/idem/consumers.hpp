// Consumers: durable, named subscriptions. Each has a checkpoint and a state of its own, which
// change in one commit, so that every event has its effect on the state once; and an inbox, which
// does the same for what comes from elsewhere (inbox.hpp). States stand in the clear in the log,
// and are not erased: no personal data.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "idem/append.hpp"
#include "idem/event.hpp"
#include "idem/inbox.hpp"
#include "idem/transaction.hpp"

namespace idem {

// Which events a consumer is given: those for which all of this holds. Those whose data was erased,
// or is sealed as its key is not here, are covered and not given.
struct consumer_filter {
    std::optional<std::string> stream = {};
    std::vector<std::string> types = {};  // any of these; empty: every type
    std::vector<std::string> tags = {};   // all of these
    std::optional<std::string> correlation_id = {};
    // Events of the store's own streams as well, which begin with '$' and are left out unless
    // `stream` names one. Those of "$consumers" never come, for each advance is one.
    bool reserved = false;

    friend bool operator==(const consumer_filter&, const consumer_filter&) = default;
};

enum class consumer_start : std::uint8_t { beginning, end, position };

struct consumer_options {
    consumer_filter filter = {};
    consumer_start start = consumer_start::beginning;
    std::uint64_t from = 0;    // consumer_start::position: of the first event that is looked at
    std::size_t limit = 1000;  // events of a batch, 1 to limits::batch_events_max

    friend bool operator==(const consumer_options&, const consumer_options&) = default;
};

// A right to be the only one who advances a consumer, until its time is over and another takes it.
struct consumer_hold {
    std::string consumer;
    std::string holder;
    std::uint64_t fence = 0;  // rises with each holder
    std::chrono::milliseconds length{};
    timestamp until = {};  // wall clock
};

// What a consumer is to handle next.
struct consumer_batch {
    std::string consumer = {};
    std::vector<recorded_event> events = {};  // as they are stored
    std::uint64_t before = 0;                 // the checkpoint that it follows
    std::uint64_t covered = 0;                // up to here nothing else is for this consumer
    std::string state = {};                   // as of `before`
    bool caught_up = true;                    // there was nothing behind `covered`
    std::optional<consumer_hold> hold = {};
    uuid version = {};  // of checkpoint and state; nil: whatever they are

    // A delivery that came on another way: the event at `position`, or all behind `after`.
    static consumer_batch of(std::string consumer, std::uint64_t position);
    static consumer_batch between(std::string consumer, std::uint64_t after, std::uint64_t to);
};

enum class consumer_outcome : std::uint8_t {
    accepted,      // checkpoint, state and events are on disk
    duplicate,     // it was handled before, or a part of it: ask for the next batch
    gap,           // events of this consumer lie between its checkpoint and the batch: `missing`
    fenced,        // another holds the consumer, or has changed it since the batch was read
    not_selected,  // of judge(): the event is not for this consumer
    not_appended,  // its events were rejected (see `rejection`): nothing has changed
};
std::string_view to_string(consumer_outcome outcome) noexcept;  // "not_selected"

struct consumer_verdict {
    consumer_outcome outcome = consumer_outcome::accepted;
    std::uint64_t checkpoint = 0;             // as it is now
    std::vector<std::uint64_t> missing = {};  // gap: positions, the first 1,000
    std::vector<receipt> receipts = {};       // of the events that were appended with it
    std::optional<idem::rejection> rejection = {};

    bool accepted() const noexcept { return outcome == consumer_outcome::accepted; }
};

struct consumer_info {
    std::string name;
    consumer_options options;
    std::uint64_t checkpoint = 0;
    uuid event;  // at the checkpoint; nil: it is at the beginning
    // The log has no such event, for only a part of it was imported: reset() says where to go on.
    bool lost = false;
    std::uint64_t lag = 0;  // positions from checkpoint to head, whatever is there
    // Events that wait for it, counted up to 10,000 positions behind the checkpoint.
    std::uint64_t waiting = 0;
    std::string state;
    std::uint64_t advances = 0;
    std::uint64_t events = 0;  // that were handled
    std::string holder;        // empty: nobody holds it
    std::uint64_t fence = 0;
    timestamp leased_until;
    timestamp created;
    timestamp advanced;
    std::string reason;  // of the last reset
};

struct consumer_reset {
    // Events behind it come next. One of both.
    std::optional<std::uint64_t> checkpoint = {};
    std::optional<uuid> event = {};
    std::string reason = {};
    // Its state as of that checkpoint. Without it a reset forwards keeps the state, as the events
    // between are skipped; one to 0 empties it; another backwards is an invalid_input unless the
    // state is empty anyway.
    std::optional<std::string> state = {};
};

struct consumer_run_options {
    std::stop_token stop = {};
    bool wait = true;         // false: return where nothing is left
    std::string holder = {};  // with a lease, who holds it
    // Who runs it holds it: 0 for no lease. Longer than a batch takes.
    std::chrono::milliseconds lease{};
};

// The consumers of a store; see store::consumers(). Any thread. A name that is not known is
// not_found, a checkpoint that is lost is errc::stale.
class consumers {
public:
    // True: made. False: it was there, made with the same options; with others: invalid_input.
    bool create(std::string_view name, const consumer_options& options = {});
    std::optional<consumer_info> find(std::string_view name) const;
    // Those whose names follow `after`, in order.
    std::vector<consumer_info> list(std::string_view after = {}, std::size_t limit = 1000) const;
    void drop(std::string_view name);
    // By a person. Whoever works on a batch by then is fenced.
    void reset(std::string_view name, const consumer_reset& to);

    // ---- batches

    // Up to a million positions are looked at, so a batch may be empty and not be `caught_up`.
    consumer_batch next(std::string_view name, std::size_t limit = 0) const;  // 0: as it was made
    consumer_batch next(const consumer_hold& hold, std::size_t limit = 0) const;

    // Commits checkpoint, state (up to limits::result_bytes_max bytes) and events together, once.
    // The function decides on events and state within the transaction, on what stands then.
    consumer_verdict advance(const consumer_batch& batch, std::string_view state,
                             std::span<const event> produced = {});
    using transition = std::function<std::string(transaction&)>;
    consumer_verdict advance(const consumer_batch& batch, const transition& decide);

    // Of a delivery that came on another way, such as a broker that is fed from the log. Advance
    // with consumer_batch::of(), which judges again.
    consumer_verdict judge(std::string_view name, std::uint64_t position) const;
    consumer_verdict judge(std::string_view name, const uuid& event) const;

    // Hands batches to `handle`, which gives back the state and may add events to `produced`, until
    // a stop. What it throws is thrown; the batch is not committed, and comes again. After a crash
    // too: what it does elsewhere it must be able to do again. Returns the checkpoint.
    using handler =
        std::function<std::string(const consumer_batch& batch, std::vector<event>& produced)>;
    std::uint64_t run(std::string_view name, const handler& handle,
                      const consumer_run_options& options = {});

    // ---- one holder at a time

    // Nullopt: another holds it. Who holds it already gets it anew with the same fence.
    std::optional<consumer_hold> acquire(std::string_view name, std::string_view holder,
                                         std::chrono::milliseconds length);
    // False: another has taken over. Each advance with a hold renews it too.
    bool renew(consumer_hold& hold);
    bool release(const consumer_hold& hold);

    // ---- the inbox

    // Appends the events, known ones being duplicates, and keeps the source's position in the same
    // commit. Positions of one source rise, from any number; its name, up to
    // limits::name_bytes_max bytes, tells partitions apart ("orders/3"). A source that the store
    // does not know has no position that another could come after.
    ingest_answer ingest(std::string_view source, std::uint64_t position,
                         std::span<const event> events, const ingest_options& options = {});
    std::optional<source_info> find_source(std::string_view source) const;
    std::vector<source_info> sources(std::string_view after = {}, std::size_t limit = 1000) const;
    // By a person: what comes next must be beyond `position`; nullopt: may be any. Throws
    // not_found.
    void reset_source(std::string_view source, std::optional<std::uint64_t> position,
                      std::string_view reason);

    class impl;
    explicit consumers(impl& i) noexcept : impl_(i) {}

private:
    impl& impl_;
};

}  // namespace idem
