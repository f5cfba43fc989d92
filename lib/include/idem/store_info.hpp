// What a store tells of itself: its streams, types, projections and size.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "idem/event.hpp"
#include "idem/projection.hpp"
#include "idem/state.hpp"
#include "idem/uuid.hpp"

namespace idem {

struct stream_info {
    std::string name;
    std::uint64_t last_revision = 0;
    std::uint64_t last_position = 0;
};

struct type_info {
    std::string type;
    std::uint32_t schema_version = 1;
    std::uint64_t events = 0;
};

struct projection_info {
    std::string name;
    std::uint32_t version = 1;
    bool current = true;         // of the versions that are kept the one that readers are given
    std::uint64_t position = 0;  // checkpoint
    std::uint64_t rows = 0;
    state_digest digest;
    fold_order order = fold_order::arrival;
    std::string definition;
    std::string failure;  // why it stands still: event, position and cause; empty while all is well
    // Of the projection that runs on this handle under that name: why the rows of the current
    // version are not its own, which a rebuild changes; empty where they are.
    std::string stale;
    std::string fingerprint;     // of what made the rows; empty where that was not noted
    schema_versions reads = {};  // likewise, the schema versions that it read
    std::string code;            // likewise
    std::optional<std::uint64_t> rebuilt_to;  // a rebuild of this version has come so far
    // Of a canonical one: an event whose clock (stamp::clock) is below has come too late to be put
    // in its place, and makes the projection be folded anew; and how often that was so.
    std::uint64_t floor = 0;
    std::uint64_t refolds = 0;
};

// The rows of a projection as they were at a position, kept for state_at().
struct checkpoint_info {
    std::string name;
    std::uint32_t version = 1;
    std::uint64_t position = 0;
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;  // of keys and rows
};

struct store_stats {
    std::string path;
    uuid id;
    std::uint32_t format_version = 0;
    timestamp created;
    std::uint64_t events = 0;  // also the last position
    std::uint64_t streams = 0;
    std::uint64_t file_bytes = 0;  // on disk, free pages included
    std::uint64_t used_bytes = 0;  // in pages that hold data
    std::uint64_t key_bytes = 0;   // of the file of keys of data subjects; 0: there is none
    std::uint64_t map_bytes = 0;
    std::uint32_t readers = 0;  // live read transactions, all processes
    std::uint32_t reader_slots = 0;
    std::uint64_t oldest_reader_lag = 0;  // commits since the oldest live read transaction began
    struct table {
        std::string name;
        std::uint64_t entries = 0;
        std::uint64_t bytes = 0;
    };
    std::vector<table> tables;
};

}  // namespace idem
