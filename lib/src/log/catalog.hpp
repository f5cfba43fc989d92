// What a store says of itself: the entry "store" of the table `catalog`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "idem/event.hpp"
#include "storage/storage.hpp"

namespace idem {

inline constexpr std::uint32_t format_version = 3;
inline constexpr std::string_view catalog_name = "catalog";

struct store_info {
    std::uint32_t format_version = 0;
    uuid id;
    uuid origin;
    timestamp created;
};

// Makes the tables and the entry of a new store.
void write_new_store(storage::write_transaction& txn);

// Throws not_a_store, or unsupported_format naming both versions and the remedy.
store_info read_store_info(storage::environment& env);

}  // namespace idem
