// The rows of the table `keys` (schemas/COMMANDS.md), and what is let go of as time passes.
//
// The row of a finished key is in two parts. What stays for good stands under the key's hash, with
// rows of any age beside it; what goes with the result stands in an order of time. So a sweep,
// which lets go of the oldest, takes neighbours away, and touches no row among those that stay.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/blake2b.hpp"
#include "commands_generated.h"
#include "idem/keys.hpp"
#include "idempotency/reserved.hpp"

namespace idem {

using key_hash = blake2b::digest;
using key_row = wire::KeyRowT;  // whole, of both parts
using key_sums = wire::KeySumsT;

inline constexpr std::string_view key_rows_prefix = "k";
inline constexpr std::string_view key_sums_key = "s";
std::string key_row_key(const key_hash& hash);

inline key_state state_of(const key_row& row) noexcept {
    return static_cast<key_state>(row.state);
}
inline bool is_finished(const key_row& row) noexcept {
    return state_of(row) == key_state::completed || state_of(row) == key_state::rejected;
}
inline std::string_view view_of(const std::vector<std::uint8_t>& bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The row of a key, whole; or `expired`, where the part that goes has gone.
std::optional<key_row> read_key(const reserved_rows& rows, const key_hash& hash);
// The same, of the part that stays; and whether a key with that part may be in such a state.
key_row whole_key(const reserved_rows& rows, const key_hash& hash, key_row staying);
inline bool may_be(key_state state, const key_row& staying) noexcept {
    return state_of(staying) == state || (is_finished(staying) && state == key_state::expired);
}

// Whether a key of that scope that bears this time is one of those that were forgotten; time 0: it
// bears none, and so it is not.
bool is_forgotten_key(const reserved_rows& rows, std::string_view owner, std::string_view operation,
                      std::uint64_t made);

// Puts a row in the place of another that is open, or of none, and keeps sums and orders in step.
void write_key(reserved_rows& rows, const key_hash& hash, const key_row* before, key_row after);

// Milliseconds since 1970 of a UUIDv7; 0: it is none.
std::uint64_t time_of_key(std::string_view name) noexcept;

inline constexpr std::uint64_t sweep_limit_max = 10'000;

struct sweep_bounds {
    std::uint64_t until = 0;  // log time
    std::uint64_t limit = 0;  // of each kind
    std::optional<std::uint64_t> result_bytes_max = {};
};
// The part of a key's row that goes with its result.
struct kept_result {
    std::string place;  // key of the part
    key_hash hash{};
    key_state state = key_state::completed;
    std::uint64_t bytes = 0;      // of the result
    std::uint64_t expires = 0;    // log time
    std::uint64_t forget_at = 0;  // log time from which on the key is forgotten; 0: never
};
struct forgettable_key {
    std::string place;  // in the order by which keys are forgotten
    key_hash hash{};
};
// What a sweep lets go of.
struct swept_keys {
    std::vector<kept_result> expired;
    std::vector<kept_result> evicted;
    std::vector<forgettable_key> forgotten;
    bool more = false;  // or there may be: what expired may be forgotten next

    bool empty() const noexcept { return expired.empty() && evicted.empty() && forgotten.empty(); }
};
swept_keys find_swept(const reserved_rows& rows, const sweep_bounds& bounds);
void sweep_keys(reserved_rows& rows, const swept_keys& swept);

}  // namespace idem
