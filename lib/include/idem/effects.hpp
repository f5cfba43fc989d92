// Carrying out what events have declared: each effect once, as far as its delivery promises, by
// whichever thread or process comes first. What becomes of it is events of the stream "$effects".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "idem/effect.hpp"
#include "idem/event.hpp"
#include "idem/lease.hpp"

namespace idem {

// ---- declaring, beside transaction::declare()

// Takes the effects of the event at hand. Lives within the call.
class effect_sink {
public:
    uuid declare(effect e);  // its id. Throws invalid_input

    class state;  // lib/src/idempotency/effect_rules.hpp
    explicit effect_sink(state& s) noexcept : state_(s) {}

private:
    state& state_;
};

// Declares effects for each event that is appended, in the same commit; see store::run(). It is
// asked for events that are new, by appends of this handle alone: no replay, no rebuild, no
// duplicate, no other process asks it, nor do events of the store's own streams. The payload is
// given as it is stored. An effect that is known already, or that the batch itself declares of its
// event, is the same one. A throw rejects the batch with handler_failed. It is to be quick, as
// a projection that runs inline is, and calls no store.
struct effect_rule {
    std::string name;
    std::vector<std::string> types = {};  // of events; empty: every one
    std::function<void(const event_view&, effect_sink&)> declare;
};

// ---- what becomes of them

enum class effect_state : std::uint8_t {
    due = 1,          // to be carried out, now or at its time
    attempted = 2,    // somebody has, or had, a lease
    failed = 3,       // an attempt failed: due again at its time
    done = 4,         // carried out
    unknown = 5,      // carried out or not, nobody knows: for a person to settle
    dead = 6,         // the handler refused it, or attempts_max was reached: likewise
    discarded = 7,    // never to be carried out: a person said so
    compensated = 8,  // it was, or may have been, carried out, and was undone
};
std::string_view to_string(effect_state state) noexcept;
std::optional<effect_state> parse_effect_state(std::string_view text) noexcept;

struct effect_info {
    uuid id;
    uuid event;
    std::string name;
    std::uint32_t index = 0;  // among those of its name and event
    std::string payload;      // empty once it is done, discarded or compensated
    std::string content_type;
    std::string order_key;
    idem::delivery delivery = delivery::at_least_once;
    effect_state state = effect_state::due;
    std::uint64_t attempt = 0;   // the last one's number; rises for ever
    std::uint32_t attempts = 0;  // since it was declared or resumed
    std::uint32_t attempts_max = 0;
    timestamp declared;
    timestamp due;           // of those that are due or failed
    timestamp leased_until;  // of those that are attempted
    timestamp finished;      // log time
    std::string result;      // of one that is done
    std::string reason;      // why it failed, is dead, unknown, discarded, compensated
};

struct effect_stats {
    std::uint64_t due = 0;
    std::uint64_t attempted = 0;
    std::uint64_t failed = 0;
    std::uint64_t done = 0;
    std::uint64_t unknown = 0;
    std::uint64_t dead = 0;
    std::uint64_t discarded = 0;
    std::uint64_t compensated = 0;
    std::uint64_t payload_bytes = 0;
    std::uint64_t result_bytes = 0;
    std::uint64_t table_bytes = 0;       // on disk
    std::optional<timestamp> next = {};  // when the next one is due, or a lease is over
};

// ---- carrying them out

// One attempt, as a handler is given it. That it is made was on disk before.
struct effect_delivery {
    uuid id;  // give it to the other side as its idempotency key: the same in every attempt
    uuid event;
    std::string name;
    std::uint32_t index = 0;
    std::uint64_t attempt = 0;  // its number, from 1; no two attempts have the same
    std::string payload;
    std::string content_type;
    std::string order_key;
    timestamp leased_until;  // wall clock; who answers after another has taken over is not heard
};

// What became of an attempt.
struct effect_outcome {
    // `result`: any bytes; those beyond limits::result_bytes_max are cut off.
    static effect_outcome done(std::string result = {});
    // It was not carried out: again, after the backoff or `after`.
    static effect_outcome retry(std::string reason,
                                std::optional<std::chrono::milliseconds> after = {});
    static effect_outcome fail(std::string reason);  // it never will be: dead at once
    // Maybe it was carried out, as after a timeout; a throw says the same. `delivery` tells what
    // follows: a retry, `unknown`, or a probe before the next attempt.
    static effect_outcome unknown(std::string reason);

    enum class kind : std::uint8_t { done, retry, fail, unknown };
    kind what = kind::done;
    std::string text = {};  // result or reason
    std::optional<std::chrono::milliseconds> after = {};
};

using effect_handler = std::function<effect_outcome(const effect_delivery&)>;

// Called once for each attempt, when what became of it is on disk.
struct effect_answer {
    const effect_delivery& delivery;
    const effect_outcome& outcome;
    bool fenced = false;                      // another has taken over: the answer changed nothing
    effect_state state = effect_state::done;  // of the effect, where it was not fenced
};

// Called for an effect that no further attempt is made of, and that is left to a person: it is
// `unknown` or dead from now on, which is on disk, for its last attempt was left without an answer.
struct effect_given_up {
    uuid id;
    std::string name;
    std::uint64_t attempt = 0;  // the last one's number
    effect_state state = effect_state::unknown;
    std::string reason;
};

struct dispatch_options {
    std::size_t limit = std::numeric_limits<std::size_t>::max();  // attempts
    std::chrono::milliseconds lease = std::chrono::seconds(30);   // for one attempt
    std::vector<std::string> names = {};                          // of effects; empty: all
    // Of effects with probe_then_retry: whether the attempt before was carried out. Without it, or
    // where it answers `unknown`, they are for a person to settle; where it throws, they are tried
    // again later.
    std::function<probe_answer(const effect_delivery&)> probe = {};
    std::function<void(const effect_answer&)> answered = {};    // a throw ends the dispatch
    std::function<void(const effect_given_up&)> given_up = {};  // likewise
    std::stop_token stop = {};                                  // between two attempts
};

struct dispatch_counts {
    std::uint64_t attempts = 0;  // deliveries to the handler or the probe
    std::uint64_t done = 0;
    std::uint64_t failed = 0;   // to be tried again
    std::uint64_t dead = 0;     // also those whose last lease was over without an answer
    std::uint64_t unknown = 0;  // likewise
    std::uint64_t fenced = 0;   // answers that came too late
};

struct effect_filter {
    std::optional<effect_state> state = {};
    std::string name = {};  // empty: every one
    uuid after = {};        // in the order of their ids, from behind it
    std::size_t limit = 1000;
};

struct effect_sweep_options {
    std::size_t limit = 1000;                                     // rows in one commit
    std::chrono::milliseconds keep = std::chrono::hours(24 * 7);  // in log time
};
struct effect_sweep_result {
    std::uint64_t forgotten = 0;
    bool more = false;  // the limit was met: sweep again
};

// The effects of a store; see store::effects(). Any thread; any number of dispatchers in any number
// of threads and processes, of which one at a time has the lease on an effect.
// What runs or dispatches here must have returned before the store ends.
class effects {
public:
    // Gives what is due, the longest due first, to `handler`, in this thread, until nothing is.
    // The answer to one attempt and the lease for the next share a commit.
    dispatch_counts dispatch(const effect_handler& handler, const dispatch_options& options = {});

    // The same, and waits for what becomes due, whoever declares it, until a stop is requested or
    // the limit is met.
    dispatch_counts run(const effect_handler& handler, const dispatch_options& options);

    std::optional<effect_info> find(const uuid& id) const;
    // Those that are dead or unknown are found at once; other filters pass over all rows.
    std::vector<effect_info> list(const effect_filter& filter = {}) const;
    effect_stats stats() const;

    // By a person. Each throws not_found, invalid_input where the state does not allow it, busy
    // while somebody has a lease.
    void resume(const uuid& id, std::string_view reason);      // what waits or stands still
    void discard(const uuid& id, std::string_view reason);     // what is not finished
    void mark_done(const uuid& id, std::string_view result);   // likewise
    void compensate(const uuid& id, std::string_view reason);  // done, unknown, dead

    // Lets go of the rows of effects that were finished long ago, a bounded step at a time. None of
    // them can be declared again, for the log knows its id for ever.
    effect_sweep_result sweep(const effect_sweep_options& options = {});

    class impl;
    explicit effects(impl& i) noexcept : impl_(i) {}

private:
    impl& impl_;
};

}  // namespace idem
