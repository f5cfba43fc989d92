// What the storage room shares among its own files: the only header that sees lmdb.h.
#pragma once

#include <lmdb.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "storage/file_watch.hpp"
#include "storage/storage.hpp"
#include "storage/unfinished_folder.hpp"

namespace idem::storage {

// Counts the live transactions of this process, so that the map changes only while there is none.
// Not a shared mutex: a read transaction may end on another thread than it began on.
class map_gate {
public:
    void enter();
    void leave() noexcept;
    // Runs `change` with no transaction live and none beginning; false if that did not come about
    // in time.
    bool alone(std::chrono::milliseconds patience, const std::function<void()>& change);

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t live_ = 0;
    bool closed_ = false;
};

// Keeps small what this process has mapped of the file: gives all of it back after every so many
// bytes read. Called within a transaction, when the map stands still.
class residence {
public:
    void note_read(std::uint64_t windows, const std::filesystem::path& folder) noexcept;
    void forget() noexcept;  // the map is elsewhere now

private:
    std::atomic<std::uint64_t> windows_ = 0;
    std::mutex mutex_;
    bool known_ = false;
    std::span<std::byte> map_;
};

// What is asked of a file on each commit: not its times. Once those were asked for, Linux 6.13 and
// later stamp the next write with a new one, and the commit then waits for the inode too.
struct file_facts {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t bytes = 0;
};
std::optional<file_facts> ask_file(int folder, const char* name) noexcept;
std::optional<file_facts> ask_file(int file) noexcept;

// The files as they were when they were opened, found by their folder wherever that is moved.
class file_places {
public:
    file_places(const std::filesystem::path& folder, int data_file);
    ~file_places();
    file_places(const file_places&) = delete;
    file_places& operator=(const file_places&) = delete;

    const char* missing() const noexcept;  // the name of one that was removed or replaced, or null

private:
    struct identity {
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        bool operator==(const identity&) const = default;
    };
    static identity of(const std::optional<file_facts>& facts) noexcept;
    identity find(const char* name) const noexcept;

    int folder_;
    identity data_;
    identity lock_;
};

// Whoever opens the store after its lock file was removed makes a new one, and both would write.
// LMDB notices nothing; so every write transaction asks. Throws io.
void check_in_place(const environment::state& s);

// While it lives, descriptors 0 to 2 are taken, in a process that was started without them: what is
// opened meanwhile does not become standard output, which others print to.
class low_descriptors_taken {
public:
    low_descriptors_taken() noexcept;
    ~low_descriptors_taken();
    low_descriptors_taken(const low_descriptors_taken&) = delete;
    low_descriptors_taken& operator=(const low_descriptors_taken&) = delete;

private:
    std::array<bool, 3> taken_{};
};

inline constexpr MDB_dbi main_table = 1;  // LMDB's own, whose keys are the names of the others

struct environment::state {
    std::filesystem::path folder;
    environment_options options;
    MDB_env* env = nullptr;
    pid_t process = ::getpid();
    std::unique_ptr<unfinished_folder> scratch;  // where this is one: its folder
    map_gate gate;
    residence resident;
    std::atomic<bool> map_lost = false;  // for good; set with no transaction live
    std::optional<file_places> places;   // once it is open
    file_watch watch;
    std::atomic<std::uint32_t> begun = 0;  // read transactions; every so many, dead ones are sought

    // The writer: one thread at a time, by LMDB's own lock. Only that thread looks behind the
    // pointer.
    std::atomic<std::thread::id> writer{};
    write_transaction* writer_txn = nullptr;

    // mdb_dbi_open is not concurrent: whoever opens a table holds this until its transaction ends.
    // A transaction gives a table the first handle that was free when it began; so one that began
    // before the latest table was opened must open none, or two tables would share a handle.
    std::recursive_mutex tables_mutex;
    std::atomic<std::uint64_t> tables_opened = 0;  // changes under the mutex
    std::map<std::string, MDB_dbi, std::less<>> tables;
    // Those that were sought and not there, and how many tables there were then. Many are sought
    // again and again, such as those of data subjects in a store that has none.
    std::map<std::string, std::size_t, std::less<>> absent;
    void note_absent(const std::string& name, std::size_t count);

    explicit state(const std::filesystem::path& where) : folder(where), watch(where / "data.mdb") {}
    ~state();
};

// The tables that a write transaction has opened: everybody's once it has committed.
struct write_transaction::opened_tables {
    std::unique_lock<std::recursive_mutex> lock;
    std::map<std::string, MDB_dbi, std::less<>> tables;
};

// Marks a transaction of this thread as live, for as long as it is.
void enter_environment(environment::state& s);
void leave_environment(environment::state& s) noexcept;
bool in_transaction_of(const environment::state& s) noexcept;

// The map was given up for a larger one that the system then refused: LMDB has none, and reads and
// writes would end in a signal. Throws map_full.
void check_map(const environment::state& s);
void enter_mapped(environment::state& s);  // both; not entered where it throws

// Whether the system has address space for so much more, and some room for all else.
bool grants_map(std::uint64_t bytes) noexcept;

// Wait until no transaction of this process is live. A size that the system refuses leaves the map
// as it is. Throw busy, map_full.
void grow_map(environment::state& s);
void adopt_map(environment::state& s);  // it has outgrown what this process has mapped

// Throws what an LMDB or system code means, naming the folder and what was tried.
[[noreturn]] void throw_fault(const std::filesystem::path& folder, int code,
                              std::string_view doing);
void check(const environment::state& s, int code, std::string_view doing);
void check_process(const environment::state& s);

std::uint64_t file_bytes_of(const std::filesystem::path& folder) noexcept;

// The file must hold every page that its latest commit counts, for to read one behind its end would
// kill the process. LMDB does not write pages that a transaction took at the end and freed again;
// such a file is made as long as it should be, once the commit is done. Should the process die
// before that, whoever opens the store for writing does it.
bool misses_pages(const environment::state& s) noexcept;  // within a transaction
void complete_file(environment::state& s);                // outside of one
void check_file_end(environment::state& s);  // throws corrupt where pages that are used are missing

bool is_network_file_system(long type) noexcept;
void refuse_network_file_system(const std::filesystem::path& folder);

inline MDB_val to_val(std::string_view bytes) noexcept {
    return {bytes.size(), const_cast<char*>(bytes.data())};
}
inline std::string_view to_view(const MDB_val& value) noexcept {
    return {static_cast<const char*>(value.mv_data), value.mv_size};
}

// Opens the environment of a folder that is known to be there, past the registry.
std::unique_ptr<environment::state> open_state(const std::filesystem::path& folder,
                                               const environment_options& options);

}  // namespace idem::storage
