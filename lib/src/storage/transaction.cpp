#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "storage/handles.hpp"

namespace idem::storage {
namespace {

constexpr int resizes_max = 100;                    // of another process, while we begin
constexpr std::uint32_t reader_check_every = 4096;  // read transactions

MDB_txn* begin(environment::state& s, unsigned flags, std::string_view doing) {
    check_process(s);
    bool reclaimed = false;
    for (int resizes = 0;;) {
        MDB_txn* txn = nullptr;
        enter_mapped(s);
        const int code = mdb_txn_begin(s.env, nullptr, flags, &txn);
        if (code == 0) return txn;
        leave_environment(s);
        if (code == MDB_MAP_RESIZED && ++resizes < resizes_max) {
            adopt_map(s);
        } else if (code == MDB_READERS_FULL && !reclaimed) {
            int dead = 0;
            mdb_reader_check(s.env, &dead);
            reclaimed = true;
        } else {
            throw_fault(s.folder, code, doing);
        }
    }
}

std::optional<std::string_view> get_raw(const environment::state& s, MDB_txn* txn, unsigned handle,
                                        std::string_view key) {
    MDB_val wanted = to_val(key);
    MDB_val value{};
    const int code = mdb_get(txn, handle, &wanted, &value);
    if (code == MDB_NOTFOUND) return std::nullopt;
    check(s, code, "reading a key");
    return to_view(value);
}

std::string_view as_key(const std::uint64_t& number) noexcept {
    return {reinterpret_cast<const char*>(&number), sizeof number};
}

int put_raw(MDB_txn* txn, unsigned handle, std::string_view key, std::string_view value,
            unsigned flags) noexcept {
    MDB_val k = to_val(key);
    MDB_val v = to_val(value);
    return mdb_put(txn, handle, &k, &v, flags);
}

// A commit that failed without a change of the meta page has written nothing that anybody will
// read. Once the meta page may be half written LMDB refuses all further work, and only a reopen
// tells.
[[noreturn]] void throw_commit_fault(environment::state& s, int code) {
    MDB_txn* probe = nullptr;
    enter_environment(s);
    const int state = s.map_lost ? 0 : mdb_txn_begin(s.env, nullptr, MDB_RDONLY, &probe);
    if (probe != nullptr) mdb_txn_abort(probe);
    leave_environment(s);
    if (state != MDB_PANIC) throw_fault(s.folder, code, "commit");
    throw error(
        errc::outcome_unknown,
        fmt::format("{}: the commit failed in its last write ({}): whether it is on disk is "
                    "unknown. Open the store again and append the same events again; they are "
                    "recognised if they are there",
                    s.folder.string(), mdb_strerror(code)));
}

}  // namespace

std::uint64_t integer_key(std::string_view key) noexcept {
    std::uint64_t number = 0;
    if (key.size() == sizeof number) std::memcpy(&number, key.data(), sizeof number);
    return number;
}

std::optional<std::string_view> transaction::get(table t, std::string_view key) const {
    const auto found = get_raw(environment_->internals(), handle_, t.raw(), key);
    if (found) {
        note_read(*found);
    } else {
        count_windows(1);  // where it would be
    }
    return found;
}

std::optional<std::string_view> transaction::get(table t, std::uint64_t key) const {
    return get(t, as_key(key));
}

std::optional<std::string_view> transaction::peek(table t, std::string_view key) const {
    return get_raw(environment_->internals(), handle_, t.raw(), key);
}

std::optional<std::string_view> transaction::peek(table t, std::uint64_t key) const {
    return peek(t, as_key(key));
}

table_stats transaction::stats(table t) const {
    MDB_stat found{};
    check(environment_->internals(), mdb_stat(handle_, t.raw(), &found), "measuring a table");
    const std::uint64_t pages =
        found.ms_branch_pages + found.ms_leaf_pages + found.ms_overflow_pages;
    return {found.ms_entries, found.ms_psize, pages * found.ms_psize};
}

void transaction::report_read() const noexcept {
    environment::state& s = environment_->internals();
    s.resident.note_read(std::exchange(windows_, 0), s.folder);
}

std::uint64_t transaction::id() const noexcept {
    return mdb_txn_id(handle_);
}

read_transaction::read_transaction(environment& env) : transaction(env) {
    environment::state& s = env.internals();
    handle_ = begin(s, MDB_RDONLY, "beginning to read");
    if (s.begun.fetch_add(1, std::memory_order_relaxed) % reader_check_every == 0) {
        int dead = 0;
        mdb_reader_check(s.env, &dead);
    }
}

read_transaction::~read_transaction() {
    environment::state& s = environment_->internals();
    if (s.process == ::getpid()) {
        mdb_txn_abort(handle_);
        report_read();
    }
    leave_environment(s);
}

write_transaction::write_transaction(environment& env) : transaction(env) {
    environment::state& s = env.internals();
    if (s.options.read_only) {
        throw error(errc::read_only, fmt::format("{} is open for reading only; open it for writing",
                                                 s.folder.string()));
    }
    env.check_usable();
    tables_known_ = s.tables_opened;
    handle_ = begin(s, 0, "beginning to write");
    try {
        check_in_place(s);
    } catch (...) {
        mdb_txn_abort(handle_);
        leave_environment(s);
        throw;
    }
    s.writer_txn = this;
    s.writer = std::this_thread::get_id();
}

write_transaction::~write_transaction() {
    if (handle_ == nullptr) return;
    environment::state& s = environment_->internals();
    s.writer = std::thread::id();
    if (s.process == ::getpid()) mdb_txn_abort(handle_);
    leave(false);
}

// After LMDB has let the next writer in: touches nothing that is the writer's.
void write_transaction::leave(bool committed) noexcept {
    environment::state& s = environment_->internals();
    handle_ = nullptr;
    if (opened_ && committed) {
        s.tables_opened += opened_->tables.size();
        s.tables.merge(opened_->tables);
    }
    opened_.reset();
    report_read();
    leave_environment(s);
}

void write_transaction::begin_opening() {
    if (opened_) return;
    environment::state& s = environment_->internals();
    std::unique_lock lock(s.tables_mutex);
    if (s.tables_opened != tables_known_) throw begun_too_early();
    opened_ = std::make_unique<opened_tables>();
    opened_->lock = std::move(lock);
}

std::optional<table> write_transaction::find_opened(std::string_view name, key_order order) {
    begin_opening();
    if (const auto found = opened_->tables.find(name); found != opened_->tables.end()) {
        return table(found->second);
    }
    const std::string key(name);
    MDB_dbi handle = 0;
    const unsigned flags = order == key_order::integer ? MDB_INTEGERKEY : 0U;
    const int code = mdb_dbi_open(handle_, key.c_str(), flags, &handle);
    if (code == MDB_NOTFOUND) return std::nullopt;
    check(environment_->internals(), code, "opening a table");
    opened_->tables.emplace(key, handle);
    return table(handle);
}

table write_transaction::open_table(std::string_view name, key_order order) {
    if (const auto known = environment_->find_table(name, order)) return *known;
    begin_opening();
    const std::string key(name);
    MDB_dbi handle = 0;
    const unsigned flags = MDB_CREATE | (order == key_order::integer ? MDB_INTEGERKEY : 0U);
    check_write(mdb_dbi_open(handle_, key.c_str(), flags, &handle), "making a table");
    opened_->tables.emplace(key, handle);
    return table(handle);
}

void write_transaction::note_map_end(int code) noexcept {
    if (code == MDB_MAP_FULL || code == ENOMEM) met_map_end_ = true;
}

void write_transaction::check_write(int code, std::string_view doing) {
    note_map_end(code);
    check(environment_->internals(), code, doing);
}

void write_transaction::clear_table(table t) {
    ++changes_;
    check_write(mdb_drop(handle_, t.raw(), 0), "emptying a table");
}

void write_transaction::put(table t, std::string_view key, std::string_view value) {
    ++changes_;
    check_write(put_raw(handle_, t.raw(), key, value, 0), "writing a key");
    count_windows(1);
}

void write_transaction::put(table t, std::uint64_t key, std::string_view value) {
    put(t, as_key(key), value);
}

void write_transaction::append(table t, std::string_view key, std::string_view value) {
    ++changes_;
    check_write(put_raw(handle_, t.raw(), key, value, MDB_APPEND), "appending a key");
}

std::span<char> write_transaction::append(table t, std::uint64_t key, std::size_t bytes) {
    ++changes_;
    MDB_val k = to_val(as_key(key));
    MDB_val value{bytes, nullptr};
    check_write(mdb_put(handle_, t.raw(), &k, &value, MDB_APPEND | MDB_RESERVE), "appending a key");
    return {static_cast<char*>(value.mv_data), bytes};
}

bool write_transaction::erase(table t, std::string_view key) {
    ++changes_;
    MDB_val wanted = to_val(key);
    const int code = mdb_del(handle_, t.raw(), &wanted, nullptr);
    if (code == MDB_NOTFOUND) return false;
    check_write(code, "erasing a key");
    return true;
}

bool write_transaction::erase(table t, std::uint64_t key) {
    return erase(t, as_key(key));
}

void write_transaction::commit() {
    environment::state& s = environment_->internals();
    s.writer = std::thread::id();
    // Whatever the answer, the handle is gone after this call.
    const int code = mdb_txn_commit(handle_);
    note_map_end(code);
    const bool incomplete = code == 0 && misses_pages(s);
    leave(code == 0);
    if (code != 0) throw_commit_fault(s, code);
    if (incomplete) complete_file(s);
}

}  // namespace idem::storage
