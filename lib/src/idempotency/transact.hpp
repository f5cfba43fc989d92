// Runs functions inside the write transaction of their own append.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "idem/store_options.hpp"
#include "idem/transaction.hpp"
#include "idempotency/reserved.hpp"
#include "log/appender.hpp"
#include "projection/runner.hpp"

namespace idem {

// Throws invalid_input: what callers append in a transaction is none of the store's own events.
void refuse_own_streams(std::span<const event> events);

// What a transaction sees, and what it is to append.
class transaction::state {
public:
    state(const open_log& l, const event_source& s, const reserved_tables& t, const read_row& r,
          std::shared_ptr<const registered_schemas> k, timestamp now_)
        : log(l),
          source(s),
          reserved(t),
          row(r),
          known(std::move(k)),
          now(now_),
          now_ms(wall_clock::milliseconds_of(now)) {}

    // Milliseconds since 1970: when the newest event was appended; when that is for those that are
    // appended now; what the clock says.
    std::uint64_t log_ms() const noexcept { return log.head.clock >> 16; }
    std::uint64_t at_ms() const noexcept { return std::max(log_ms(), now_ms); }

    const open_log& log;
    const event_source& source;
    const reserved_tables& reserved;
    const read_row& row;
    const std::shared_ptr<const registered_schemas> known;
    const timestamp now;
    const std::uint64_t now_ms;
    std::vector<event> events;
    uuid is_sound = uuid::nil();  // one of them, that whoever made it vouches for
    std::vector<event> declared;  // effects, to be appended behind the events
    std::map<std::pair<uuid, std::string>, std::uint32_t> effects_of;  // event and name
};

// Any thread.
class transactor {
public:
    transactor(event_source source, appender& writer, const reserved_tables& reserved, read_row row,
               wall_clock clock)
        : source_(std::move(source)),
          writer_(writer),
          reserved_(reserved),
          row_(std::move(row)),
          clock_(std::move(clock)) {}

    // Nothing is appended, and the result is empty, where `work` leaves no events.
    using work = std::function<void(transaction::state&)>;
    append_result run(const work& decide) const;

    // As the transaction would find it now.
    const event_source& source() const noexcept { return source_; }
    const wall_clock& clock() const noexcept { return clock_; }

private:
    const event_source source_;
    appender& writer_;
    const reserved_tables& reserved_;
    const read_row row_;
    const wall_clock clock_;
};

}  // namespace idem
