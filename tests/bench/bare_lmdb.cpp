#include "bare_lmdb.hpp"

#include <lmdb.h>

#include <stdexcept>
#include <string>

namespace bench {
namespace {

void check(int code) {
    if (code != 0) throw std::runtime_error(std::string("bare LMDB: ") + mdb_strerror(code));
}

}  // namespace

bare_lmdb::bare_lmdb(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    check(mdb_env_create(&env_));
    check(mdb_env_set_mapsize(env_, std::size_t{64} << 30));
    check(mdb_env_set_maxdbs(env_, 8));
    check(mdb_env_open(env_, folder.c_str(), MDB_NOTLS, 0644));
    MDB_txn* txn = nullptr;
    check(mdb_txn_begin(env_, nullptr, 0, &txn));
    check(mdb_dbi_open(txn, "log", MDB_CREATE | MDB_INTEGERKEY, &table_));
    check(mdb_txn_commit(txn));
}

bare_lmdb::~bare_lmdb() {
    mdb_env_close(env_);
}

void bare_lmdb::append(std::uint64_t count,
                       const std::function<std::string_view(std::uint64_t)>& record) {
    MDB_txn* txn = nullptr;
    check(mdb_txn_begin(env_, nullptr, 0, &txn));
    for (std::uint64_t i = 0; i < count; ++i) {
        ++position_;
        const std::string_view bytes = record(i);
        MDB_val key{sizeof position_, &position_};
        MDB_val value{bytes.size(), const_cast<char*>(bytes.data())};
        check(mdb_put(txn, table_, &key, &value, MDB_APPEND));
    }
    check(mdb_txn_commit(txn));
}

void bare_lmdb::read(const std::function<void(std::string_view)>& visit) const {
    MDB_txn* txn = nullptr;
    check(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn));
    MDB_cursor* cursor = nullptr;
    check(mdb_cursor_open(txn, table_, &cursor));
    MDB_val key;
    MDB_val value;
    while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        visit({static_cast<const char*>(value.mv_data), value.mv_size});
    }
    mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
}

}  // namespace bench
