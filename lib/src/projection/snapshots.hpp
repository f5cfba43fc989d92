// Values of stream folds, kept now and then so that a long stream is not replayed from its
// beginning.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "storage/storage.hpp"

namespace idem {

struct fold_snapshot {
    std::uint64_t revision = 0;
    std::string row;
};

// Nullopt where there is none. A damaged one counts as none: the fold replays and replaces it.
std::optional<fold_snapshot> load_fold_snapshot(storage::environment& env, std::string_view name,
                                                std::uint32_t version, std::string_view stream);

// Keeps it unless a newer one is there. Does nothing on a read-only environment, or for a row over
// its limit.
void save_fold_snapshot(storage::environment& env, std::string_view name, std::uint32_t version,
                        std::string_view stream, const fold_snapshot& snapshot);

// All of them: none is to hold data that was erased.
void drop_fold_snapshots(storage::write_transaction& txn);

}  // namespace idem
