// Rebuilding a projection beside the rows that are in use: store::rebuild().
//
// The log is folded anew in a folder inside the store's, and the rows are swapped in one commit:
// readers see the old rows or the new, appends go on. What a crash or a stop leaves is taken up by
// the next rebuild of the same projection; one at a time of a name and version (busy). At the first
// event that fails it stops with handler_failed, the old rows untouched, and the next one starts
// anew; events that were skipped in the rows of the same code stay skipped. The version before is
// kept until it is dropped; rows of the same version are replaced. The projection need not run
// before; where it rested as stale, it runs from then on.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idem/state.hpp"

namespace idem {

// How far a rebuild is.
struct rebuild_progress {
    enum class phase : std::uint8_t {
        replay,    // folding the log into rows beside the store
        load,      // bringing them into the store; `position` and `whole` count rows
        catch_up,  // the events since
        swap,      // the last of them, and the pointer
    };
    phase now = phase::replay;
    std::uint64_t position = 0;
    std::uint64_t whole = 0;
};
std::string_view to_string(rebuild_progress::phase phase) noexcept;

struct rebuild_options {
    std::uint64_t events_per_second_max = 0;   // 0: as fast as it goes
    std::size_t memory_bytes_max = 256 << 20;  // for rows that are worked on
    bool make_current = true;                  // false: keep it beside, for switch_projection()
    bool resume = true;  // false: start anew, whatever an earlier rebuild has left
    // Called some times a second, by one thread at a time but not always the same; false stops it,
    // and the next rebuild goes on there.
    std::function<bool(const rebuild_progress&)> progress = {};
};

struct rebuild_result {
    bool complete = true;  // false: stopped by `progress`
    std::uint64_t position = 0;
    std::uint64_t rows = 0;
    state_digest digest;
    std::optional<std::uint32_t> replaced;   // the version that was current before
    std::chrono::nanoseconds writer_held{};  // by the swap
};

// A rebuild that was begun and has not come to its end: it was stopped, or is under way.
struct unfinished_rebuild {
    std::string name;
    std::uint32_t version = 1;
    // How far its rows are that are in the store already; nullopt: all are beside it still.
    std::optional<std::uint64_t> position = {};
};

// Those that the store in this folder has, by name and version; one whose name is longer than 64
// bytes only once its rows are in the store. Throws as opening the store for reading.
std::vector<unfinished_rebuild> unfinished_rebuilds(const std::filesystem::path& store);

}  // namespace idem
