// Opening a store for a command, with the remedy where it is not there.
#pragma once

#include <optional>
#include <string>

#include "idem/store.hpp"

namespace idem::cli {

void require_store(const std::string& folder);  // throws not_found where there is nothing at all
store open_to_read(const std::string& folder);
store open_to_write(const std::string& folder);  // an existing one
store open_or_create(const std::string& folder);

// A store to append to. One that is not there is made for the first event, so that input without
// any leaves none.
class store_to_fill {
public:
    explicit store_to_fill(std::string folder);  // opens what is there
    store& get();

private:
    std::string folder_;
    std::optional<store> store_;
};

}  // namespace idem::cli
