// What the store knows of each version of each projection: entries "projection/NAME@VERSION" of the
// table `catalog`, written in the same commit as the rows that they speak of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idem/projection.hpp"
#include "idem/state.hpp"
#include "storage/storage.hpp"

namespace idem {

struct skipped_event {
    std::uint64_t position = 0;
    std::string failure;
    std::string reason;
};

struct projection_record {
    std::string name;
    std::uint32_t version = 1;
    std::uint64_t checkpoint = 0;
    state_digest digest;
    key_kind keys = key_kind::text;
    bool order_insensitive = false;
    std::string definition;
    std::uint64_t failed_position = 0;
    std::string failure;
    std::vector<skipped_event> skipped;
    std::uint64_t registered = 0;  // the highest of a name is its current version
};

std::string state_table_name(std::string_view name, std::uint32_t version);

// Nullopt where that version is not known. Throws corrupt.
std::optional<projection_record> read_projection(const storage::transaction& txn,
                                                 storage::table catalog, std::string_view name,
                                                 std::uint32_t version);
void write_projection(storage::write_transaction& txn, storage::table catalog,
                      const projection_record& record);

// All of them, by name and version; bounded by the number of tables that an environment may have.
std::vector<projection_record> list_projections(const storage::transaction& txn,
                                                storage::table catalog);
// The current version of a name.
std::optional<projection_record> current_projection(const storage::transaction& txn,
                                                    storage::table catalog, std::string_view name);

}  // namespace idem
