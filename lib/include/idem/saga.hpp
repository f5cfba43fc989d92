// What a saga is: named steps at places that share no transaction, each with an action and with
// what undoes it.
//
// The contract of the functions. They run outside of any transaction, one at a time of a saga, and
// after a crash or a lost answer once more with the same `key`: give it to the other side as its
// idempotency key, or look there first (`probe`). A compensation runs for every step whose action
// began, whether it is known to have worked or not: it undoes what is there, and does no harm where
// there is nothing. Where a lease has run out an attempt may still be under way while others go on:
// if it matters, let the compensation leave a mark, and the action look for it.
//
// Inputs and results of steps stand in the clear in the log, and are not erased: no personal data.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "idem/event.hpp"
#include "idem/uuid.hpp"

namespace idem {

enum class saga_state : std::uint8_t {
    running = 1,
    compensating = 2,
    stuck = 3,  // waits for a person, who resumes it, skips the step or aborts it
    completed = 4,
    compensated = 5,
};
std::string_view to_string(saga_state state) noexcept;  // "compensating"
std::optional<saga_state> parse_saga_state(std::string_view text) noexcept;

// Of an action, and of a compensation.
enum class step_state : std::uint8_t {
    waiting = 0,
    begun = 1,  // under way, or to be tried again: whether it worked is not known
    done = 2,
    failed = 3,
    skipped = 4,  // by a person
};
std::string_view to_string(step_state state) noexcept;

// How an attempt ended. What a function throws counts as retry().
struct step_result {
    enum class kind : std::uint8_t { done, retry, fail };
    kind how = kind::done;
    std::string text = {};  // of done: the result, up to limits::result_bytes_max; else the reason

    static step_result done(std::string result = {}) { return {kind::done, std::move(result)}; }
    // Not now, or not known: it is tried again, up to attempts_max.
    static step_result retry(std::string reason) { return {kind::retry, std::move(reason)}; }
    // No attempt will work. Of the action at the point of no return it also says: nothing happened.
    static step_result fail(std::string reason) { return {kind::fail, std::move(reason)}; }
};

// What a function is told. One attempt has it, in one thread.
struct step_context {
    std::string saga;   // its id
    std::string step;   // its name
    std::string input;  // of the saga
    // The same in each attempt, in every process, and in a restored copy of the store: UUIDv5 of
    // the saga, the step, and "action" or "compensation".
    uuid key = {};
    std::uint32_t attempt = 1;
    std::uint64_t fence = 0;                 // rises with each lease of the saga
    step_state action = step_state::begun;   // for a compensation: what is known of the action
    std::optional<timestamp> deadline = {};  // of the step, or of the saga if that is sooner
    std::map<std::string, std::string, std::less<>> results = {};  // of the steps that are done
    std::vector<event> events = {};
    // Takes the lease for its full length again, from now; false: another has it, stop.
    std::function<bool()> renew = {};

    // Events that join the log in the commit that says `done`, and else not at all.
    void append(event e) { events.push_back(std::move(e)); }
    // Throws not_found where that step is not done.
    const std::string& result(std::string_view step) const;
};

// How long to wait before another attempt: twice as long each time.
struct step_backoff {
    std::chrono::milliseconds first = std::chrono::seconds(1);
    std::chrono::milliseconds longest = std::chrono::minutes(5);
};

struct saga_step {
    using function = std::function<step_result(step_context&)>;

    std::string name = {};
    function action = {};
    function compensation = {};  // may be empty: there is nothing to undo
    // Asked instead of the action from the second attempt on: how it ended, or nullopt, and then
    // the action runs again.
    std::function<std::optional<step_result>(step_context&)> probe = {};
    std::uint32_t attempts_max = 5;  // of the action, and of the compensation
    step_backoff backoff = {};
    // From the first attempt on; 0: none. After it no attempt is begun; one that is under way may
    // still be done.
    std::chrono::milliseconds timeout{0};
    // Once it is done nothing is undone: a later failure is tried again, and then stuck. If nobody
    // knows whether it is done, the saga is stuck. It has no compensation.
    bool point_of_no_return = false;
};

// Raise the version when steps change: a saga goes on with the version that it was started with.
struct saga_definition {
    std::string name = {};
    std::uint32_t version = 1;
    std::vector<saga_step> steps = {};     // 1 to limits::saga_steps_max, of different names
    std::chrono::milliseconds timeout{0};  // from the start on; then it is undone. 0: none
};

// A saga of the same id, name and input is the same saga, whatever its version.
enum class start_outcome : std::uint8_t {
    started,
    known,     // it was started before
    mismatch,  // the id is that of another saga, or of the same with another input
};
std::string_view to_string(start_outcome outcome) noexcept;

struct saga_start {
    start_outcome outcome = start_outcome::started;
    saga_state state = saga_state::running;
};

}  // namespace idem
