// What becomes of a batch: the rules of append, applied within a write transaction before anything
// is written.
#pragma once

#include <cstdint>
#include <vector>

#include "idem/append.hpp"
#include "log/index.hpp"
#include "log/record.hpp"

namespace idem {

// Where the log stands, and what stamps its next event.
struct log_head {
    std::uint64_t position = 0;  // of the last event
    std::uint64_t clock = 0;     // its stamp
    std::uint64_t counter = 0;
};
log_head read_log_head(const storage::transaction& txn, const log_tables& tables);

struct decision {
    append_result result;
    std::vector<std::uint32_t> fresh;  // indexes of the events to write, in order
};

// Gives every event its receipt, or rejects the batch. Fresh events get the positions that follow
// `head_position`. `ids` is asked which ids are greater than any known.
decision decide(const storage::transaction& txn, const log_tables& tables, const index_writer& ids,
                const encoded_batch& batch, expected_revision expected,
                std::uint64_t head_position);

// The event recorded at `position`; throws corrupt where it is missing or damaged.
event_view record_at(const storage::transaction& txn, const log_tables& tables,
                     std::uint64_t position);

}  // namespace idem
