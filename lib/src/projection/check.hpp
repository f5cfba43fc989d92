// Whether rows that are kept are what the code makes of the events.
#pragma once

#include <string>
#include <vector>

#include "projection/runner.hpp"

namespace idem {

// As store::check_projection().
std::vector<std::string> rows_kept_otherwise(const event_source& source, const projection& p,
                                             std::size_t sample, unsigned threads);

}  // namespace idem
