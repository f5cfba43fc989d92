// How a store is opened, and followed.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <stop_token>

#include "idem/event.hpp"
#include "idem/read.hpp"

namespace idem {

struct open_options {
    bool read_only = false;
    bool create = true;  // a store that does not exist yet; never when read_only
    // Address space to reserve, a limit for the store's size that grows by itself. Halved until the
    // system grants it.
    std::uint64_t map_bytes = 64ULL << 30;
    // Threads that replay a projection whose rows are independent; 0: one a core.
    unsigned replay_threads = 0;
    // Locks and maps cannot be trusted there; take it upon yourself for a single process.
    bool allow_network_file_system = false;
    // Tells the time in place of the system's clock: for stamps, for events that bring none, for
    // leases and what is due. Called from any thread, within commits too. Empty: the system's.
    std::function<timestamp()> clock = {};
    // How far a stamp may be ahead of that clock, of an event that is appended here (for the clock
    // was set back, or one from elsewhere ran ahead) or accepted from elsewhere.
    std::chrono::milliseconds drift_max = std::chrono::hours(1);
};

struct follow_options {
    query select = {};          // `to`, `limit` and backwards do not apply
    std::stop_token stop = {};  // wakes a waiting follower
    bool wait = true;           // false: return at the head of the log
};

}  // namespace idem
