// Checks the tables that are folded from the store's own streams.
#pragma once

#include <memory>

#include "log/index.hpp"
#include "log/verify_log.hpp"
#include "storage/storage.hpp"

namespace idem {

// Derives each of them again from the log, in a scratch environment, and compares row by row. One
// that another version of its fold has made is left alone: the next command makes it anew.
void verify_reserved(const std::shared_ptr<storage::environment>& env, const log_tables& tables,
                     finding_list& found);

}  // namespace idem
