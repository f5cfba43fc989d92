#include "storage/folder_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace idem::storage {

std::optional<folder_lock> folder_lock::take(const std::filesystem::path& folder) {
    const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) return std::nullopt;
    folder_lock lock(file);
    // It may have been moved to its place meanwhile, and another have its name.
    struct stat locked {};
    struct stat named {};
    if (::flock(file, LOCK_EX | LOCK_NB) == 0 && ::fstat(file, &locked) == 0 &&
        ::stat(folder.c_str(), &named) == 0 && locked.st_dev == named.st_dev &&
        locked.st_ino == named.st_ino) {
        return lock;
    }
    return std::nullopt;
}

folder_lock::~folder_lock() {
    if (file_ >= 0) ::close(file_);
}

}  // namespace idem::storage
