// The wall clock, or what a caller has put in its place.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

#include "idem/event.hpp"

namespace idem {

// Any thread, where what it was given is.
class wall_clock {
public:
    wall_clock() = default;
    explicit wall_clock(std::function<timestamp()> instead,
                        std::chrono::milliseconds drift_max = std::chrono::hours(1))
        : instead_(std::move(instead)), drift_max_(drift_max) {}

    timestamp now() const {
        if (instead_) return instead_();
        return std::chrono::time_point_cast<std::chrono::nanoseconds>(
            std::chrono::system_clock::now());
    }
    static std::uint64_t milliseconds_of(timestamp t) noexcept {
        const auto ms = std::chrono::floor<std::chrono::milliseconds>(t.time_since_epoch()).count();
        return ms > 0 ? static_cast<std::uint64_t>(ms) : 0;
    }
    // How far a stamp may be ahead of it.
    std::uint64_t drift_max_ms() const noexcept {
        return static_cast<std::uint64_t>(std::max<std::int64_t>(drift_max_.count(), 0));
    }
    std::uint64_t now_ms() const { return milliseconds_of(now()); }

private:
    std::function<timestamp()> instead_ = {};  // empty: the system's
    std::chrono::milliseconds drift_max_ = std::chrono::hours(1);
};

}  // namespace idem
