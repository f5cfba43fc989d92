// How fast a rebuild may read the log.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <thread>

namespace idem {

// Holds a rate of events, in steps short enough that it can be stopped in between.
class pace {
public:
    explicit pace(std::uint64_t per_second) : per_second_(per_second) {}

    // How far to go in the next step.
    std::uint64_t limit(std::uint64_t position) const {
        if (per_second_ == 0) return std::numeric_limits<std::uint64_t>::max();
        return position + std::max<std::uint64_t>(per_second_ / 10, 1);
    }
    void wait(std::uint64_t position) {
        if (per_second_ == 0) return;
        if (!first_) first_ = position;
        const double due =
            static_cast<double>(position - *first_) / static_cast<double>(per_second_);
        const auto end = start_ + std::chrono::duration<double>(due);
        std::this_thread::sleep_until(
            std::chrono::time_point_cast<std::chrono::steady_clock::duration>(end));
    }

private:
    const std::uint64_t per_second_;
    std::optional<std::uint64_t> first_;
    const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace idem
