#include "storage/key_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/hash.hpp"
#include "idem/error.hpp"
#include "storage/storage.hpp"

namespace idem::storage {
namespace {

constexpr std::size_t slot_bytes = key_file::slot_bytes;
constexpr std::string_view magic = "idemkeys";
constexpr std::uint64_t version = 1;
constexpr ::mode_t owner_only = S_IRUSR | S_IWUSR;

[[noreturn]] void fail(const std::filesystem::path& path, int code, std::string_view doing) {
    errc what = errc::io;
    std::string_view advice = "look into the system's log";
    if (code == EACCES || code == EPERM || code == EROFS) {
        what = errc::permission_denied;
        advice = "it holds the keys of data subjects: run as the user who owns the store";
    } else if (code == ENOSPC || code == EDQUOT || code == EFBIG || code == EIO) {
        what = errc::no_space;
        advice = "make room on the disk: nothing was appended";
    }
    throw error(what,
                fmt::format("{}: {}: {}; {}", path.string(), doing, std::strerror(code), advice));
}

// A descriptor that is closed at the end.
class open_file {
public:
    explicit open_file(int file) noexcept : file_(file) {}
    ~open_file() {
        if (file_ >= 0) ::close(file_);
    }
    open_file(const open_file&) = delete;
    open_file& operator=(const open_file&) = delete;
    int get() const noexcept { return file_; }

private:
    int file_;
};

std::size_t read_at(const std::filesystem::path& path, int file, std::uint64_t offset, char* to,
                    std::size_t bytes) {
    std::size_t done = 0;
    while (done < bytes) {
        const ssize_t got =
            ::pread(file, to + done, bytes - done, static_cast<::off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail(path, errno, "reading it");
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

// The last 8 bytes of a slot are the XXH3-64 of those before.
void seal_with_checksum(char* slot) {
    const std::uint64_t checksum = hash::of_bytes({slot, slot_bytes - 8});
    std::memcpy(slot + slot_bytes - 8, &checksum, 8);
}

bool has_checksum(std::string_view slot) {
    std::uint64_t checksum = 0;
    std::memcpy(&checksum, slot.data() + slot_bytes - 8, 8);
    return checksum == hash::of_bytes(slot.substr(0, slot_bytes - 8));
}

std::string encode(const key_slot& slot) {
    std::string bytes(slot_bytes, '\0');
    const auto state = static_cast<std::uint64_t>(slot.is);
    std::memcpy(bytes.data(), &state, 8);
    std::memcpy(bytes.data() + 8, slot.owner.data(), slot.owner.size());
    std::memcpy(bytes.data() + 24, slot.secret.data(), slot.secret.size());
    seal_with_checksum(bytes.data());
    return bytes;
}

}  // namespace

key_file::key_file(const std::filesystem::path& folder)
    : folder_(folder), path_(folder / key_file_name) {}

key_file::~key_file() {
    if (read_file_ >= 0) ::close(read_file_);
}

bool key_file::refresh() {
    const std::scoped_lock lock(mutex_);
    struct stat facts {};
    if (read_file_ >= 0 && ::fstat(read_file_, &facts) == 0 && facts.st_nlink == 0) {
        ::close(std::exchange(read_file_, -1));
    }
    return open_to_read() >= 0;
}

int key_file::open_to_read() {
    if (read_file_ >= 0) return read_file_;
    const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0 && errno == ENOENT) return -1;
    if (file < 0) fail(path_, errno, "opening it");
    try {
        check_header(file);
    } catch (...) {
        ::close(file);
        throw;
    }
    return read_file_ = file;
}

void key_file::check_header(int file) const {
    char header[slot_bytes] = {};
    std::uint64_t stated = 0;
    if (read_at(path_, file, 0, header, sizeof header) == sizeof header &&
        std::string_view(header, magic.size()) == magic && has_checksum({header, slot_bytes})) {
        std::memcpy(&stated, header + 8, 8);
        if (stated == version) return;
        throw error(errc::unsupported_format,
                    fmt::format("{} has version {}, and this idem knows version {}: use a newer "
                                "idem",
                                path_.string(), stated, version));
    }
    throw error(errc::corrupt, fmt::format("{} is damaged or no file of keys: put it back from a "
                                           "backup with keys; without it no data of data subjects "
                                           "can be read",
                                           path_.string()));
}

int key_file::open_to_write() {
    const int there = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    if (there >= 0) {
        try {
            check_header(there);
        } catch (...) {
            ::close(there);
            throw;
        }
        return there;
    }
    if (errno != ENOENT) fail(path_, errno, "opening it to write");
    // Under another name first: nobody sees one without its head.
    const std::filesystem::path made = path_.string() + ".new";
    const open_file file(::open(made.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, owner_only));
    if (file.get() < 0) fail(path_, errno, "making it");
    std::string header(slot_bytes, '\0');
    std::memcpy(header.data(), magic.data(), magic.size());
    std::memcpy(header.data() + 8, &version, 8);
    seal_with_checksum(header.data());
    put(file.get(), 0, header);
    sync(file.get());
    if (::rename(made.c_str(), path_.c_str()) != 0) fail(path_, errno, "making it");
    sync_folder(folder_);
    return ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
}

void key_file::put(int file, std::uint64_t number, std::string_view bytes) const {
    while (!bytes.empty()) {
        const ssize_t put =
            ::pwrite(file, bytes.data(), bytes.size(), static_cast<::off_t>(number * slot_bytes));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) fail(path_, errno, "writing it");
        // A write ends within a slot only where the disk is full: the next try says so.
        const std::size_t whole = static_cast<std::size_t>(put) / slot_bytes;
        number += whole;
        bytes.remove_prefix(whole * slot_bytes);
        if (whole == 0) fail(path_, ENOSPC, "writing it");
    }
}

void key_file::sync(int file) const {
    if (::fdatasync(file) != 0) fail(path_, errno, "sync to disk");
}

std::string key_file::read(std::uint64_t first, std::size_t slots) {
    int file = -1;
    {
        const std::scoped_lock lock(mutex_);
        file = open_to_read();
    }
    std::string bytes(slots * slot_bytes, '\0');
    if (file < 0) return {};
    bytes.resize(read_at(path_, file, first * slot_bytes, bytes.data(), bytes.size()) / slot_bytes *
                 slot_bytes);
    return bytes;
}

key_slot key_file::read(std::uint64_t number) {
    return decode(read(number, 1), 0);
}

std::uint64_t key_file::slots() {
    const std::scoped_lock lock(mutex_);
    struct stat facts {};
    const int file = open_to_read();
    if (file < 0) return 0;
    if (::fstat(file, &facts) != 0) fail(path_, errno, "reading it");
    return static_cast<std::uint64_t>(facts.st_size) / slot_bytes;
}

key_slot key_file::decode(std::string_view bytes, std::uint64_t number) {
    key_slot slot;
    if (number >= bytes.size() / slot_bytes) return slot;
    const std::string_view one = bytes.substr(number * slot_bytes, slot_bytes);
    if (one.find_first_not_of('\0') == std::string_view::npos) return slot;
    std::uint64_t state = 0;
    std::memcpy(&state, one.data(), 8);
    slot.is = key_slot::state::damaged;
    if (state < 1 || state > 3 || !has_checksum(one)) return slot;
    slot.is = static_cast<key_slot::state>(state);
    std::memcpy(slot.owner.data(), one.data() + 8, slot.owner.size());
    std::memcpy(slot.secret.data(), one.data() + 24, slot.secret.size());
    return slot;
}

void key_file::write(std::uint64_t first, std::span<const key_slot> slots) {
    const open_file file(open_to_write());
    if (file.get() < 0) fail(path_, errno, "opening it to write");
    std::string bytes;
    bytes.reserve(slots.size() * slot_bytes);
    for (const key_slot& slot : slots) bytes += encode(slot);
    put(file.get(), first, bytes);
    sync(file.get());
    std::fill(bytes.begin(), bytes.end(), '\0');
}

void key_file::destroy(std::span<const std::uint64_t> numbers) {
    if (!refresh()) return;  // no key is here
    const open_file file(open_to_write());
    if (file.get() < 0) fail(path_, errno, "opening it to write");
    struct stat facts {};
    if (::fstat(file.get(), &facts) != 0) fail(path_, errno, "reading it");
    const auto there = static_cast<std::uint64_t>(facts.st_size) / slot_bytes;
    key_slot gone;
    gone.is = key_slot::state::destroyed;
    const std::string bytes = encode(gone);
    for (const auto number : numbers) {
        if (number > 0 && number < there) put(file.get(), number, bytes);
    }
    sync(file.get());
}

bool copy_keys(const std::filesystem::path& from, const std::filesystem::path& to) {
    const std::filesystem::path source = from / key_file_name;
    const std::filesystem::path target = to / key_file_name;
    const open_file in(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
    if (in.get() < 0 && errno == ENOENT) return false;
    if (in.get() < 0) fail(source, errno, "opening it");
    const open_file out(
        ::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, owner_only));
    if (out.get() < 0) fail(target, errno, "making it");
    std::vector<char> part(1 << 20);
    for (std::uint64_t at = 0;;) {
        const std::size_t got = read_at(source, in.get(), at, part.data(), part.size());
        if (got == 0) break;
        for (std::size_t done = 0; done < got;) {
            const ssize_t put = ::pwrite(out.get(), part.data() + done, got - done,
                                         static_cast<::off_t>(at + done));
            if (put < 0 && errno == EINTR) continue;
            if (put <= 0) fail(target, put < 0 ? errno : ENOSPC, "writing it");
            done += static_cast<std::size_t>(put);
        }
        at += got;
    }
    if (::fsync(out.get()) != 0) fail(target, errno, "sync to disk");
    sync_folder(to);
    return true;
}

}  // namespace idem::storage
