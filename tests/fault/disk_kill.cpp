#include "disk_kill.hpp"

#include <dlfcn.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <string_view>

namespace disk_kill {
namespace {

constexpr std::size_t page_bytes = 4096;

// Constants alone at first: calls come before anything of ours is made.
std::atomic<std::uint64_t> done = 0;
std::atomic<std::uint64_t> fatal = 0;
std::atomic<moment> fatal_moment = moment::before;
std::atomic<counted> what_counts = counted::operations;
thread_local bool spared = false;

// LMDB writes whole pages, and of a meta page only its first bytes.
bool counts(std::string_view call, std::size_t bytes) noexcept {
    if (spared) return false;
    return what_counts == counted::operations || (call == "pwrite" && bytes < page_bytes);
}

[[noreturn]] void die(std::string_view when, const char* call, std::size_t bytes) {
    std::array<char, 80> line{};
    const int size = std::snprintf(line.data(), line.size(), "killed %.*s %s %zu\n",
                                   static_cast<int>(when.size()), when.data(), call, bytes);
    [[maybe_unused]] const ssize_t told =
        ::write(STDOUT_FILENO, line.data(), static_cast<std::size_t>(size));
    for (;;) ::kill(::getpid(), SIGKILL);
}

template <class Act, class Half>
auto operate(const char* call, std::size_t bytes, Act act, Half half) {
    if (!counts(call, bytes) || ++done != fatal) return act();
    if (fatal_moment == moment::before) die("before", call, bytes);
    if (fatal_moment == moment::midway) {
        half();
        die("midway", call, bytes);
    }
    act();
    die("after", call, bytes);
}
template <class Act>
auto operate(const char* call, Act act) {
    return operate(call, 0, act, [] {});
}

template <class Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

void arm(std::uint64_t number, moment when, counted what) {
    fatal = 0;
    fatal_moment = when;
    what_counts = what;
    done = 0;
    fatal = number;
}

std::uint64_t count() noexcept {
    return done;
}

void spare_this_thread() noexcept {
    spared = true;
}

}  // namespace disk_kill

extern "C" {

ssize_t pwrite64(int file, const void* data, size_t size, off64_t at) {
    using namespace disk_kill;
    static const auto real = next<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
    return operate(
        "pwrite", size, [&] { return real(file, data, size, at); },
        [&] {
            const size_t half = size / page_bytes / 2 * page_bytes;
            if (half > 0) real(file, data, half, at);
        });
}
ssize_t pwrite(int file, const void* data, size_t size, off_t at) {
    return pwrite64(file, data, size, at);
}

ssize_t writev(int file, const struct iovec* parts, int count) {
    using namespace disk_kill;
    static const auto real = next<ssize_t (*)(int, const struct iovec*, int)>("writev");
    std::size_t size = 0;
    std::for_each(parts, parts + count, [&](const struct iovec& part) { size += part.iov_len; });
    return operate(
        "writev", size, [&] { return real(file, parts, count); },
        [&] {
            if (count > 1) real(file, parts, count / 2);
        });
}

int fdatasync(int file) {
    using namespace disk_kill;
    static const auto real = next<int (*)(int)>("fdatasync");
    return operate("fdatasync", [&] { return real(file); });
}
int fsync(int file) {
    using namespace disk_kill;
    static const auto real = next<int (*)(int)>("fsync");
    return operate("fsync", [&] { return real(file); });
}

int ftruncate64(int file, off64_t size) noexcept {
    using namespace disk_kill;
    static const auto real = next<int (*)(int, off64_t)>("ftruncate64");
    return operate("ftruncate", [&] { return real(file, size); });
}
int ftruncate(int file, off_t size) noexcept {
    return ftruncate64(file, size);
}

int rename(const char* from, const char* to) noexcept {
    using namespace disk_kill;
    static const auto real = next<int (*)(const char*, const char*)>("rename");
    return operate("rename", [&] { return real(from, to); });
}
int mkdir(const char* path, mode_t mode) noexcept {
    using namespace disk_kill;
    static const auto real = next<int (*)(const char*, mode_t)>("mkdir");
    return operate("mkdir", [&] { return real(path, mode); });
}
int unlinkat(int folder, const char* path, int flags) noexcept {
    using namespace disk_kill;
    static const auto real = next<int (*)(int, const char*, int)>("unlinkat");
    return operate("unlinkat", [&] { return real(folder, path, flags); });
}

}  // extern "C"
