// Finding or making the place of a projection's rows.
#include <fmt/format.h>

#include "idem/error.hpp"
#include "log/catalog.hpp"
#include "log/check.hpp"
#include "projection/runner.hpp"

namespace idem {
namespace {

bool same_description(const projection_record& record, const projection& p) {
    return record.fingerprinted && record.definition == p.definition;
}

}  // namespace

std::optional<projection_place> prepare_projection(const std::shared_ptr<storage::environment>& env,
                                                   const projection& p,
                                                   const projection_identity& identity,
                                                   std::uint64_t erasures) {
    check_projection_name(p.name);
    const bool canonical = p.order == fold_order::canonical;
    if (canonical && !p.keys_of) {
        throw error(errc::invalid_input,
                    fmt::format("projection {} is declared canonical, and has a handler of the "
                                "whole table: give it keys_of and apply_row, or another order",
                                versioned(p.name, p.version)),
                    {.field = "order"});
    }
    const std::string key = catalog_key(p.name, p.version);
    const auto place_of = [&](storage::table catalog, const projection_record& record,
                              storage::table rows, std::optional<storage::table> undo) {
        return projection_place{env, catalog, key, record.slot, rows, undo};
    };
    if (const auto catalog = env->find_table(catalog_name)) {
        std::optional<projection_record> current;
        {
            const storage::read_transaction txn(*env);
            current = current_projection(txn, *catalog, p.name);
        }
        if (current && !staleness(*current, identity).empty()) return std::nullopt;
        if (current && same_description(*current, p)) {
            const auto rows = env->find_table(state_table_name(p.name, p.version, current->slot));
            const auto undo =
                canonical ? env->find_table(undo_table_name(p.name, p.version, current->slot))
                          : std::nullopt;
            if (rows && canonical == undo.has_value()) {
                return place_of(*catalog, *current, *rows, undo);
            }
        }
    }
    std::optional<projection_place> place;
    storage::write(*env, [&](storage::write_transaction& txn) {
        const storage::table catalog = txn.open_table(catalog_name);
        const auto current = current_projection(txn, catalog, p.name);
        place.reset();
        if (current && !staleness(*current, identity).empty()) return;
        projection_record record = current.value_or(projection_record{});
        if (!current) record.slot = free_slot(txn, catalog, rebuild_key(p.name, p.version));
        const auto rows = txn.open_table(state_table_name(p.name, p.version, record.slot));
        std::optional<storage::table> undo;
        if (canonical) undo = txn.open_table(undo_table_name(p.name, p.version, record.slot));
        if (!current) {
            record.registered = next_registration(txn, catalog);
            // What a version of that name has left that was dropped.
            if (txn.stats(rows).entries > 0) txn.clear_table(rows);
            if (undo && txn.stats(*undo).entries > 0) txn.clear_table(*undo);
        }
        record.made_by = identity;
        record.erasures = erasures;
        record.fingerprinted = true;
        record.definition = p.definition;
        write_projection(txn, catalog, key, record);
        place = place_of(catalog, record, rows, undo);
    });
    return place;
}

}  // namespace idem
