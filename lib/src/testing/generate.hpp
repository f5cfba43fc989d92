// Schedules made at random.
#pragma once

#include "idem/testing.hpp"

namespace idem::testing {

// Of events 1 to `events`. Every store has all of them at the end.
schedule generate(std::uint64_t seed, order which, std::size_t events);

// What is checked before: `which` of the checks, on all events in the order of the log.
schedule check_schedule(step_kind which, order declared, std::size_t events);

}  // namespace idem::testing
