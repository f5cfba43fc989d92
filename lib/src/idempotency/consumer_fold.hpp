// Consumers and sources as a fold of the stream "$consumers". Each event names its consumer by
// `name`, or its source by `source`. What changes checkpoint and state names the event that set
// them before as `after`, and has no effect where that was another: of two who go on from the same
// state one does.
//
//     idem.ConsumerCreated   name, stream, types, tags, correlation, reserved, start, from, limit,
//                            event, at
//     idem.ConsumerAdvanced  name, after, position, event, delivered, state, events, fence,
//                            leased_until, at
//     idem.ConsumerReset     name, after, position, event, state, reason
//     idem.ConsumerDropped   name, after
//     idem.ConsumerLeased    name, holder, fence, leased_until
//     idem.ConsumerReleased  name, fence
//     idem.SourceIngested    source, position, events, at
//     idem.SourceReset       source, position, reason
//
// `position` of a consumer is for people: the checkpoint is at `event`. Times are milliseconds
// since 1970.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands_generated.h"
#include "idem/uuid.hpp"
#include "idempotency/reserved.hpp"

namespace idem {

using consumer_row = wire::ConsumerRowT;
using source_row = wire::SourceRowT;

inline constexpr std::string_view consumers_stream = "$consumers";
inline constexpr std::string_view consumer_rows_prefix = "c";
inline constexpr std::string_view source_rows_prefix = "s";

uuid id_in(const std::vector<std::uint8_t>& bytes) noexcept;  // nil where there is none

class consumer_fold final : public reserved_fold {
public:
    std::string_view stream() const noexcept override { return consumers_stream; }
    std::string_view table() const noexcept override { return "consumers"; }
    bool is_work() const noexcept override { return true; }
    std::uint32_t version() const noexcept override { return 1; }
    std::optional<std::string> fault_of(std::string_view type,
                                        std::string_view data) const override;
    void apply(const event_view& e, reserved_rows& rows) const override;
};

}  // namespace idem
