#include "failing_disk.hpp"

#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace failing_disk {
namespace {

std::atomic<mode> current = mode::works;
std::atomic<int> refusals = 0;

// LMDB writes whole pages, and of a meta page only its first bytes.
constexpr std::size_t page_bytes = 4096;

int refuse(int code) {
    ++refusals;
    errno = code;
    return -1;
}

// 0: let the write through.
int fault_of(std::size_t bytes) {
    const bool meta = bytes < page_bytes;
    switch (current.load()) {
        case mode::full_in_one_page:
            return meta ? 0 : ENOSPC;
        case mode::full_in_many_pages:
            return meta ? 0 : EIO;
        case mode::meta_page_fails:
            return meta ? EIO : 0;
        default:
            return 0;
    }
}

template <class Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

failure::failure(mode m) {
    refusals = 0;
    current = m;
}
failure::~failure() {
    current = mode::works;
}
int refused() {
    return refusals;
}

}  // namespace failing_disk

extern "C" {

ssize_t pwrite64(int file, const void* data, size_t size, off64_t at) {
    using namespace failing_disk;
    if (const int fault = fault_of(size)) return refuse(fault);
    static const auto real = next<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
    return real(file, data, size, at);
}
ssize_t pwrite(int file, const void* data, size_t size, off_t at) {
    return pwrite64(file, data, size, at);
}

ssize_t writev(int file, const struct iovec* parts, int count) {
    using namespace failing_disk;
    if (const int fault = fault_of(page_bytes)) return refuse(fault);
    static const auto real = next<ssize_t (*)(int, const struct iovec*, int)>("writev");
    return real(file, parts, count);
}

#ifndef __SANITIZE_THREAD__  // whose runtime maps memory before anything of ours is ready
void* mmap64(void* at, size_t size, int rights, int flags, int file, off64_t from) noexcept {
    using namespace failing_disk;
    if (current.load() == mode::maps_no_file && file >= 0) {
        refuse(ENOMEM);
        return MAP_FAILED;
    }
    static const auto real = next<decltype(&mmap64)>("mmap64");
    return real(at, size, rights, flags, file, from);
}
void* mmap(void* at, size_t size, int rights, int flags, int file, off_t from) noexcept {
    return mmap64(at, size, rights, flags, file, from);
}
#endif

int fdatasync(int file) {
    using namespace failing_disk;
    if (current.load() == mode::sync_fails) return refuse(EIO);
    static const auto real = next<int (*)(int)>("fdatasync");
    return real(file);
}

}  // extern "C"
