// A folder in the making: nobody sees half of it.
#pragma once

#include <filesystem>
#include <optional>

#include "storage/folder_lock.hpp"

namespace idem::storage {

// Lies beside its target as TARGET.unfinished-N, locked, and is removed at the end unless it has
// moved to its place. What processes that died had left of the same target is removed first.
class unfinished_folder {
public:
    explicit unfinished_folder(const std::filesystem::path& target);
    ~unfinished_folder();
    unfinished_folder(const unfinished_folder&) = delete;
    unfinished_folder& operator=(const unfinished_folder&) = delete;

    const std::filesystem::path& path() const noexcept { return path_; }

    // Syncs what is in it, moves it, and syncs the move. False: something is at the target already.
    bool move_to_target();

private:
    std::filesystem::path target_;
    std::filesystem::path path_;
    std::optional<folder_lock> lock_;
};

}  // namespace idem::storage
