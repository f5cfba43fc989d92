#include "storage/unfinished_folder.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "storage/handles.hpp"

namespace idem::storage {
namespace {

namespace fs = std::filesystem;

constexpr int names_max = 10'000;  // that live processes may hold at once

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
        const auto lock = folder_lock::take(folder);
        if (lock) fs::remove_all(folder, failed);  // else somebody is at it
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
    for (int number = 0; !lock_; ++number) {
        path_ = target_.parent_path() / fmt::format("{}{}", prefix_of(target_), number);
        if (::mkdir(path_.c_str(), 0777) == 0) {
            lock_ =
                folder_lock::take(path_);  // or somebody took it for a leftover: the next number
        } else if (errno != EEXIST) {
            throw_fault(target_, errno, "making a folder beside it");
        }
        if (number == names_max) throw_fault(target_, EEXIST, "making a folder beside it");
    }
}

unfinished_folder::~unfinished_folder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
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
