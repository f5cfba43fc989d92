// The folds of the store's own streams, but for that of schemas.
#pragma once

#include <memory>
#include <vector>

#include "idempotency/reserved.hpp"

namespace idem {

std::vector<std::unique_ptr<reserved_fold>> reserved_folds();

}  // namespace idem
