// What each event does to the rows of a projection.
#pragma once

#include "idem/store.hpp"
#include "projection/runner.hpp"

namespace idem {

// As store::trace().
void trace_events(const event_source& source, const projection& p, std::uint64_t from,
                  unsigned threads, const visit_trace& visit);

}  // namespace idem
