// Work that leaves the process under an idempotency key: who has a lease on it goes on where the
// one before it stopped, and one at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "idem/append.hpp"
#include "idem/event.hpp"

namespace idem {

enum class key_state : std::uint8_t {
    running = 1,    // somebody has, or had, a lease
    abandoned = 2,  // given back without a result: the next claim goes on
    in_doubt = 3,   // an external call was under way when its lease ended
    dead = 4,       // attempts_max was reached
    completed = 5,
    rejected = 6,
    expired = 7,  // only the key is left
};
std::string_view to_string(key_state state) noexcept;  // "in_doubt"
std::optional<key_state> parse_key_state(std::string_view text) noexcept;

enum class key_outcome : std::uint8_t {
    completed,     // the work is done; `replayed` says if by an earlier call
    rejected,      // it was refused for good; likewise
    granted,       // claim: the work is yours
    key_mismatch,  // the key is known with another request
    in_progress,   // somebody has a lease on it until `leased_until`
    unknown,       // an external call was under way when a lease ended: done or not?
    dead,          // attempts_max was reached; a person resumes or discards it
    expired,       // it was done, and its result has been let go of
    too_old,       // likewise, and so long ago that the horizon lies behind
    fenced,        // of a lease: another has taken over, or the work is finished
    not_appended,  // its events were rejected (see `rejection`) and nothing was stored
};
std::string_view to_string(key_outcome outcome) noexcept;

struct key_answer {
    key_outcome outcome = key_outcome::completed;
    bool replayed = false;
    std::string result = {};             // of completed and rejected
    std::vector<receipt> receipts = {};  // of the events appended with the result
    std::optional<idem::rejection> rejection = {};
    // dead: why; unknown: the call that was under way; key_mismatch, expired, too_old: what to do.
    std::string reason = {};
    timestamp leased_until = {};  // wall clock

    // The work was done, now or before.
    bool completed() const noexcept { return outcome == key_outcome::completed; }
};

class transaction;

// What a probe found out about an external call.
enum class probe_answer : std::uint8_t { done, not_done, unknown };

struct claim_options {
    std::chrono::milliseconds lease = std::chrono::seconds(30);
    std::uint32_t attempts_max = 5;  // leases, after which the key is dead
    std::chrono::milliseconds keep_result = std::chrono::hours(24);  // as key_options
    std::chrono::milliseconds horizon = std::chrono::hours(24 * 30);
    // Where an external call was under way when a lease ended: answer `unknown`, and leave it to a
    // person; or grant a lease, so that the call is made again with the same downstream_key().
    bool retry_unknown = false;
    // Or ask first, outside of any transaction; on `not_done` the lease is granted as if the call
    // had not begun, on `done` with call_was_done(), on `unknown` what retry_unknown says. But for
    // `not_done` the call stays in doubt until a checkpoint: if this holder is lost as well, the
    // next claim asks anew.
    std::function<probe_answer(std::string_view call, const uuid& downstream_key)> probe = {};
};

// A right to work on a key. It does not end with the object, which is as good as a crash: the lease
// runs out, and the next claim takes over. One thread at a time.
// It must end before its store does.
class lease {
public:
    std::uint64_t fence() const noexcept;       // rises with each lease of the key
    std::uint32_t attempt() const noexcept;     // from 1
    const std::string& point() const noexcept;  // the last checkpoint, of whichever lease
    const std::string& data() const noexcept;
    bool call_was_done() const noexcept;  // as the probe found out

    // A name for an external call that is the same in every attempt: give it to the other side as
    // its idempotency key. UUIDv5 of the key's hash and the call's name.
    uuid downstream_key(std::string_view call) const;

    // Each is on disk when it returns. `fenced`: another has taken over; stop. Else `granted`.
    // Before an external call, and after it, however it ended. A lease that ends between the two,
    // by time or by abandon(), leaves the call in doubt. Names are UTF-8 of up to 255 bytes.
    key_outcome calling(std::string_view call);
    key_outcome checkpoint(std::string_view point, std::string_view data = {});
    key_outcome renew(std::chrono::milliseconds length);

    // Ends the work: stores the result with the events in one commit. Outcomes: completed or
    // rejected; fenced; not_appended, and the lease is as it was.
    key_answer complete(std::string_view result, std::span<const event> events = {});
    // The same; `work` appends the events, and declares their effects (idem/transaction.hpp).
    key_answer complete_with(std::string_view result,
                             const std::function<void(transaction&)>& work);
    key_answer reject(std::string_view why, std::span<const event> events = {});
    key_outcome abandon(std::string_view reason);  // the next claim need not wait: `granted`

    class impl;
    explicit lease(std::shared_ptr<impl> i) noexcept : impl_(std::move(i)) {}

private:
    std::shared_ptr<impl> impl_;
};

struct claimed : key_answer {
    std::optional<idem::lease> lease = {};
};

}  // namespace idem
