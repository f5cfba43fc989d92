// The sagas of a store: starting them, driving them, and looking after those that stand still.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "idem/saga.hpp"

namespace idem {

struct saga_step_info {
    std::string name;
    step_state action = step_state::waiting;
    step_state compensation = step_state::waiting;
    bool compensable = false;  // a compensation was registered as the action began
    bool point_of_no_return = false;
    std::uint32_t attempts = 0;
    std::uint32_t compensation_attempts = 0;
    std::string result;
    std::string reason;  // of the last failure, or of the person who skipped it
};

struct saga_info {
    std::string id;
    std::string name;  // of the definition
    std::uint32_t version = 1;
    saga_state state = saga_state::running;
    bool turned = false;  // to compensation, also where it is stuck since
    std::string input;
    std::vector<saga_step_info> steps;  // that have begun
    std::string reason;                 // why it turned, is stuck, or was resumed
    std::uint64_t fence = 0;
    timestamp started;
    std::optional<timestamp> leased_until;  // somebody is at work
    std::optional<timestamp> due;           // when a runner is to look at it; none: it rests
    std::optional<timestamp> deadline;
    std::optional<timestamp> finished;  // log time
    bool swept = false;                 // input and results were let go of

    // The step that it is at, or that it failed at; nullptr: none has begun, or it is finished.
    const saga_step_info* current() const noexcept;
};

struct saga_filter {
    std::optional<saga_state> state = {};
    std::optional<std::string> name = {};  // of the definition
    std::string after = {};                // those behind this id
    std::size_t limit = 1000;
};

struct saga_counts {
    std::string name;
    std::uint32_t version = 1;
    std::uint64_t running = 0;
    std::uint64_t compensating = 0;
    std::uint64_t stuck = 0;
    std::uint64_t completed = 0;
    std::uint64_t compensated = 0;
    std::uint64_t bytes = 0;  // of inputs and results

    std::uint64_t open() const noexcept { return running + compensating + stuck; }
};
struct saga_stats {
    saga_counts all;                   // name and version are empty
    std::vector<saga_counts> of_each;  // by definition
    std::uint64_t table_bytes = 0;     // on disk
};

struct saga_options {
    // How long a runner has a saga for one attempt. Another takes over after that; what the first
    // then reports is refused, and the attempt is made again under the same key.
    std::chrono::milliseconds lease = std::chrono::seconds(30);
};

// What a runner has done.
struct saga_run {
    std::uint64_t attempts = 0;  // of actions and compensations
    std::uint64_t completed = 0;
    std::uint64_t compensated = 0;
    std::uint64_t stuck = 0;
    std::uint64_t waiting = 0;  // for another attempt
    std::uint64_t fenced = 0;   // another took over meanwhile
    // Left alone: open sagas of definitions that were not given here, or that were given with other
    // steps than the saga has begun.
    struct left {
        std::string name;
        std::uint32_t version = 1;
        std::uint64_t open = 0;
        std::string reason;
    };
    std::vector<left> left_alone;
    std::optional<timestamp> next_due;  // of those that the definitions given can drive
};

struct saga_sweep_options {
    std::chrono::milliseconds keep = std::chrono::hours(24 * 30);  // behind the newest event
    std::size_t limit = 1000;                                      // sagas in one commit
};
struct saga_sweep_result {
    std::uint64_t swept = 0;
    bool more = false;  // the limit was met: sweep again
};

// See store::sagas(). Any thread. Ids are 1 to limits::name_bytes_max bytes of UTF-8 without
// control characters. Whoever drives or runs them must have returned before the store ends.
class sagas {
public:
    // On disk when it returns; a runner drives it. Input: any bytes up to limits::result_bytes_max.
    saga_start start(const saga_definition& definition, std::string_view id,
                     std::string_view input = {});

    // Drive sagas as far as they go now, in this thread: one, or all that are due. Any number of
    // threads and processes may do so; each saga is driven by one at a time. Faults of the store
    // are thrown, and the saga is taken up again once the lease is over. drive() throws not_found,
    // and invalid_input where the saga is of another definition.
    saga_info drive(const saga_definition& definition, std::string_view id,
                    const saga_options& options = {});
    saga_run run_due(std::span<const saga_definition> definitions,
                     const saga_options& options = {});
    // And on until a stop is requested, which ends it after the attempt under way: woken by
    // commits, of any process, and as sagas become due. Throws as run_due.
    saga_run run(std::span<const saga_definition> definitions, const saga_options& options,
                 std::stop_token stop);

    std::optional<saga_info> find(std::string_view id) const;
    std::vector<saga_info> list(const saga_filter& filter = {}) const;  // by id
    saga_stats stats() const;

    // By a person. Each throws not_found, busy while somebody is at work on it, and invalid_input
    // where there is nothing to do so with; a runner that comes late is fenced.

    // A stuck one goes on, with all its attempts before it; likewise one that waits for another
    // attempt, without waiting.
    void resume(std::string_view id, std::string_view reason);
    // The step that it is at, the action or the compensation, is taken to be settled: it goes on
    // behind it. With `step`, only if that is the one. Should the saga be undone later, the
    // compensation of a step whose action was skipped runs all the same.
    void skip_step(std::string_view id, std::string_view reason, std::string_view step = {});
    // It is undone, from the step that it is at. Not behind the point of no return. Never busy: the
    // compensation waits for the lease of whoever is at work.
    void abort(std::string_view id, std::string_view reason);

    // Lets go of inputs and results of finished sagas, the oldest first. That they were, and how
    // they ended, stays known.
    saga_sweep_result sweep(const saga_sweep_options& options = {});

    class impl;
    explicit sagas(impl& i) noexcept : impl_(i) {}

private:
    impl& impl_;
};

}  // namespace idem
