#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstring>

#include "storage/file_identity.hpp"
#include "storage/handles.hpp"

namespace idem::storage {
namespace {

constexpr const char* data_name = "data.mdb";
constexpr const char* lock_name = "lock.mdb";

std::optional<file_facts> ask(int from, const char* name, int flags) noexcept {
    struct statx found {};
    if (::statx(from, name, flags, STATX_INO | STATX_SIZE, &found) != 0) return std::nullopt;
    return file_facts{std::uint64_t{found.stx_dev_major} << 32 | found.stx_dev_minor, found.stx_ino,
                      found.stx_size};
}

}  // namespace

std::optional<file_facts> ask_file(int folder, const char* name) noexcept {
    return ask(folder, name, 0);
}

std::optional<file_facts> ask_file(int file) noexcept {
    return ask(file, "", AT_EMPTY_PATH);
}

file_places::file_places(const std::filesystem::path& folder, int data_file)
    : folder_(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    if (folder_ < 0) throw_fault(folder, errno, "opening the store");
    data_ = of(ask_file(data_file));
    lock_ = find(lock_name);  // none where the store is read without one
}

file_places::~file_places() {
    ::close(folder_);
}

file_places::identity file_places::of(const std::optional<file_facts>& facts) noexcept {
    return facts ? identity{facts->device, facts->inode} : identity();
}

file_places::identity file_places::find(const char* name) const noexcept {
    return of(ask_file(folder_, name));
}

const char* file_places::missing() const noexcept {
    if (find(data_name) != data_) return data_name;
    if (lock_ == identity()) return nullptr;
    return find(lock_name) != lock_ ? lock_name : nullptr;
}

file_identity identity_of(const environment& env) {
    int file = -1;
    mdb_env_get_fd(env.internals().env, &file);
    const auto facts = ask_file(file);
    struct statfs system {};
    if (!facts || ::fstatfs(file, &system) != 0) {
        throw_fault(env.folder(), errno, "asking which file the store is");
    }
    file_identity identity{0, facts->inode, 0};
    std::memcpy(&identity.file_system, &system.f_fsid,
                std::min(sizeof identity.file_system, sizeof system.f_fsid));
    long generation = 0;  // file systems write four bytes or eight
    if (::ioctl(file, FS_IOC_GETVERSION, &generation) == 0) {
        identity.generation = static_cast<std::uint32_t>(generation);
    }
    return identity;
}

void check_in_place(const environment::state& s) {
    const char* const missing = s.places->missing();
    if (missing == nullptr) return;
    throw error(errc::io,
                fmt::format("{}: {} was removed or replaced while the store is open, so other "
                            "processes and this one no longer know of each other; nothing was "
                            "written: close the store everywhere and open it again",
                            s.folder.string(), missing));
}

low_descriptors_taken::low_descriptors_taken() noexcept {
    for (;;) {
        const int number = ::open("/dev/null", O_RDONLY | O_CLOEXEC);  // the lowest that is free
        if (number < 0) return;
        if (static_cast<std::size_t>(number) >= taken_.size()) {
            ::close(number);
            return;
        }
        taken_[static_cast<std::size_t>(number)] = true;
    }
}

low_descriptors_taken::~low_descriptors_taken() {
    for (std::size_t number = 0; number < taken_.size(); ++number) {
        if (taken_[number]) ::close(static_cast<int>(number));
    }
}

}  // namespace idem::storage
