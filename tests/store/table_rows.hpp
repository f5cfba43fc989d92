// The rows of a table of the store's own as they lie on disk, but for that of the fold's version.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "idem/store.hpp"
#include "idempotency/reserved.hpp"
#include "storage/cursor.hpp"
#include "storage/storage.hpp"

inline std::map<std::string, std::string> table_rows(const std::filesystem::path& store,
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
