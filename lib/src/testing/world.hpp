// What a handler must not look at, made different: the clock, the memory it is given, the state of
// random generators, and whatever it has left in global variables.
#pragma once

#include <cstdint>

#include "idem/projection.hpp"

namespace idem::testing {

struct world {
    std::int64_t clock_ahead_s = 0;
    unsigned seed = 0;         // of std::rand(); memory is filled by it, if it is not 0
    bool other_place = false;  // time zone and working folder; only for a process of its own
};

// While it lives, this thread's clocks are ahead by so much.
class moved_clock {
public:
    explicit moved_clock(std::int64_t ahead_s) noexcept;
    ~moved_clock();
    moved_clock(const moved_clock&) = delete;
    moved_clock& operator=(const moved_clock&) = delete;

private:
    std::int64_t before_;
};

// While it lives, the process is in `w` as far as that is not a matter of single calls.
class entered_world {
public:
    explicit entered_world(const world& w) noexcept;
    ~entered_world();
    entered_world(const entered_world&) = delete;
    entered_world& operator=(const entered_world&) = delete;
};

// The same projection, whose functions are called in `w`.
projection in_world(projection p, const world& w);

// How often the time was asked for within functions of in_world(), by this process.
std::uint64_t clock_reads() noexcept;

// By how much, in seconds, who asks for the time on this thread is ahead; counts that it asked.
std::int64_t note_clock_read() noexcept;

}  // namespace idem::testing
