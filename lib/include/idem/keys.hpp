// Idempotency keys: a command that comes again gets its first answer, and its work is not done
// twice. Results stand in the clear in the log, and are not erased: no personal data.
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "idem/append.hpp"
#include "idem/event.hpp"
#include "idem/lease.hpp"
#include "idem/transaction.hpp"

namespace idem {

// Whose key it is, and for what: the same key in two scopes is two keys. Neither may be empty.
struct key_scope {
    std::string owner;
    std::string operation;
};

// What the work is asked to do, as far as two askings must agree: its fields, in any order. Leave
// out what may differ between a request and its retry, such as the time at which it was sent.
class request {
public:
    request() = default;
    // The members of a JSON object but for those left out. Values are compared as RFC 8785 does.
    // Throws invalid_input.
    static request json(std::string_view object, const std::vector<std::string>& leave_out = {});

    // Text is UTF-8; else throws invalid_input. Decimals go in as text, or by json(): as floating
    // point they may differ between two askings that mean the same.
    request& with(std::string_view field, std::string_view value) &;
    request& with(std::string_view field, const char* value) & {
        return with(field, std::string_view(value));
    }
    request& with(std::string_view field, std::integral auto value) & {
        if constexpr (std::same_as<decltype(value), bool>) {
            return with_json(field, value ? "true" : "false");
        } else {
            return with_json(field, std::to_string(value));
        }
    }
    request& with(std::string_view field, std::nullptr_t) & = delete;
    request& with(std::string_view field, std::floating_point auto) & = delete;
    request& with(std::string_view field, std::floating_point auto) && = delete;
    request with(std::string_view field, const auto& value) && requires requires(request& r) {
        r.with(field, value);
    }
    { return std::move(with(field, value)); }

    using fingerprint_bytes = std::array<std::uint8_t, 16>;
    fingerprint_bytes fingerprint() const;  // BLAKE2b

private:
    request& with_json(std::string_view field, std::string value);
    std::map<std::string, std::string, std::less<>> fields_;  // canonical JSON
};

// Both in log time, which is that of the newest event: while nothing is appended, nothing expires.
// An event that is appended under a clock that is ahead moves log time ahead for ever.
struct key_options {
    // How long the result is kept; then the key answers `expired`.
    std::chrono::milliseconds keep_result = std::chrono::hours(24);
    // How long it answers so; then `too_old`. Never shorter than keep_result.
    std::chrono::milliseconds horizon = std::chrono::hours(24 * 30);
};

// What the work of `once` gives back: a result, or a rejection that is as final as a result.
struct command_result {
    std::string value = {};  // any bytes, up to limits::result_bytes_max
    bool rejected = false;

    command_result(std::string v = {}) : value(std::move(v)) {}  // NOLINT: the conversion is meant
    command_result(const char* v) : value(v) {}                  // NOLINT
    static command_result reject(std::string why) {
        command_result r(std::move(why));
        r.rejected = true;
        return r;
    }
};

struct key_info {
    std::string id;  // 32 hexadecimal digits: the hash of scope and key
    key_scope scope;
    std::string key;  // empty, like the scope, once the result has expired
    key_state state = key_state::running;
    std::uint64_t fence = 0;
    std::uint32_t attempts = 0;
    std::uint32_t attempts_max = 0;
    timestamp started;
    timestamp leased_until;
    std::string point;
    std::string calling;
    std::string result;
    std::vector<uuid> events;  // that were appended with the result
    std::string reason;
    timestamp finished;
    timestamp expires;
    timestamp horizon;
};

struct key_stats {
    std::uint64_t running = 0;
    std::uint64_t abandoned = 0;
    std::uint64_t in_doubt = 0;
    std::uint64_t dead = 0;
    std::uint64_t completed = 0;
    std::uint64_t rejected = 0;
    std::uint64_t expired = 0;
    std::uint64_t result_bytes = 0;
    std::uint64_t table_bytes = 0;  // on disk
};

struct sweep_options {
    std::size_t limit = 1000;                            // rows of each kind in one commit
    std::optional<std::uint64_t> result_bytes_max = {};  // beyond it the oldest results go first
};
struct sweep_result {
    std::uint64_t expired = 0;    // results that were let go as their time is over
    std::uint64_t evicted = 0;    // or for the sake of result_bytes_max
    std::uint64_t forgotten = 0;  // keys beyond their horizon that bear their own time
    bool more = false;            // something may be left: sweep again
};

// The keys of a store; see store::keys(). Any thread.
class keys {
public:
    // Runs `work` inside one write transaction, and stores its result with its events in the same
    // commit; or answers with what is stored. A throw is passed on, and nothing is stored: the next
    // call runs the work. Key: 1 to limits::key_bytes_max bytes of UTF-8.
    using command = std::function<command_result(transaction&)>;
    key_answer once(const key_scope& scope, std::string_view key, const request& asked,
                    const command& work, const key_options& options = {});

    // For work that leaves the process: the answer has a lease where the outcome is `granted`.
    // Throws busy where others keep taking the key over while it is probed.
    claimed claim(const key_scope& scope, std::string_view key, const request& asked,
                  const claim_options& options = {});

    std::optional<key_info> find(const key_scope& scope, std::string_view key) const;
    std::optional<key_info> find(std::string_view id) const;
    // In the order of their ids, from behind `after`; those in `state`, or all.
    std::vector<key_info> list(std::optional<key_state> state = {}, std::string_view after = {},
                               std::size_t limit = 1000) const;

    // By a person, for one that is dead or in doubt. Throws not_found, invalid_input; busy while
    // somebody has a lease on it.
    void resume(std::string_view id, std::string_view reason);    // the next claim goes on
    void discard(std::string_view id, std::string_view reason);   // rejected for good
    void complete(std::string_view id, std::string_view result);  // the work turned out to be done

    // Lets go of what has expired, a bounded step at a time. A key is never taken for a new one:
    // its hash stays, unless the key is a UUIDv7, whose own time then tells that it is too old.
    // A step keeps all writers waiting: who repeats it rests between, longer than it took.
    sweep_result sweep(const sweep_options& options = {});
    key_stats stats() const;

    class impl;
    explicit keys(impl& i) noexcept : impl_(i) {}

private:
    impl& impl_;
};

}  // namespace idem
