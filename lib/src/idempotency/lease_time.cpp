#include "idempotency/lease_time.hpp"

#include <fmt/format.h>

#include "idem/error.hpp"

namespace idem {

void check_lease_length(std::chrono::milliseconds length) {
    if (length.count() > 0 && length <= longest_lease) return;
    throw error(errc::invalid_input,
                fmt::format("a lease of {} ms: give 1 ms to a year", length.count()),
                {.field = "lease"});
}

}  // namespace idem
