// The environments that this process has open, by device and inode of their data file: LMDB must
// not open a file twice in one process, for closing one would drop the other's locks.
#pragma once

#include <memory>

#include "storage/handles.hpp"

namespace idem::storage {

// The environment of `folder`, opened if it is not yet.
std::shared_ptr<environment> open_shared(const std::filesystem::path& folder,
                                         const environment_options& options);

}  // namespace idem::storage
