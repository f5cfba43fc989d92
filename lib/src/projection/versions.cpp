// Which of the kept versions of a projection is the current one, and which are dropped.
#include <fmt/format.h>

#include <limits>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "log/catalog.hpp"
#include "projection/checkpoints.hpp"
#include "projection/rebuild.hpp"
#include "storage/cursor.hpp"
#include "storage/file_watch.hpp"

namespace idem {
namespace {

projection_record require_version(const storage::transaction& txn, storage::table catalog,
                                  std::string_view name, std::uint32_t version) {
    auto record = read_projection(txn, catalog, catalog_key(name, version));
    if (record) return std::move(*record);
    throw error(errc::not_found,
                fmt::format("the store keeps no projection {}; `idem projections` lists those it "
                            "does",
                            text::shown(versioned(name, version))));
}

}  // namespace

void switch_current(const event_source& source, std::string_view name, std::uint32_t version,
                    const projection* p, unsigned threads) {
    storage::environment& env = *source.env;
    const auto catalog = env.find_table(catalog_name).value();
    const std::string key = catalog_key(name, version);
    projection_record record;
    {
        const storage::read_transaction txn(env);
        record = require_version(txn, catalog, name, version);
    }
    std::optional<projection_runner> runner;
    const auto known = source.schemas->get();
    if (p && staleness(record, identity_of(*p, *known)).empty()) {
        const auto rows = env.find_table(state_table_name(name, version, record.slot)).value();
        std::optional<storage::table> undo;
        if (p->order == fold_order::canonical) {
            undo = env.find_table(undo_table_name(name, version, record.slot)).value();
        }
        runner.emplace(*p, *known,
                       projection_place{source.env, catalog, key, record.slot, rows, undo}, source,
                       threads);
        try {
            runner->advance(std::numeric_limits<std::uint64_t>::max());
        } catch (const error& e) {
            // Older code may not read the newest events. Its rows are whole as they are, and the
            // record says where they stand and why.
            if (e.code() != errc::handler_failed && e.code() != errc::stale) throw;
            runner.reset();
        }
    }
    storage::write(env, [&](storage::write_transaction& txn) {
        if (runner) {
            runner->begin(txn);
            runner->finish(txn);
        }
        record = require_version(txn, catalog, name, version);
        record.registered = next_registration(txn, catalog);
        write_projection(txn, catalog, key, record);
    });
    env.watch().announce_commit();
}

void drop_version(const event_source& source, std::string_view name, std::uint32_t version) {
    storage::environment& env = *source.env;
    const auto catalog = env.find_table(catalog_name).value();
    std::uint8_t slot = 0;
    storage::write(env, [&](storage::write_transaction& txn) {
        const projection_record dropped = require_version(txn, catalog, name, version);
        for (const auto& other : list_projections(txn, catalog)) {
            if (other.name() != name || other.version() == version) continue;
            if (current_projection(txn, catalog, name)->version() != version) break;
            throw error(errc::invalid_input,
                        fmt::format("{} is the current version; switch to {} first",
                                    versioned(name, version), versioned(name, other.version())),
                        {.field = "version"});
        }
        slot = dropped.slot;
        txn.erase(catalog, catalog_key(name, version));
    });
    env.watch().announce_commit();
    drop_checkpoints(env, name, version);
    clear_in_steps(env, name, version, slot);
}

void clear_in_steps(storage::environment& env, std::string_view name, std::uint32_t version,
                    std::uint8_t slot) {
    constexpr std::size_t step_rows = 4096;
    const auto catalog = env.find_table(catalog_name).value();
    for (const auto& table :
         {state_table_name(name, version, slot), undo_table_name(name, version, slot)}) {
        const auto rows = env.find_table(table);
        for (bool more = rows.has_value(); more;) {
            storage::write(env, [&](storage::write_transaction& txn) {
                more = false;
                if (slot_is_taken(txn, catalog, name, version, slot)) return;
                more = storage::erase_some(txn, *rows, {}, step_rows);
            });
        }
    }
}

}  // namespace idem
