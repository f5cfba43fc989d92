// Checks what the store keeps of its projections.
#pragma once

#include <cstdint>

#include "idem/verify.hpp"
#include "log/verify_log.hpp"
#include "projection/runner.hpp"

namespace idem {

// Checkpoints against the log, rows against their digest and, for the projections given, against a
// replay.
void verify_projections(const event_source& source, std::uint64_t head,
                        const verify_options& options, finding_list& found);

}  // namespace idem
