// What becomes of a batch: the rules of append, applied before anything is written.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "idem/append.hpp"
#include "idem/condition.hpp"
#include "log/index.hpp"
#include "log/record.hpp"
#include "log/stream_heads.hpp"

namespace idem {

// Where the log stands, and what stamps its next event.
struct log_head {
    std::uint64_t position = 0;  // of the last event
    std::uint64_t clock = 0;     // its stamp
    std::uint64_t counter = 0;
    std::uint32_t blocks = 0;  // their number's low 32 bits
    std::uint64_t page_bytes = 0;
    uuid origin = {};  // of the last event: this store's, then or now
};
log_head read_log_head(const storage::transaction& txn, const log_tables& tables);

struct decision {
    append_result result;
    std::vector<std::uint32_t> first;         // for each event the first of the batch with its id
    std::vector<std::uint32_t> fresh;         // indexes of the events to write, in order
    std::vector<index::fingerprint> ids;      // of each event of the batch
    std::vector<index::fingerprint> streams;  // of each fresh one
};

// The answer to a batch in which nothing is new; nullopt where something is, or seems to be. Any
// snapshot will do, for what is known stays known.
std::optional<append_result> answer_if_known(const index_view& known, const log_tables& tables,
                                             const encoded_batch& batch);

// Whether a row of an inline projection is another than the condition says.
using row_differs = std::function<bool(const append_condition::row& expected)>;

// In the write transaction: gives every event its receipt, or rejects the batch. Fresh events get
// the positions that follow `head_position`.
decision decide(const index_view& known, const log_tables& tables, const stream_heads& heads,
                const uuid& greatest, const encoded_batch& batch, const append_condition& condition,
                const row_differs& differs, std::uint64_t head_position);

}  // namespace idem
