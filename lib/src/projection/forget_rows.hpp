// Leaving out of a copy all that projections have made of the log.
#pragma once

#include "storage/storage.hpp"

namespace idem {

// Of an environment that nobody else has open: rows, rows in the making, checkpoints, snapshots.
// The catalog has each version as if it had just been registered, so it is brought up from the
// beginning of the log when it is next run.
void forget_all_rows(storage::environment& env);

}  // namespace idem
