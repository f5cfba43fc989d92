// A projection's rows made anew beside those in use, and put in their place in one commit.
//
// 1. replay: the log is folded into an environment of its own, a folder inside the store's, whose
//    commits no appender waits for.
// 2. load: those rows are brought into the store in key order, in short commits, under the catalog
//    entry "rebuild/NAME@VERSION", which no reader looks at.
// 3. catch-up: the events since are applied there.
// 4. swap: in one commit the last events, and the entry moves to "projection/NAME@VERSION".
//
// Each commit leaves a state from which the next rebuild goes on.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "idem/rebuild.hpp"
#include "idem/store.hpp"
#include "projection/runner.hpp"
#include "storage/folder_lock.hpp"

namespace idem {

rebuild_result rebuild_projection(const event_source& source, const projection& p, unsigned threads,
                                  const rebuild_options& options);

// The folder, inside the store's, where the rows of a version are made anew.
std::string rebuild_folder_name(std::string_view name, std::uint32_t version);

// Removes the folders of rebuilds that were left unfinished and that nobody goes on with at this
// time. Once data was erased no rebuild goes on with what it has, and that may hold the data.
void remove_abandoned_rebuilds(const std::filesystem::path& store);

// Makes a kept version the current one; with the projection, after the last event was applied.
void switch_current(const event_source& source, std::string_view name, std::uint32_t version,
                    const projection* p, unsigned threads);

// Throws invalid_input for the current version, unless it is the last of its name.
void drop_version(const event_source& source, std::string_view name, std::uint32_t version);

// Erases all rows of a slot, in commits that hold the writer for a moment each, unless somebody
// takes it meanwhile.
void clear_in_steps(storage::environment& env, std::string_view name, std::uint32_t version,
                    std::uint8_t slot);

}  // namespace idem
