#include "storage/unfinished_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "storage/handles.hpp"

namespace idem::storage {
namespace {

namespace fs = std::filesystem;

constexpr int names_max = 10'000;  // that live processes may hold at once

// Takes the lock of a folder; -1 where somebody else holds it, or the folder is gone. The system
// gives it back when the process dies, in whatever container it ran.
int lock_folder(const fs::path& folder) {
    const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) return -1;
    // It may have been moved to its place meanwhile, and another have its name.
    struct stat locked {};
    struct stat named {};
    if (::flock(file, LOCK_EX | LOCK_NB) == 0 && ::fstat(file, &locked) == 0 &&
        ::stat(folder.c_str(), &named) == 0 && locked.st_dev == named.st_dev &&
        locked.st_ino == named.st_ino) {
        return file;
    }
    ::close(file);
    return -1;
}

std::string prefix_of(const fs::path& target) {
    return target.filename().string() + ".unfinished-";
}

// Named as we do, with nothing in it but what LMDB makes.
bool is_unfinished(const fs::path& folder, const std::string& prefix) {
    const std::string name = folder.filename();
    if (!name.starts_with(prefix)) return false;
    if (name.find_first_not_of("0123456789", prefix.size()) != std::string::npos) return false;
    std::error_code failed;
    const fs::directory_iterator files(folder, failed);
    return !failed && std::all_of(begin(files), end(files), [](const fs::directory_entry& file) {
        return file.path().filename() == "data.mdb" || file.path().filename() == "lock.mdb";
    });
}

void remove_leftovers(const fs::path& target) {
    const std::string prefix = prefix_of(target);
    std::vector<fs::path> found;
    std::error_code failed;
    for (fs::directory_iterator i(target.parent_path(), failed), end; !failed && i != end;
         i.increment(failed)) {
        if (is_unfinished(i->path(), prefix)) found.push_back(i->path());
    }
    for (const fs::path& folder : found) {
        const int lock = lock_folder(folder);
        if (lock < 0) continue;  // somebody is at it
        fs::remove_all(folder, failed);
        ::close(lock);
    }
}

// Without a trailing slash, so that there is a name to add to.
fs::path place_of(const fs::path& folder) {
    const fs::path place = fs::absolute(folder);
    return place.has_filename() ? place : place.parent_path();
}

}  // namespace

unfinished_folder::unfinished_folder(const fs::path& target) : target_(place_of(target)) {
    if (!fs::is_directory(target_.parent_path())) {
        throw error(errc::not_found,
                    fmt::format("cannot make {}: there is no folder {}; make it first",
                                target.string(), target_.parent_path().string()));
    }
    remove_leftovers(target_);
    for (int number = 0; lock_ < 0; ++number) {
        path_ = target_.parent_path() / fmt::format("{}{}", prefix_of(target_), number);
        if (::mkdir(path_.c_str(), 0777) == 0) {
            lock_ = lock_folder(path_);  // or somebody took it for a leftover: the next number
        } else if (errno != EEXIST) {
            throw_fault(target_, errno, "making a folder beside it");
        }
        if (number == names_max) throw_fault(target_, EEXIST, "making a folder beside it");
    }
}

unfinished_folder::~unfinished_folder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
    ::close(lock_);
}

bool unfinished_folder::move_to_target() {
    sync_folder(path_);
    if (::rename(path_.c_str(), target_.c_str()) != 0) {
        const int code = errno;
        if (code == ENOTEMPTY || code == EEXIST) return false;
        throw_fault(target_, code, "moving it to its place");
    }
    path_.clear();
    sync_folder(target_.parent_path());
    return true;
}

}  // namespace idem::storage
