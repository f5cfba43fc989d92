// The storage room: LMDB behind move-only owners. Nothing of lmdb.h leaves it, no raw code either:
// faults are idem::error, "not there" is a return value.
//
// The rules it keeps for every caller:
// - one environment a process and file, shared through a registry keyed by device and inode;
// - an environment is of the process that opened it: use after fork() is errc::forked;
// - the map grows only while no transaction of this process is live;
// - reader slots of dead processes are reclaimed at open and before giving up;
// - a failed commit is no_space or io if nothing was written, outcome_unknown if that is open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "idem/error.hpp"
#include "storage/options.hpp"

// LMDB's own, left incomplete here.
struct MDB_txn;

namespace idem::storage {

class environment;
class file_watch;
class read_transaction;
class write_transaction;

// Keys sort as bytes, or as native 64-bit integers.
enum class key_order : std::uint8_t { bytes, integer };

// A named table of an environment: a value, valid as long as the environment.
class table {
public:
    table() = default;
    friend bool operator==(table, table) = default;

    explicit table(unsigned handle) noexcept : handle_(handle) {}  // for this room only
    unsigned raw() const noexcept { return handle_; }

private:
    unsigned handle_ = 0;
};

struct table_stats {
    std::uint64_t entries = 0;
    std::uint64_t page_bytes = 0;
    std::uint64_t bytes = 0;  // of all its pages
};

// A key and a value inside the map: valid until the transaction ends or, within a write
// transaction, until its next write.
using entry = std::pair<std::string_view, std::string_view>;

// An open folder. Any thread.
class environment {
public:
    // Opens `folder`, which holds a data.mdb, or shares it if this process has it open. Throws
    // not_found, not_a_store, permission_denied, network_file_system, unsupported_format, corrupt,
    // busy, io.
    static std::shared_ptr<environment> open(const std::filesystem::path& folder,
                                             const environment_options& options);

    // Makes `folder` with a new environment in it that `fill` completes in one write transaction.
    // It is there whole or not at all. False: it was there already, or came meanwhile.
    static bool create(const std::filesystem::path& folder, const environment_options& options,
                       const std::function<void(write_transaction&)>& fill);

    // An unsynced one in a fresh folder under `parent`, removed with its last owner.
    static std::shared_ptr<environment> scratch(const std::filesystem::path& parent,
                                                std::uint64_t map_bytes = 64ULL << 30);

    ~environment();
    environment(const environment&) = delete;
    environment& operator=(const environment&) = delete;

    const std::filesystem::path& folder() const noexcept;
    bool read_only() const noexcept;

    // A table by name; nullopt where it does not exist. A table can be used in transactions that
    // begin after it was found, and in this thread's write transaction. Found once, it is kept.
    std::optional<table> find_table(std::string_view name, key_order order = key_order::bytes);
    // The names of all tables.
    std::vector<std::string> table_names() const;

    // Doubles the map, or makes it as much larger as the system grants. Waits until no transaction
    // of this process is live; throws busy when that takes more than half a minute, map_full if
    // refused, and the map is then what it was.
    void grow();

    environment_stats stats() const;

    // Copies a consistent snapshot into the existing folder `target`, compacted, synced to disk.
    void copy_to(const std::filesystem::path& target) const;

    // Asked before a caller waits for others. Throws forked in a child, where they are not there;
    // busy where this thread is inside a write transaction of this environment, and would wait for
    // itself. Every write transaction asks.
    void check_usable() const;

    // Throws busy where this thread is inside a read transaction of this environment. A write by
    // it, or by another thread that it waits for, could not grow the map.
    void check_not_reading() const;

    // Throws io where the files were removed or replaced since they were opened. Writers need not
    // ask: every write transaction does.
    void check_files() const;

    // Releases the slots of dead processes; returns how many.
    int reclaim_readers();

    // The wake-up call for whoever waits for a commit, of this process or another.
    file_watch& watch() noexcept;

    struct state;  // seen in this room only
    explicit environment(std::unique_ptr<state> s) noexcept;
    state& internals() const noexcept { return *state_; }

private:
    std::unique_ptr<state> state_;
};

// What both kinds of transaction can do. One thread at a time.
class transaction {
public:
    transaction(const transaction&) = delete;
    transaction& operator=(const transaction&) = delete;

    std::optional<std::string_view> get(table t, std::string_view key) const;
    std::optional<std::string_view> get(table t, std::uint64_t key) const;  // key_order::integer
    // The same, and not counted as left behind in memory by a walk: it is needed again soon.
    std::optional<std::string_view> peek(table t, std::string_view key) const;
    std::optional<std::string_view> peek(table t, std::uint64_t key) const;
    table_stats stats(table t) const;
    std::uint64_t id() const noexcept;  // rises with each commit; a reader has that of its snapshot
    // Rises with each write in it, which may move what was read before.
    std::uint64_t changes() const noexcept { return changes_; }

    // For this room only.
    void note_read(std::string_view bytes) const noexcept {
        constexpr std::uintptr_t window = 64 << 10;  // what the system maps around a page
        const auto now = reinterpret_cast<std::uintptr_t>(bytes.data()) / window;
        if (now == last_window_) return;
        last_window_ = now;
        count_windows(1 + bytes.size() / window);
    }
    void count_windows(std::uint64_t read) const noexcept {
        constexpr std::uint64_t reported_at_once = 16;
        if ((windows_ += read) >= reported_at_once) report_read();
    }
    void report_read() const noexcept;
    MDB_txn* raw() const noexcept { return handle_; }
    const environment& owner() const noexcept { return *environment_; }

protected:
    explicit transaction(environment& env) noexcept : environment_(&env) {}
    ~transaction() = default;
    environment* environment_;
    MDB_txn* handle_ = nullptr;
    std::uint64_t changes_ = 0;
    mutable std::uint64_t windows_ = 0;  // of the map that were read, not yet reported
    mutable std::uintptr_t last_window_ = 0;
};

// A snapshot. Keep it short: while it lives, no page freed after it is reused. Takes over a map
// that another process has grown. Throws forked, too_many_readers.
class read_transaction : public transaction {
public:
    explicit read_transaction(environment& env);
    ~read_transaction();
};

// The one writer. Blocks until other writers, of any process, are done. Aborts unless committed.
// Throws read_only, forked; busy where this thread already has one.
class write_transaction : public transaction {
public:
    explicit write_transaction(environment& env);
    ~write_transaction();

    // Finds a table, or makes it within this transaction.
    table open_table(std::string_view name, key_order order = key_order::bytes);
    void clear_table(table t);  // its rows only

    void put(table t, std::string_view key, std::string_view value);
    void put(table t, std::uint64_t key, std::string_view value);  // key_order::integer
    // Behind the last key: errc::corrupt if the key is not greater, for that is a race or a bug.
    void append(table t, std::string_view key, std::string_view value);
    // The same; the caller fills the memory, which is valid until the next write.
    std::span<char> append(table t, std::uint64_t key, std::size_t bytes);
    bool erase(table t, std::string_view key);  // false: was not there
    bool erase(table t, std::uint64_t key);

    // On disk when it returns. Throws no_space or io where nothing was written, outcome_unknown
    // where it may have been. Use storage::write rather than this.
    void commit();

    // A write has met the end of the map: it is to begin again, in a larger one.
    bool met_map_end() const noexcept { return met_map_end_; }

private:
    friend class environment;
    struct opened_tables;
    std::optional<table> find_opened(std::string_view name, key_order order);
    void begin_opening();
    void leave(bool committed) noexcept;
    void note_map_end(int code) noexcept;
    void check_write(int code, std::string_view doing);
    bool met_map_end_ = false;
    std::uint64_t tables_known_ = 0;  // how many had been opened when this began
    std::unique_ptr<opened_tables> opened_;
};

// A table was opened after a write transaction began that opens one: write() begins again.
struct begun_too_early {};

// Runs `body(write_transaction&)` and commits. Runs it again, from nothing, where the map had to
// grow or another thread has opened a table meanwhile; so it must have no other effect than on the
// transaction and on what it overwrites.
template <class Body>
void write(environment& env, Body&& body) {
    for (;;) {
        std::optional<write_transaction> txn;
        try {
            txn.emplace(env);
            body(*txn);
            txn->commit();
            return;
        } catch (const begun_too_early&) {
            continue;             // there are at most tables_max of them
        } catch (const error&) {  // map_full may be of the caller's own function
            if (!txn || !txn->met_map_end()) throw;
            txn.reset();
        }
        env.grow();  // throws map_full where it cannot
    }
}

std::uint64_t integer_key(std::string_view key) noexcept;
// Writes through to disk: the folder's entries, so that a rename in it survives a power cut.
void sync_folder(const std::filesystem::path& folder);

}  // namespace idem::storage
