// Checks the tables that are folded from what came from other stores.
#pragma once

#include "log/index.hpp"
#include "log/verify_log.hpp"
#include "storage/storage.hpp"

namespace idem {

// Derives `origins` and `stamps` again from the log, in a scratch environment, and compares them
// row by row.
void verify_origins(storage::environment& env, const log_tables& tables, finding_list& found);

}  // namespace idem
