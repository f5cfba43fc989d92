// Whole copies of a store.
#pragma once

#include <filesystem>

#include "storage/storage.hpp"

namespace idem {

// Copies a snapshot to `target`, which must not exist: under a temporary name beside it, verified,
// synced, renamed; the keys of data subjects only if asked. Throws invalid_input where `target`
// exists, corrupt where the copy is not sound.
void copy_store(const storage::environment& env, const std::filesystem::path& target,
                bool with_keys);

}  // namespace idem
