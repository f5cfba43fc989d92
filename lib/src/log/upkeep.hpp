// How the indexes grow in the write transactions of appends.
#pragma once

#include <cstdint>
#include <string_view>

#include "log/index.hpp"
#include "storage/storage.hpp"

namespace idem {

// Those of a log that has tags.
tag_tables open_tag_tables(storage::write_transaction& txn);

// The last position of a type, of the events that the tables cover; 0: there is none.
std::uint64_t head_in_table(storage::write_transaction& txn, std::string_view type);

// For a log that an idem has written that knew of no tags: one step, of at most 65,536 events, of
// bringing the tables of tags and types to where the index of ids is. The view must not be used any
// more, and the transaction is to be committed. False: there is a damaged event, and nothing was
// done.
bool index_tags(storage::environment& env, storage::write_transaction& txn,
                const log_tables& tables, const index_view& view);

}  // namespace idem
