// Ways for two stores to sync.
#pragma once

#include <idem/sync.hpp>
#include <optional>

namespace notes {

enum class way {
    together,    // both are open in this process
    line,        // each at its end of a socket, as two machines are
    broken_line  // which is cut as soon as an event has got through
};

// Nothing: it was broken off.
std::optional<idem::sync_result> sync(idem::store& here, idem::store& there, way by);

}  // namespace notes
