// idem::state over rows in an environment, and replay of the log into a scratch one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "idem/state.hpp"
#include "projection/runner.hpp"

namespace idem {

// Of a version that the catalog of `env` knows.
state make_state(const std::shared_ptr<storage::environment>& env, storage::table catalog,
                 const projection_record& record,
                 std::function<std::string(std::string_view)> row_to_json);

// Of all rows as they are. The catalog entry that it is compared with must be of the same snapshot,
// so this is one transaction as long as it takes to read them once.
state_digest digest_of_rows(const storage::transaction& txn, storage::table rows);

// Folds the log from its beginning up to `position` into a scratch environment, which goes with the
// last copy of the state. Throws handler_failed.
state replay_log(const event_source& source, const projection& p, std::uint64_t position,
                 unsigned threads, const watch_work& watch = {});

}  // namespace idem
