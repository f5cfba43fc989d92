// A line on standard error that tells how far a long command is. For people on a terminal only.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace idem::cli {

class progress {
public:
    // With `as_json` it is told as JSON lines too, once a second, for those who watch from afar.
    explicit progress(std::string label, bool as_json = false);
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
    // What is under way now; rates and shares begin anew.
    void begin(std::string label);
    void clear();  // before another line goes to the terminal

    double seconds() const;

private:
    using clock = std::chrono::steady_clock;
    void tell_as_json(const reading& now);

    std::string label_;
    bool as_json_;
    bool shown_;
    bool drawn_ = false;
    clock::time_point start_ = clock::now();
    clock::time_point phase_start_ = start_;
    std::uint64_t phase_events_ = 0;  // when it began
    clock::time_point next_draw_ = start_;
};

// "1,234,567 events/s"; empty where the time is too short to tell.
std::string rate(std::uint64_t events, double seconds);

}  // namespace idem::cli
