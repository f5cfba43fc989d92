// Stores that nobody keeps.
#pragma once

#include <stdlib.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>

#include "idem/error.hpp"
#include "idem/store_options.hpp"
#include "idem/testing.hpp"

namespace idem::testing {

// A new folder in the system's temporary one, removed with all that is in it.
class scratch_folder {
public:
    scratch_folder() {
        std::string name =
            (std::filesystem::temp_directory_path() / "idem-testing-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) {
            throw error(errc::io, "cannot make " + name + ": " + std::strerror(errno) +
                                      "; TMPDIR names another temporary folder");
        }
        path_ = name;
    }
    ~scratch_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    scratch_folder(const scratch_folder&) = delete;
    scratch_folder& operator=(const scratch_folder&) = delete;

    const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;
};

// What stores take the time to be whose events come with stamps.
inline constexpr std::uint64_t stamped_at_ms = std::uint64_t{56} * 365 * 24 * 60 * 60 * 1000;

// Small, and folding on the caller's thread, whose clock is moved.
inline open_options scratch_options(order which = order::arrival) {
    open_options options;
    if (which == order::canonical) {
        options.clock = [] { return timestamp(std::chrono::milliseconds(stamped_at_ms)); };
    }
    options.map_bytes = 256 << 20;
    options.replay_threads = 1;
    return options;
}

}  // namespace idem::testing
