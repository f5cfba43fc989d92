// Idempotency keys as a fold of the stream "$keys". Each event names its key by `key`, the hash of
// scope and key in hexadecimal, and each that ends or prolongs a lease by `fence`:
//
//     idem.KeyClaimed    owner, operation, name, request, fence, attempts_max, leased_until, at,
//                        call: that is still in doubt
//     idem.KeyRenewed    fence, leased_until
//     idem.KeyCalling    fence, call
//     idem.KeyReached    fence, point, data
//     idem.KeyFinished   as KeyClaimed; rejected, result, events, at, expires, horizon
//     idem.KeyAbandoned  fence, reason
//     idem.KeyInDoubt    fence
//     idem.KeyDied       fence, reason
//     idem.KeyResumed    fence, reason
//     idem.KeysSwept     until, limit, result_bytes_max
//
// Times are milliseconds since 1970. A sweep reaches no further than the log time at which its
// event was taken in, whatever it says: `until` was log time when it was written, so that what an
// honest store has written is earlier, and what an import brings forgets nothing ahead of time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "idempotency/reserved.hpp"

namespace idem {

class key_fold final : public reserved_fold {
public:
    std::string_view stream() const noexcept override { return "$keys"; }
    std::string_view table() const noexcept override { return "keys"; }
    std::uint32_t version() const noexcept override { return 3; }
    bool has_tail() const noexcept override { return true; }
    std::optional<std::string> fault_of(std::string_view type,
                                        std::string_view data) const override;
    void apply(const event_view& e, reserved_rows& rows) const override;
};

// What it would give is behind the log: the rows are in the hand of reserved_tables.
reserved_rows open_reserved(const open_log& log, const key_fold& fold) = delete;

}  // namespace idem
