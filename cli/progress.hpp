// A line on standard error that tells how far a long command is. Shown on a terminal only.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace idem::cli {

class progress {
public:
    explicit progress(std::string label);
    ~progress() { clear(); }
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;

    struct reading {
        std::uint64_t done = 0;                   // bytes or positions
        std::optional<std::uint64_t> whole = {};  // of the same unit, where it is known
        std::uint64_t events = 0;
        std::string amount = {};  // as people read it, for instance "12.3 MB"
    };
    // Draws at most ten times a second.
    void update(const reading& now);
    void clear();  // before another line goes to the terminal

    double seconds() const;

private:
    using clock = std::chrono::steady_clock;
    std::string label_;
    bool shown_;
    bool drawn_ = false;
    clock::time_point start_ = clock::now();
    clock::time_point next_draw_ = start_;
};

// "1,234,567 events/s"; empty where the time is too short to tell.
std::string rate(std::uint64_t events, double seconds);

}  // namespace idem::cli
