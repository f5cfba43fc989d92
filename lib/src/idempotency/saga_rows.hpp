// The rows of the table `sagas` (schemas/commands.fbs).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/blake2b.hpp"
#include "commands_generated.h"
#include "idem/saga.hpp"
#include "idempotency/reserved.hpp"

namespace idem {

using saga_row = wire::SagaRowT;
using saga_step_row = wire::SagaStepT;
using saga_sums = wire::SagaSumsT;

inline constexpr std::string_view saga_rows_prefix = "g";
inline constexpr std::string_view saga_sums_prefix = "n";
std::string saga_row_key(std::string_view id);
std::string saga_sums_key(std::string_view name, std::uint32_t version);
// Of the order by due time of one definition, by state, and by time of the end.
std::string due_prefix(std::string_view name, std::uint32_t version);
std::string state_prefix(saga_state state);

struct due_saga {
    std::uint64_t due = 0;
    std::string id;
};
// The first key of that order that may be due then.
std::string encode_due(std::string_view prefix, std::uint64_t due);
// What a key of the order by due time says, behind its prefix.
due_saga decode_due(std::string_view rest);

blake2b::digest saga_fingerprint(std::string_view name, std::string_view input);

inline saga_state state_of(const saga_row& row) noexcept {
    return static_cast<saga_state>(row.state);
}
inline bool is_finished(const saga_row& row) noexcept {
    return state_of(row) == saga_state::completed || state_of(row) == saga_state::compensated;
}
inline bool is_open(const saga_row& row) noexcept {  // a runner may drive it
    return state_of(row) == saga_state::running || state_of(row) == saga_state::compensating;
}
inline step_state action_of(const saga_step_row& step) noexcept {
    return static_cast<step_state>(step.action);
}
inline step_state compensation_of(const saga_step_row& step) noexcept {
    return static_cast<step_state>(step.compensation);
}
inline bool is_settled(step_state state) noexcept {
    return state == step_state::done || state == step_state::skipped;
}

// The step whose action is under way, waits or has failed; nullopt: none of those begun.
std::optional<std::size_t> step_at(const saga_row& row) noexcept;
// The step that is to be undone next.
std::optional<std::size_t> step_to_undo(const saga_row& row) noexcept;
// Its point of no return lies behind.
bool past_return(const saga_row& row) noexcept;
// It is under way there, or has failed there.
bool at_return(const saga_row& row) noexcept;
// May be turned to compensation by a person.
bool may_abort(const saga_row& row) noexcept;

// Puts a row in the place of another, or of none, and keeps sums and orders in step.
void write_saga(reserved_rows& rows, std::string_view id, const saga_row* before,
                const saga_row& after);

// The ids of the finished sagas, oldest first, whose input and results go.
std::vector<std::string> find_swept_sagas(const reserved_rows& rows, std::uint64_t until,
                                          std::uint64_t limit);
void sweep_saga(reserved_rows& rows, std::string_view id);

}  // namespace idem
