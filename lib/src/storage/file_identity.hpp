// Tells a store from its copies.
#pragma once

#include <cstdint>

#include "storage/storage.hpp"

namespace idem::storage {

// Which file it is, on whichever machine: not its path, and no copy's.
struct file_identity {
    std::uint64_t file_system = 0;
    std::uint64_t inode = 0;
    std::uint64_t generation = 0;  // of the inode; 0: the file system has none

    friend bool operator==(const file_identity&, const file_identity&) = default;
};

// Of the data file.
file_identity identity_of(const environment& env);

}  // namespace idem::storage
