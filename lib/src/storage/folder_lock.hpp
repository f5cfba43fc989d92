// A folder that one process at a time works in.
#pragma once

#include <filesystem>
#include <optional>
#include <utility>

namespace idem::storage {

// Move-only. The system gives the lock back when the process dies, in whatever container it ran.
class folder_lock {
public:
    // Nullopt where somebody else holds it, this process included, or there is no such folder.
    static std::optional<folder_lock> take(const std::filesystem::path& folder);

    folder_lock(folder_lock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
    folder_lock& operator=(folder_lock&& other) noexcept {
        std::swap(file_, other.file_);
        return *this;
    }
    ~folder_lock();

private:
    explicit folder_lock(int file) noexcept : file_(file) {}
    int file_;
};

}  // namespace idem::storage
