#include "projection/forget_rows.hpp"

#include <string>
#include <vector>

#include "log/catalog.hpp"
#include "projection/catalog.hpp"
#include "projection/checkpoints.hpp"
#include "projection/snapshots.hpp"

namespace idem {
namespace {

void forget_progress(storage::write_transaction& txn, storage::table catalog) {
    for (auto& record : list_projections(txn, catalog)) {
        record.checkpoint = 0;
        record.digest = {};
        record.failed_position = 0;
        record.failure.clear();
        record.erased.clear();
        record.floor = record.walk_to = record.walked = record.touches = 0;
        record.late.clear();
        write_projection(txn, catalog, catalog_key(record.name(), record.version()), record);
    }
    for (const auto& rebuild : list_rebuilds(txn, catalog)) {
        txn.erase(catalog, rebuild_key(rebuild.name(), rebuild.version()));
    }
    drop_checkpoint_entries(txn, catalog, 0);
}

bool holds_rows(const std::string& table) {
    return table.starts_with("state/") || table.starts_with("undo/") ||
           table == checkpoints_table || table == snapshots_name;
}

}  // namespace

void forget_all_rows(storage::environment& env) {
    const auto catalog = env.find_table(catalog_name).value();
    storage::write(env, [&](storage::write_transaction& txn) { forget_progress(txn, catalog); });
    for (const auto& name : env.table_names()) {
        if (!holds_rows(name)) continue;
        const auto rows = env.find_table(name).value();
        storage::write(env, [&](storage::write_transaction& txn) { txn.clear_table(rows); });
    }
}

}  // namespace idem
