// The rows of the table `keys` (schemas/commands.fbs), and what is let go of as time passes.
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
using key_row = wire::KeyRowT;
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

// Whether a key of that scope that bears this time is one of those that were forgotten; time 0: it
// bears none, and so it is not.
bool is_forgotten_key(const reserved_rows& rows, std::string_view owner, std::string_view operation,
                      std::uint64_t made);

// Puts a row in the place of another, or of none, and keeps sums and orders in step.
void write_key(reserved_rows& rows, const key_hash& hash, const key_row* before,
               const key_row& after);

// Milliseconds since 1970 of a UUIDv7; 0: it is none.
std::uint64_t time_of_key(std::string_view name) noexcept;

inline constexpr std::uint64_t sweep_limit_max = 10'000;

struct sweep_bounds {
    std::uint64_t until = 0;  // log time
    std::uint64_t limit = 0;  // of each kind
    std::optional<std::uint64_t> result_bytes_max = {};
};
// What a sweep lets go of.
struct swept_keys {
    std::vector<key_hash> expired;
    std::vector<key_hash> evicted;
    std::vector<key_hash> forgotten;
    bool more = false;  // or there may be: what expired may be forgotten next

    bool empty() const noexcept { return expired.empty() && evicted.empty() && forgotten.empty(); }
};
swept_keys find_swept(const reserved_rows& rows, const sweep_bounds& bounds);
void sweep_keys(reserved_rows& rows, const swept_keys& swept);

}  // namespace idem
