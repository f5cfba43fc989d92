// How much of a file stays mapped. Every page that was read counts as memory of this process until
// it is given back, so a walk over a log would seem to need as much memory as the log has bytes.
// The pages stay in the system's cache; reading one again costs a minor fault.
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fstream>
#include <new>
#include <sstream>

#include "storage/handles.hpp"

namespace idem::storage {
namespace {

constexpr std::uint64_t windows_max = 512;  // of 64 KiB, so 32 MiB

// Where a file is mapped, by a line of /proc/self/maps:
// "7f0000000000-7f0000100000 r--s 00000000 fe:01 1234   /folder/data.mdb"
std::span<std::byte> mapped_range(const std::string& line, dev_t device, ino_t file) {
    std::istringstream words(line);
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    unsigned major_number = 0;
    unsigned minor_number = 0;
    ino_t inode = 0;
    char dash = 0;
    char colon = 0;
    std::string rights;
    std::string offset;
    words >> std::hex >> from >> dash >> to >> rights >> offset >> major_number >> colon >>
        minor_number >> std::dec >> inode;
    if (!words || inode != file || makedev(major_number, minor_number) != device) return {};
    return {reinterpret_cast<std::byte*>(from), to - from};  // NOLINT: an address as it was printed
}

std::span<std::byte> find_map(const std::filesystem::path& file) {
    struct stat info {};
    if (::stat(file.c_str(), &info) != 0) return {};
    std::ifstream maps("/proc/self/maps");
    std::string line;
    while (std::getline(maps, line)) {
        const auto range = mapped_range(line, info.st_dev, info.st_ino);
        if (!range.empty()) return range;
    }
    return {};
}

}  // namespace

void residence::note_read(std::uint64_t windows, const std::filesystem::path& folder) noexcept {
    if (windows_.fetch_add(windows, std::memory_order_relaxed) + windows < windows_max) return;
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return;
    windows_ = 0;
    try {
        if (!known_) map_ = find_map(folder / "data.mdb");
        known_ = true;
    } catch (const std::bad_alloc&) {
        return;
    }
    // The map is shared and only ever read: nothing is lost.
    if (!map_.empty()) ::madvise(map_.data(), map_.size(), MADV_DONTNEED);
}

void residence::forget() noexcept {
    const std::scoped_lock lock(mutex_);
    known_ = false;
}

}  // namespace idem::storage
