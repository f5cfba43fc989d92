// How a store is opened, and followed.
#pragma once

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
    // What the time is, for leases and due times; empty: the system's clock. Any thread calls it.
    std::function<timestamp()> clock = {};
};

struct follow_options {
    query select = {};          // `to`, `limit` and backwards do not apply
    std::stop_token stop = {};  // wakes a waiting follower
    bool wait = true;           // false: return at the head of the log
};

}  // namespace idem
