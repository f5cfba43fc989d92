// One workload given to one subject, in a process of its own.
#pragma once

#include <filesystem>

#include "subjects/subject.hpp"
#include "workload.hpp"

namespace bench {

struct measurement {
    std::uint64_t given = 0;  // events; fewer than asked for where the time was over
    double rate = 0;          // of these, a second of the subject's own time
    double first_rate = 0;    // of the first tenth
    double last_rate = 0;     // of the last tenth
    double worst_ms = 0;      // the longest commit
    double written = 0;   // bytes a byte of payload, as /proc/self/io counts: whole folios of pages
    double sectors = 0;   // likewise, as the disk counts them, of whoever writes to it; 0: unknown
    double on_disk = 0;   // bytes an event
    double heap_mib = 0;  // anonymous memory at its highest, less that before
    double scan = 0;      // events a second: read everything
    double rebuild = 0;   // events a second: read everything and count by stream
    double again = 0;     // events a second: append all once more in random order, all duplicates
    double again_by_two = 0;  // likewise, by two callers at once
    std::uint64_t fresh = 0;
};

struct trial_options {
    bool read = false;         // measure scan and rebuild
    bool again = false;        // measure the duplicates
    double seconds_max = 1e9;  // of the subject's own time; then no more is appended
};

// `folder` is made and removed. Throws std::runtime_error where the subject fails.
measurement run_trial(const contestant& who, const workload& w, const trial_options& options,
                      const std::filesystem::path& folder);

}  // namespace bench
