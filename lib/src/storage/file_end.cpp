#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "storage/handles.hpp"

namespace idem::storage {
namespace {

struct file_end {
    std::uint64_t page_bytes = 0;
    std::uint64_t expected = 0;  // bytes, by the latest commit
    std::uint64_t found = 0;

    bool misses_pages() const noexcept { return found < expected; }
};

int data_file(const environment::state& s) noexcept {
    int file = -1;
    mdb_env_get_fd(s.env, &file);
    return file;
}

file_end measure(const environment::state& s) noexcept {
    MDB_envinfo info{};
    MDB_stat pages{};
    mdb_env_info(s.env, &info);
    mdb_env_stat(s.env, &pages);
    // The size last: the file of a commit is there before the commit counts.
    const auto file = ask_file(data_file(s));
    return {pages.ms_psize, (info.me_last_pgno + 1) * pages.ms_psize, file ? file->bytes : 0};
}

class raw_transaction {
public:
    raw_transaction(const environment::state& s, unsigned flags) {
        if (mdb_txn_begin(s.env, nullptr, flags, &txn_) != 0) txn_ = nullptr;
    }
    ~raw_transaction() {
        if (txn_ != nullptr) mdb_txn_abort(txn_);
    }
    raw_transaction(const raw_transaction&) = delete;
    raw_transaction& operator=(const raw_transaction&) = delete;

    MDB_txn* get() const noexcept { return txn_; }  // nullptr: it could not begin

private:
    MDB_txn* txn_ = nullptr;
};

std::size_t number_at(const MDB_val& value, std::size_t index) {
    std::size_t number = 0;
    std::memcpy(&number, static_cast<const char*>(value.mv_data) + index * sizeof number,
                sizeof number);
    return number;
}

// Whether each page from `first` to `last` is on LMDB's free list, whose entries are a count and so
// many page numbers. The file must have its full length.
bool all_free(const environment::state& s, std::uint64_t first, std::uint64_t last) {
    constexpr MDB_dbi free_list = 0;
    const raw_transaction txn(s, MDB_RDONLY);  // LMDB shows the list to readers only
    MDB_cursor* cursor = nullptr;
    if (txn.get() == nullptr || mdb_cursor_open(txn.get(), free_list, &cursor) != 0) return false;
    std::uint64_t found = 0;
    MDB_val key;
    MDB_val value;
    int code = 0;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        const std::size_t room = value.mv_size / sizeof(std::size_t);
        const std::size_t end = room == 0 ? 0 : std::min(number_at(value, 0) + 1, room);
        for (std::size_t i = 1; i < end; ++i) {
            const std::size_t page = number_at(value, i);
            if (page >= first && page <= last) ++found;
        }
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND && found == last - first + 1;
}

[[noreturn]] void throw_cut_short(const environment::state& s, const file_end& end) {
    throw error(errc::corrupt,
                fmt::format("{}: data.mdb has {} bytes and should have {}: its end is missing; "
                            "restore a sound backup{}",
                            s.folder.string(), end.found, end.expected,
                            s.options.read_only
                                ? ", or if a writer was killed just now, open it once for writing"
                                : ""));
}

bool resize(const environment::state& s, std::uint64_t bytes) noexcept {
    return ::ftruncate(data_file(s), static_cast<off_t>(bytes)) == 0;
}

}  // namespace

bool misses_pages(const environment::state& s) noexcept {
    return measure(s).misses_pages();
}

void complete_file(environment::state& s) {
    enter_environment(s);
    if (!s.map_lost) {
        const raw_transaction lock(s, 0);
        const file_end end = measure(s);
        if (lock.get() != nullptr && end.misses_pages()) resize(s, end.expected);
    }
    leave_environment(s);
}

void check_file_end(environment::state& s) {
    if (!misses_pages(s)) return;
    if (s.options.read_only) throw_cut_short(s, measure(s));
    const raw_transaction lock(s, 0);
    const file_end end = measure(s);
    if (!end.misses_pages()) return;
    if (lock.get() == nullptr || !resize(s, end.expected)) throw_cut_short(s, end);
    const std::uint64_t first_missing = end.found / end.page_bytes;
    const std::uint64_t last = end.expected / end.page_bytes - 1;
    if (all_free(s, first_missing, last)) return;
    resize(s, end.found);
    throw_cut_short(s, end);
}

}  // namespace idem::storage
