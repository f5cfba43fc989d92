// Whole copies of a store.
#pragma once

#include <filesystem>

#include "storage/storage.hpp"

namespace idem {

// Copies a snapshot to `target`, which must not exist: under a temporary name beside it, verified,
// synced, renamed; the keys of data subjects only if asked. Without them, where anything was ever
// sealed, all that projections made of the log is left out too. Throws invalid_input where `target`
// exists, corrupt where the copy is not sound.
void copy_store(const storage::environment& env, const std::filesystem::path& target,
                bool with_keys);

}  // namespace idem
