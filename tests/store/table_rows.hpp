// The rows of a table of the store's own as they stand, but for that of the fold's version.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "idem/store.hpp"
#include "idempotency/folds.hpp"
#include "idempotency/reserved.hpp"
#include "storage/cursor.hpp"
#include "storage/storage.hpp"

inline std::unique_ptr<idem::reserved_fold> fold_of(std::string_view table) {
    auto folds = idem::reserved_folds();
    for (auto& fold : folds) {
        if (fold->table() == table) return std::move(fold);
    }
    return nullptr;
}

// Those of the table, and what the log says that is not in there yet.
inline std::map<std::string, std::string> table_rows(const std::filesystem::path& store,
                                                     std::string_view table) {
    const auto env = idem::storage::environment::open(store, {});
    const auto tables = idem::log_tables::open(*env);
    const auto found = env->find_table(table);
    std::map<std::string, std::string> rows;
    if (!found) return rows;
    const idem::storage::read_transaction txn(*env);
    idem::row_tail tail;
    auto at = idem::read_reserved(txn, tables, *found, *fold_of(table), tail).walk();
    while (const auto row = at.next()) {
        if (row->first != idem::reserved_info_key) rows.emplace(row->first, row->second);
    }
    return rows;
}

// Those on disk alone.
inline std::map<std::string, std::string> written_rows(const std::filesystem::path& store,
                                                       std::string_view table) {
    const auto env = idem::storage::environment::open(store, {});
    const auto found = env->find_table(table);
    std::map<std::string, std::string> rows;
    if (!found) return rows;
    const idem::storage::read_transaction txn(*env);
    idem::storage::cursor at(txn, *found);
    for (auto row = at.first(); row; row = at.next()) {
        if (row->first != idem::reserved_info_key) rows.emplace(row->first, row->second);
    }
    return rows;
}

// Writes what stands in the tail of a table out, as any process may at any time.
inline void write_out_tail(const std::filesystem::path& store, std::string_view table) {
    const auto env = idem::storage::environment::open(store, {});
    const auto tables = idem::log_tables::open(*env);
    const auto fold = fold_of(table);
    env->find_table(table);
    idem::storage::write(*env, [&](idem::storage::write_transaction& txn) {
        idem::indexed_events added;
        const idem::open_log log{txn, idem::read_log_head(txn, tables),
                                 idem::index_view(txn, tables, added)};
        idem::tailed_table tailed(*fold);
        tailed.begin();
        tailed.open(log, log.head.position);
        tailed.write_out(txn);
    });
}

// Everything that a store has appended, appended to another.
inline void copy_events(const idem::store& from, idem::store& to) {
    std::vector<idem::event> batch;
    from.read({}, [&](const idem::event_view& e) {
        batch.push_back(e.to_owned());
        if (batch.size() < 1000) return;
        to.append(batch);
        batch.clear();
    });
    to.append(batch);
}
