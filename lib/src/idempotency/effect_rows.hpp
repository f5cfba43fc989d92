// The rows of the table `effects` (schemas/commands.fbs): each effect, the order in which they are
// due, and the queue of each order key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands_generated.h"
#include "idem/effects.hpp"
#include "idempotency/reserved.hpp"

namespace idem {

using effect_row = wire::EffectRowT;
using effect_sums = wire::EffectSumsT;

inline constexpr std::string_view effect_rows_prefix = "e";
inline constexpr std::string_view effect_sums_key = "s";
std::string effect_row_key(const uuid& id);
std::string standing_prefix(effect_state state);  // of those that are unknown, or dead

uuid read_effect_id(std::string_view bytes) noexcept;  // the last 16 of them

inline effect_state state_of(const effect_row& row) noexcept {
    return static_cast<effect_state>(row.state);
}
inline bool is_waiting(effect_state state) noexcept {
    return state == effect_state::due || state == effect_state::attempted ||
           state == effect_state::failed;
}
inline bool stands_still(effect_state state) noexcept {
    return state == effect_state::unknown || state == effect_state::dead;
}
inline bool is_finished(effect_state state) noexcept {
    return !is_waiting(state) && !stands_still(state);
}
// When something is to happen to one that waits.
inline std::uint64_t due_time(const effect_row& row) noexcept {
    return state_of(row) == effect_state::attempted ? row.leased_until : row.due;
}

std::optional<effect_row> find_effect(const reserved_rows& rows, const uuid& id);

// Puts a row in the place of another, or of none, and keeps sums, orders and queue in step.
void write_effect(reserved_rows& rows, const uuid& id, const effect_row* before,
                  const effect_row& after);

struct due_effect {
    std::uint64_t time = 0;
    std::uint64_t sequence = 0;
    uuid id;

    friend auto operator<=>(const due_effect&, const due_effect&) = default;
};
// Those whose time has come and whose turn it is, the longest due first; of these names, or of all.
// Last come those under a lease that nobody can have been granted (lease_time.hpp), which of those
// that end first are looked for among `limit`.
std::vector<due_effect> find_due(const storage::transaction& txn, storage::table table,
                                 const std::vector<std::string>& names, std::uint64_t now_ms,
                                 std::size_t limit);
// When the first of those that wait is due: `now_ms` where it is by such a lease.
std::optional<std::uint64_t> next_due_time(const storage::transaction& txn, storage::table table,
                                           const std::vector<std::string>& names,
                                           std::uint64_t now_ms);
// The one whose turn comes when the first of a queue is finished.
std::optional<uuid> second_in_queue(const reserved_rows& rows, std::string_view order_key);

struct sweep_until {
    std::uint64_t time = 0;
    std::uint64_t limit = 0;
};
std::vector<uuid> find_swept_effects(reserved_rows rows, const sweep_until& bounds);
void forget_effect(reserved_rows& rows, const uuid& id);

}  // namespace idem
