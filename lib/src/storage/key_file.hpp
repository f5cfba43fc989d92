// The secrets of data subjects: the file `subjects.keys` of a store's folder, apart from the log,
// so that a secret that is overwritten here is nowhere. See schemas/FORMAT.md.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace idem::storage {

inline constexpr std::string_view key_file_name = "subjects.keys";

// 64 bytes of the file. Numbers count from 1, and are never used twice.
struct key_slot {
    enum class state : std::uint64_t {
        absent = 0,  // never written, or beyond the end, or the file is not there
        subject = 1,
        event = 2,
        destroyed = 3,
        damaged = 4,  // what is there is none of these
    };
    state is = state::absent;
    std::array<std::uint8_t, 16> owner = {};   // which key of a subject, or the event's id
    std::array<std::uint8_t, 32> secret = {};  // gone where it was destroyed
};

// Any thread; who writes holds the write lock of the environment. A file that is not there is made
// by the first write.
class key_file {
public:
    explicit key_file(const std::filesystem::path& folder);
    ~key_file();
    key_file(const key_file&) = delete;
    key_file& operator=(const key_file&) = delete;

    const std::filesystem::path& path() const noexcept { return path_; }

    // Whether there is one. What was opened and removed since is let go.
    bool refresh();

    // As many as there are of those from `first` on. Throws permission_denied, corrupt where the
    // file is none of ours, io.
    std::string read(std::uint64_t first, std::size_t slots);
    key_slot read(std::uint64_t number);
    std::uint64_t
    slots();  // that the file has room for, the first of them none; 0: it is not there
    static key_slot decode(std::string_view bytes, std::uint64_t number);

    // On disk when it returns.
    void write(std::uint64_t first, std::span<const key_slot> slots);
    // Overwrites secrets in place; on disk when it returns. Needs no lock: a slot is written once.
    void destroy(std::span<const std::uint64_t> numbers);

    static constexpr std::size_t slot_bytes = 64;

private:
    int open_to_read();   // -1: not there
    int open_to_write();  // makes it
    void check_header(int file) const;
    void put(int file, std::uint64_t number, std::string_view bytes) const;
    void sync(int file) const;

    const std::filesystem::path folder_;
    const std::filesystem::path path_;
    std::mutex mutex_;
    int read_file_ = -1;
};

// Copies the keys of one folder to another, on disk when it returns. False: there are none.
bool copy_keys(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace idem::storage
