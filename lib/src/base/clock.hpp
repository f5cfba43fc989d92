// The wall clock, or what a caller has put in its place.
#pragma once

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
    explicit wall_clock(std::function<timestamp()> instead) : instead_(std::move(instead)) {}

    timestamp now() const {
        if (instead_) return instead_();
        return std::chrono::time_point_cast<std::chrono::nanoseconds>(
            std::chrono::system_clock::now());
    }
    static std::uint64_t milliseconds_of(timestamp t) noexcept {
        const auto ms = std::chrono::floor<std::chrono::milliseconds>(t.time_since_epoch()).count();
        return ms > 0 ? static_cast<std::uint64_t>(ms) : 0;
    }
    std::uint64_t now_ms() const { return milliseconds_of(now()); }

private:
    std::function<timestamp()> instead_ = {};  // empty: the system's
};

}  // namespace idem
