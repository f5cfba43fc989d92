#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>

#include "idem/limits.hpp"
#include "storage/cursor.hpp"
#include "storage/handles.hpp"
#include "storage/registry.hpp"

namespace idem::storage {
namespace {

constexpr std::uint64_t smallest_map = 1 << 20;

// Opens with the map asked for, or the largest that the system grants down to what the file needs.
int open_with_map(environment::state& s, unsigned flags) {
    const std::uint64_t needed = std::max(smallest_map, file_bytes_of(s.folder));
    std::uint64_t map = std::max(s.options.map_bytes, needed);
    for (;;) {
        int code = mdb_env_create(&s.env);
        if (code != 0) return code;
        mdb_env_set_maxreaders(s.env, s.options.reader_slots);
        mdb_env_set_maxdbs(s.env, s.options.tables_max);
        code = mdb_env_set_mapsize(s.env, map);
        if (code == 0) code = mdb_env_open(s.env, s.folder.c_str(), flags, 0644);
        if (code == 0) return 0;
        mdb_env_close(s.env);
        s.env = nullptr;
        if (code != ENOMEM || map <= needed) return code;
        do {
            map = std::max(map / 2, needed);
        } while (map > needed && !grants_map(map));
    }
}

struct reader_lines {
    std::uint64_t oldest = std::numeric_limits<std::uint64_t>::max();
};

// One line of mdb_reader_list: process, thread, transaction (or "-").
int take_reader_line(const char* line, void* to) {
    const std::string_view text(line);
    const auto last = text.find_last_not_of(" \n");
    if (last == std::string_view::npos) return 0;
    const auto start = text.find_last_of(' ', last);
    const std::string_view word =
        text.substr(start == std::string_view::npos ? 0 : start + 1, last - start);
    std::uint64_t transaction = 0;
    const auto [end, fault] = std::from_chars(word.data(), word.data() + word.size(), transaction);
    auto& lines = *static_cast<reader_lines*>(to);
    if (fault == std::errc() && end == word.data() + word.size()) {
        lines.oldest = std::min(lines.oldest, transaction);
    }
    return 0;
}

// Pages on the free list: each of its entries begins with a count.
std::uint64_t free_pages(MDB_txn* txn) {
    constexpr MDB_dbi free_list = 0;
    std::uint64_t pages = 0;
    MDB_cursor* cursor = nullptr;
    if (mdb_cursor_open(txn, free_list, &cursor) != 0) return 0;
    MDB_val key;
    MDB_val value;
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        std::size_t count = 0;
        if (value.mv_size < sizeof count) break;
        std::memcpy(&count, value.mv_data, sizeof count);
        pages += count;
    }
    mdb_cursor_close(cursor);
    return pages;
}

void sync_path(const std::filesystem::path& path, int flags) {
    const int file = ::open(path.c_str(), flags | O_CLOEXEC);
    if (file < 0) throw_fault(path, errno, "opening for sync");
    const int code = ::fsync(file) == 0 ? 0 : errno;
    ::close(file);
    if (code != 0) throw_fault(path, code, "sync to disk");
}

}  // namespace

std::uint64_t file_bytes_of(const std::filesystem::path& folder) noexcept {
    std::error_code ignored;
    const auto size = std::filesystem::file_size(folder / "data.mdb", ignored);
    return ignored ? 0 : size;
}

std::unique_ptr<environment::state> open_state(const std::filesystem::path& folder,
                                               const environment_options& options) {
    if (!options.allow_network_file_system) refuse_network_file_system(folder);
    const low_descriptors_taken standard_streams_stay_free;
    auto s = std::make_unique<environment::state>(folder);
    s->options = options;
    const unsigned flags =
        MDB_NOTLS | (options.read_only ? MDB_RDONLY : 0U) | (options.unsynced ? MDB_NOSYNC : 0U);
    int code = open_with_map(*s, flags);
    // A reader who may not write the lock file does without: it then trusts that nobody writes
    // meanwhile. If somebody does, a page may change under it, which the records' checksums tell.
    if (options.read_only && (code == EACCES || code == EROFS)) {
        code = open_with_map(*s, flags | MDB_NOLOCK);
    }
    check(*s, code, "opening the store");
    int data_file = -1;
    mdb_env_get_fd(s->env, &data_file);
    s->places.emplace(folder, data_file);
    check_file_end(*s);
    int dead = 0;
    mdb_reader_check(s->env, &dead);
    return s;
}

environment::state::~state() {
    if (process == ::getpid()) {
        if (env != nullptr) mdb_env_close(env);
    } else {
        scratch.release();  // in a forked child all of it is the parent's: leave it alone
    }
}

environment::environment(std::unique_ptr<state> s) noexcept : state_(std::move(s)) {}
environment::~environment() = default;

std::shared_ptr<environment> environment::open(const std::filesystem::path& folder,
                                               const environment_options& options) {
    return open_shared(folder, options);
}

const std::filesystem::path& environment::folder() const noexcept {
    return state_->folder;
}
bool environment::read_only() const noexcept {
    return state_->options.read_only;
}
file_watch& environment::watch() noexcept {
    return state_->watch;
}

void environment::state::note_absent(const std::string& name, std::size_t count) {
    constexpr std::size_t names_max = 64;
    if (absent.size() >= names_max) absent.clear();
    absent[name] = count;
}

std::optional<table> environment::find_table(std::string_view name, key_order order) {
    state& s = *state_;
    check_process(s);  // before any lock, which a thread that is not in the child may hold
    const auto known = [&]() -> std::optional<table> {
        const auto found = s.tables.find(name);
        if (found == s.tables.end()) return std::nullopt;
        return table(found->second);
    };
    {
        const std::scoped_lock lock(s.tables_mutex);
        if (const auto found = known()) return found;
    }
    if (s.writer.load() == std::this_thread::get_id()) {
        return s.writer_txn->find_opened(name, order);
    }
    // First the gate, then the lock: as writers do, who hold the lock until they leave.
    enter_mapped(s);
    std::unique_lock lock(s.tables_mutex);
    if (const auto found = known()) {
        leave_environment(s);
        return found;
    }
    // Tables are never removed, so one that was not there is there only if they are more by now.
    MDB_stat tables{};
    const auto absent = s.absent.find(name);
    if (absent != s.absent.end() && mdb_env_stat(s.env, &tables) == 0 &&
        tables.ms_entries == absent->second) {
        leave_environment(s);
        return std::nullopt;
    }
    const std::string key(name);
    MDB_dbi handle = 0;
    MDB_txn* txn = nullptr;
    int code = mdb_txn_begin(s.env, nullptr, MDB_RDONLY, &txn);
    if (code == 0) {
        code = mdb_dbi_open(txn, key.c_str(), order == key_order::integer ? MDB_INTEGERKEY : 0U,
                            &handle);
        if (code == 0) {
            code = mdb_txn_commit(txn);  // or the handle would go with the transaction
        } else {
            if (code == MDB_NOTFOUND && mdb_stat(txn, main_table, &tables) == 0) {
                s.note_absent(key, tables.ms_entries);
            }
            mdb_txn_abort(txn);
        }
    }
    leave_environment(s);
    if (code == MDB_NOTFOUND) return std::nullopt;
    if (code == MDB_MAP_RESIZED) {  // by another process: a reader takes its size over
        lock.unlock();
        { const read_transaction taken_over(*this); }
        return find_table(name, order);
    }
    check(s, code, "opening a table");
    s.tables.emplace(key, handle);
    ++s.tables_opened;
    return table(handle);
}

std::vector<std::string> environment::table_names() const {
    std::vector<std::string> names;
    const read_transaction txn(const_cast<environment&>(*this));
    cursor names_cursor(txn, table(main_table));
    for (auto found = names_cursor.first(); found; found = names_cursor.next()) {
        names.emplace_back(found->first);
    }
    return names;
}

void environment::grow() {
    grow_map(*state_);
}

environment_stats environment::stats() const {
    const read_transaction pinned(const_cast<environment&>(*this));  // the map stays as it is
    MDB_envinfo info{};
    MDB_stat pages{};
    mdb_env_info(state_->env, &info);
    mdb_env_stat(state_->env, &pages);
    environment_stats result;
    result.map_bytes = info.me_mapsize;
    result.file_bytes = file_bytes_of(state_->folder);
    const std::uint64_t free = free_pages(pinned.raw());
    result.used_bytes = (info.me_last_pgno + 1 - free) * pages.ms_psize;
    result.last_transaction = info.me_last_txnid;
    result.readers = info.me_numreaders;
    result.reader_slots = info.me_maxreaders;
    reader_lines lines;
    mdb_reader_list(state_->env, take_reader_line, &lines);
    if (lines.oldest < info.me_last_txnid) {
        result.oldest_reader_lag = info.me_last_txnid - lines.oldest;
    }
    return result;
}

void environment::copy_to(const std::filesystem::path& target) const {
    check_process(*state_);
    enter_mapped(*state_);
    const int code = mdb_env_copy2(state_->env, target.c_str(), MDB_CP_COMPACT);
    leave_environment(*state_);
    check(*state_, code, fmt::format("copying to {}", target.string()));
    sync_path(target / "data.mdb", O_RDONLY);
    sync_folder(target);
}

void environment::check_usable() const {
    check_process(*state_);
    if (state_->writer.load() != std::this_thread::get_id()) return;
    throw error(errc::busy,
                fmt::format("{}: this thread is inside a write of the store already, as "
                            "the handler of an inline projection is; let it end first",
                            state_->folder.string()));
}

void environment::check_not_reading() const {
    if (!in_transaction_of(*state_)) return;
    throw error(errc::busy, fmt::format("{}: this thread is inside a read of the store, as the "
                                        "callback of read() is; append when it has returned",
                                        state_->folder.string()));
}

void environment::check_files() const {
    check_in_place(*state_);
}

int environment::reclaim_readers() {
    int dead = 0;
    check(*state_, mdb_reader_check(state_->env, &dead), "looking for dead readers");
    return dead;
}

void sync_folder(const std::filesystem::path& folder) {
    sync_path(folder, O_RDONLY | O_DIRECTORY);
}

}  // namespace idem::storage
