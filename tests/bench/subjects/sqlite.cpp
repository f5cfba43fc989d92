// SQLite as people use it for this: one table, a unique index on the id and one on the stream.
#include <sqlite3.h>

#include <mutex>
#include <stdexcept>

#include "subjects/heads.hpp"
#include "subjects/subject.hpp"

namespace bench {
namespace {

class sqlite_subject final : public subject {
public:
    explicit sqlite_subject(const std::filesystem::path& folder) {
        std::filesystem::create_directories(folder);
        check(sqlite3_open((folder / "events.sqlite").c_str(), &db_));
        run("PRAGMA journal_mode=WAL");
        run("PRAGMA synchronous=FULL");
        run("PRAGMA cache_size=-65536");
        run("CREATE TABLE events(position INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, "
            "stream TEXT NOT NULL, revision INTEGER NOT NULL, type TEXT NOT NULL, "
            "time INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE(stream, revision))");
        insert_ = prepare(
            "INSERT INTO events(id, stream, revision, type, time, data) "
            "VALUES(?, ?, ?, ?, 0, ?) ON CONFLICT(id) DO NOTHING");
        known_ = prepare("SELECT 1 FROM events WHERE id = ?");
        stream_ = prepare("SELECT data FROM events WHERE stream = ? ORDER BY revision");
        all_ = prepare("SELECT stream, data FROM events ORDER BY position");
    }
    ~sqlite_subject() override {
        for (sqlite3_stmt* s : {insert_, known_, stream_, all_}) sqlite3_finalize(s);
        sqlite3_close(db_);
    }

    std::uint64_t append(std::span<const idem::event> events) override {
        const std::scoped_lock lock(mutex_);
        std::uint64_t fresh = 0;
        run("BEGIN IMMEDIATE");
        for (const idem::event& e : events) {
            bind_blob(known_, 1, e.id);
            const bool known = sqlite3_step(known_) == SQLITE_ROW;
            sqlite3_reset(known_);
            if (known) continue;
            bind_blob(insert_, 1, e.id);
            bind_text(insert_, 2, e.stream);
            const std::uint64_t revision = heads_.take(e.stream, [] { return 0; });
            check(sqlite3_bind_int64(insert_, 3, static_cast<std::int64_t>(revision)));
            bind_text(insert_, 4, e.type);
            check(sqlite3_bind_blob(insert_, 5, e.data.data(), static_cast<int>(e.data.size()),
                                    SQLITE_STATIC));
            if (sqlite3_step(insert_) != SQLITE_DONE) fail();
            sqlite3_reset(insert_);
            ++fresh;
        }
        run("COMMIT");
        return fresh;
    }

    void read_stream(const std::string& stream, const visit_data& visit) override {
        bind_text(stream_, 1, stream);
        while (sqlite3_step(stream_) == SQLITE_ROW) visit(stream, column(stream_, 0));
        sqlite3_reset(stream_);
    }
    void read_all(const visit_data& visit) override {
        while (sqlite3_step(all_) == SQLITE_ROW) visit(column(all_, 0), column(all_, 1));
        sqlite3_reset(all_);
    }
    void keep(const balances& rows) override {
        run("BEGIN IMMEDIATE");
        run("DROP TABLE IF EXISTS balances");
        run("CREATE TABLE balances(account TEXT PRIMARY KEY, cents INTEGER) WITHOUT ROWID");
        sqlite3_stmt* const put = prepare("INSERT INTO balances(account, cents) VALUES(?, ?)");
        for (const auto& [account, cents] : rows) {
            bind_text(put, 1, account);
            check(sqlite3_bind_int64(put, 2, cents));
            if (sqlite3_step(put) != SQLITE_DONE) fail();
            sqlite3_reset(put);
        }
        sqlite3_finalize(put);
        run("COMMIT");
    }

private:
    [[noreturn]] void fail() const {
        throw std::runtime_error(std::string("SQLite: ") + sqlite3_errmsg(db_));
    }
    void check(int code) const {
        if (code != SQLITE_OK) fail();
    }
    void run(const char* sql) { check(sqlite3_exec(db_, sql, nullptr, nullptr, nullptr)); }
    sqlite3_stmt* prepare(const char* sql) {
        sqlite3_stmt* statement = nullptr;
        check(sqlite3_prepare_v2(db_, sql, -1, &statement, nullptr));
        return statement;
    }
    void bind_blob(sqlite3_stmt* s, int at, const idem::uuid& id) const {
        check(sqlite3_bind_blob(s, at, id.bytes.data(), 16, SQLITE_STATIC));
    }
    void bind_text(sqlite3_stmt* s, int at, const std::string& text) const {
        check(sqlite3_bind_text(s, at, text.data(), static_cast<int>(text.size()), SQLITE_STATIC));
    }
    static std::string_view column(sqlite3_stmt* s, int at) {
        return {static_cast<const char*>(sqlite3_column_blob(s, at)),
                static_cast<std::size_t>(sqlite3_column_bytes(s, at))};
    }

    std::mutex mutex_;
    sqlite3* db_ = nullptr;
    sqlite3_stmt* insert_ = nullptr;
    sqlite3_stmt* known_ = nullptr;
    sqlite3_stmt* stream_ = nullptr;
    sqlite3_stmt* all_ = nullptr;
    stream_heads heads_;
};

}  // namespace

std::unique_ptr<subject> open_sqlite(const std::filesystem::path& folder) {
    return std::make_unique<sqlite_subject>(folder);
}

}  // namespace bench
