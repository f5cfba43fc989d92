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
#include "projection/identity.hpp"
#include "storage/storage.hpp"

namespace idem {

struct skipped_event {
    std::uint64_t position = 0;
    std::string failure;
    std::string reason;
};

struct projection_record {
    projection_identity made_by;
    bool fingerprinted = true;  // false: kept by an idem that did not note what made the rows
    std::uint64_t checkpoint = 0;
    state_digest digest;
    std::uint8_t slot = 0;  // which of its two tables has the rows
    std::string definition;
    std::uint64_t failed_position = 0;
    std::string failure;
    std::vector<skipped_event> skipped;  // by position; they are not applied
    std::uint64_t registered = 0;        // the highest of a name is its current version
    bool loading = false;                // of a rebuild: its rows are not all there yet
    std::string erased;          // not empty: the rows hold data that was erased since, and why
    std::uint64_t erasures = 0;  // of a rebuild: position of the last erasure when it began

    // Of a canonical projection.
    std::uint64_t floor = 0;    // clock; what is touched by an event below cannot be taken back
    std::uint64_t walk_to = 0;  // not 0: the events up to here are folded from nothing
    std::uint64_t walked = 0;   // and so many of them are in the rows
    std::string late;           // not empty: an event came too late, and which one
    std::uint64_t refolds = 0;  // how often that was so
    std::uint64_t touches = 0;  // that can be taken back, as the table of undo counts them

    const std::string& name() const noexcept { return made_by.name; }
    std::uint32_t version() const noexcept { return made_by.version; }
    bool skips(std::uint64_t position) const noexcept;
    void skip_failed(std::string_view reason);  // the event before which it stands
    void skip_also(const std::vector<skipped_event>& more);
    // Events behind this position are in no row.
    std::uint64_t reached() const noexcept { return walk_to > checkpoint ? walk_to : checkpoint; }
};

// Why the rows of a record are not those of other code; empty where they are, or nobody knows.
std::string staleness(const projection_record& kept, const projection_identity& wanted);

// "NAME@VERSION", and where its rows are, and where the catalog tells of them.
std::string versioned(std::string_view name, std::uint32_t version);
std::string state_table_name(std::string_view name, std::uint32_t version, std::uint8_t slot);
std::string undo_table_name(std::string_view name, std::uint32_t version, std::uint8_t slot);
std::string catalog_key(std::string_view name, std::uint32_t version);
std::string rebuild_key(std::string_view name, std::uint32_t version);

// The slot that the entry under this key, if there is one, does not have.
std::uint8_t free_slot(const storage::transaction& txn, storage::table catalog,
                       std::string_view key);
// Whether rows in use, or rows of a rebuild, are in this one.
bool slot_is_taken(const storage::transaction& txn, storage::table catalog, std::string_view name,
                   std::uint32_t version, std::uint8_t slot);

// Nullopt where there is no such entry. Throws corrupt.
std::optional<projection_record> read_projection(const storage::transaction& txn,
                                                 storage::table catalog, std::string_view key);
void write_projection(storage::write_transaction& txn, storage::table catalog, std::string_view key,
                      const projection_record& record);

// All of them, by name and version; bounded by the number of tables that an environment may have.
std::vector<projection_record> list_projections(const storage::transaction& txn,
                                                storage::table catalog);
// Those that are being made anew, as far as they are in the catalog.
std::vector<projection_record> list_rebuilds(const storage::transaction& txn,
                                             storage::table catalog);
// What makes the next one registered the current version of its name.
std::uint64_t next_registration(const storage::transaction& txn, storage::table catalog);
// The current version of a name.
std::optional<projection_record> current_projection(const storage::transaction& txn,
                                                    storage::table catalog, std::string_view name);

}  // namespace idem
