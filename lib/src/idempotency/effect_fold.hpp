// Effects as a fold of the stream "$effects". A declaration's own id is the effect's; each other
// event names it by `effect`, and the attempt by `fence`:
//
//     idem.EffectDeclared     event, name, index, payload, content_type, order_key, delivery,
//                             attempts_max, backoff_first, backoff_max, delay
//     idem.EffectAttempted    fence, leased_until
//     idem.EffectDone         fence, result, at
//     idem.EffectFailed       fence, reason, due, in_doubt
//     idem.EffectDead         fence, reason
//     idem.EffectUnknown      fence, reason
//     idem.EffectResumed      fence, reason, due
//     idem.EffectDiscarded    fence, reason, at
//     idem.EffectCompensated  fence, reason, at
//     idem.EffectsSwept       until, limit
//
// Times are milliseconds since 1970. When an effect is due at first follows from the time of its
// declaration, which is not content, so that the same declaration is a duplicate at any time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "idem/effect.hpp"
#include "idempotency/reserved.hpp"

namespace idem {

inline constexpr std::string_view effects_stream = "$effects";

class effect_fold final : public reserved_fold {
public:
    std::string_view stream() const noexcept override { return effects_stream; }
    std::string_view table() const noexcept override { return "effects"; }
    bool is_work() const noexcept override { return true; }
    std::uint32_t version() const noexcept override { return 1; }
    std::optional<std::string> fault_of(std::string_view type,
                                        std::string_view data) const override;
    void apply(const event_view& e, reserved_rows& rows) const override;
};

// The event that declares an effect of that event. Throws invalid_input where it breaks a limit.
event declare_effect(const uuid& event_id, const effect& e, std::uint32_t index, timestamp now);

}  // namespace idem
