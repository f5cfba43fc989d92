// An environment with one table of texts, as the tests of this room use it.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "error_code.hpp"
#include "storage/storage.hpp"

inline void make(const std::filesystem::path& folder,
                 const idem::storage::environment_options& options = {}) {
    idem::storage::environment::create(folder, options, [](idem::storage::write_transaction& txn) {
        txn.put(txn.open_table("t"), "made", "yes");
    });
}

inline std::string get(idem::storage::environment& env, std::string_view key) {
    const auto table = env.find_table("t");
    const idem::storage::read_transaction txn(env);
    const auto found = txn.get(*table, key);
    return found ? std::string(*found) : "";
}

inline void put(idem::storage::environment& env, std::string_view key, std::string_view value) {
    idem::storage::write(env, [&](idem::storage::write_transaction& txn) {
        txn.put(txn.open_table("t"), key, value);
    });
}
