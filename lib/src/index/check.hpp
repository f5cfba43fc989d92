// Whether the runs of an index are whole: what can be told without the log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "index/manifest.hpp"

namespace idem::index {

struct fault {
    std::uint64_t first = 0;  // what is hidden or wrong lies among these positions
    std::uint64_t last = 0;
    std::string message;
    bool of_merge = false;  // nothing is hidden: that merge is done again from sound runs
};

// Reads every chunk, those of merges under way too. Without faults, each position up to flushed()
// has one entry, and there is no other. Throws corrupt where the manifest is damaged.
std::vector<fault> check(const storage::transaction& txn, storage::table t, std::size_t faults_max);

}  // namespace idem::index
