// Values of stream folds, kept now and then so that a long stream is not replayed from its
// beginning.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "idem/stream_fold.hpp"
#include "projection/runner.hpp"
#include "schema/registry.hpp"
#include "storage/storage.hpp"

namespace idem {

// What was folded through other upcasters is not to go on from.
std::string snapshot_name(const stream_fold_view& f, const registered_schemas& known);

inline constexpr std::string_view snapshots_name = "snapshots";  // of the table

// Nullopt where there is none. A damaged one counts as none: the fold replays and replaces it.
std::optional<fold_snapshot> load_fold_snapshot(const storage::transaction& txn,
                                                storage::table table, std::string_view name,
                                                std::uint32_t version, std::string_view stream);

// Keeps it unless a newer one is there, or data was erased since `last_erasure`, which it may hold.
// Does nothing on a read-only environment, or for a row over its limit.
void save_fold_snapshot(const event_source& source, std::string_view name, std::uint32_t version,
                        std::string_view stream, const fold_snapshot& snapshot,
                        std::uint64_t last_erasure);

// All of them: none is to hold data that was erased.
void drop_fold_snapshots(storage::write_transaction& txn);

}  // namespace idem
