// Opening a store for a command, with the remedy where it is not there.
#pragma once

#include <string>

#include "idem/store.hpp"

namespace idem::cli {

void require_store(const std::string& folder);  // throws not_found where there is nothing at all
store open_to_read(const std::string& folder);
store open_to_write(const std::string& folder);  // an existing one
store open_or_create(const std::string& folder);

}  // namespace idem::cli
