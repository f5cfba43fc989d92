// From the options that choose events to the store's query.
#pragma once

#include "commands.hpp"
#include "idem/read.hpp"

namespace idem::cli {

// Throws invalid_input for a time that is none. A day alone is its beginning in UTC.
query to_query(const selection& chosen);

}  // namespace idem::cli
