// Runs functions inside the write transaction of their own append.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "idem/store_options.hpp"
#include "idem/transaction.hpp"
#include "idempotency/reserved.hpp"
#include "log/appender.hpp"
#include "projection/runner.hpp"

namespace idem {

std::uint64_t wall_clock_ms();

// What a transaction sees, and what it is to append.
class transaction::state {
public:
    state(const open_log& l, const event_source& s, const read_row& r,
          std::shared_ptr<const registered_schemas> k, std::uint64_t now)
        : log(l), source(s), row(r), known(std::move(k)), now_ms(now) {}

    // Milliseconds since 1970: when the newest event was appended; when that is for those that are
    // appended now; what the clock says.
    std::uint64_t log_ms() const noexcept { return log.head.clock >> 16; }
    std::uint64_t at_ms() const noexcept { return std::max(log_ms(), now_ms); }

    const open_log& log;
    const event_source& source;
    const read_row& row;
    const std::shared_ptr<const registered_schemas> known;
    const std::uint64_t now_ms;
    std::vector<event> events;
};

// Any thread.
class transactor {
public:
    transactor(event_source source, appender& writer, const reserved_tables& reserved, read_row row,
               std::function<timestamp()> clock = {})
        : source_(std::move(source)),
          writer_(writer),
          reserved_(reserved),
          row_(std::move(row)),
          clock_(std::move(clock)) {}

    // Nothing is appended, and the result is empty, where `work` leaves no events.
    using work = std::function<void(transaction::state&)>;
    append_result run(const work& decide) const;

    // Milliseconds since 1970, by the clock that the store was opened with.
    std::uint64_t now_ms() const;

    // As the transaction would find it now.
    const event_source& source() const noexcept { return source_; }

private:
    const event_source source_;
    appender& writer_;
    const reserved_tables& reserved_;
    const read_row row_;
    const std::function<timestamp()> clock_;
};

}  // namespace idem
