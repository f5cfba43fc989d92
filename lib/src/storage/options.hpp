// How an environment is opened, and how it stands.
#pragma once

#include <cstdint>

namespace idem::storage {

struct environment_options {
    bool read_only = false;
    std::uint64_t map_bytes = 64ULL << 30;  // reserved address space; halved while refused
    std::uint32_t reader_slots = 1024;
    std::uint32_t tables_max = 512;
    bool allow_network_file_system = false;
    // A file that nobody else opens until it is complete: no sync at each commit. Only for scratch
    // and for building a file that is synced and renamed afterwards.
    bool unsynced = false;
};

struct environment_stats {
    std::uint64_t map_bytes = 0;
    std::uint64_t file_bytes = 0;
    std::uint64_t used_bytes = 0;
    std::uint64_t last_transaction = 0;
    std::uint32_t readers = 0;
    std::uint32_t reader_slots = 0;
    std::uint64_t oldest_reader_lag = 0;
};

}  // namespace idem::storage
