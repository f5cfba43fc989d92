// LMDB by itself: the log alone, which is the limit, and with B-trees of ids and streams.
#include <lmdb.h>

#include <cstring>
#include <mutex>
#include <stdexcept>

#include "subjects/heads.hpp"
#include "subjects/subject.hpp"

namespace bench {
namespace {

void check(int code) {
    if (code != 0) throw std::runtime_error(std::string("LMDB: ") + mdb_strerror(code));
}

MDB_val value_of(std::string_view bytes) {
    return {bytes.size(), const_cast<char*>(bytes.data())};
}
std::string_view view_of(const MDB_val& value) {
    return {static_cast<const char*>(value.mv_data), value.mv_size};
}
std::string_view id_of(const idem::event& e) {
    return {reinterpret_cast<const char*>(e.id.bytes.data()), e.id.bytes.size()};
}

class lmdb_subject final : public raw_log {
public:
    lmdb_subject(const std::filesystem::path& folder, bool indexed, unsigned flags = 0)
        : indexed_(indexed) {
        std::filesystem::create_directories(folder);
        check(mdb_env_create(&env_));
        check(mdb_env_set_mapsize(env_, std::size_t{64} << 30));
        check(mdb_env_set_maxdbs(env_, 8));
        check(mdb_env_open(env_, folder.c_str(), MDB_NOTLS | flags, 0644));
        MDB_txn* txn = nullptr;
        check(mdb_txn_begin(env_, nullptr, 0, &txn));
        check(mdb_dbi_open(txn, "log", MDB_CREATE | MDB_INTEGERKEY, &log_));
        check(mdb_dbi_open(txn, "ids", MDB_CREATE, &ids_));
        check(mdb_dbi_open(txn, "streams", MDB_CREATE, &streams_));
        check(mdb_txn_commit(txn));
    }
    ~lmdb_subject() override { mdb_env_close(env_); }

    std::uint64_t append(std::span<const idem::event> events) override {
        const std::scoped_lock lock(mutex_);
        MDB_txn* txn = nullptr;
        check(mdb_txn_begin(env_, nullptr, 0, &txn));
        std::uint64_t fresh = 0;
        for (const idem::event& e : events) {
            std::uint64_t next = position_ + 1;
            MDB_val position{sizeof next, &next};
            if (indexed_) {
                MDB_val id = value_of(id_of(e));
                const int code = mdb_put(txn, ids_, &id, &position, MDB_NOOVERWRITE);
                if (code == MDB_KEYEXIST) continue;
                check(code);
                put_in_stream(txn, e, position);
            }
            write_record(e);
            MDB_val record = value_of(record_);
            MDB_val key{sizeof next, &next};
            check(mdb_put(txn, log_, &key, &record, MDB_APPEND));
            ++position_;
            ++fresh;
        }
        check(mdb_txn_commit(txn));
        return fresh;
    }

    void read_stream(const std::string& stream, const visit_data& visit) override {
        walk(streams_, stream + '\0', [&](MDB_txn* txn, const MDB_val& key, const MDB_val& value) {
            if (!view_of(key).starts_with(stream + '\0')) return false;
            MDB_val position = value;
            MDB_val record;
            check(mdb_get(txn, log_, &position, &record));
            visit(stream, data_of(view_of(record)));
            return true;
        });
    }
    void read_all(const visit_data& visit) override {
        walk(log_, "", [&](MDB_txn*, const MDB_val&, const MDB_val& value) {
            const std::string_view record = view_of(value);
            visit(stream_of(record), data_of(record));
            return true;
        });
    }

    void read_records(const std::function<void(std::string_view)>& visit) override {
        walk(log_, "", [&](MDB_txn*, const MDB_val&, const MDB_val& value) {
            visit(view_of(value));
            return true;
        });
    }

private:
    // As many bytes as an event of idem has: id, position, revision, time, stamp, and the texts.
    static constexpr std::size_t fixed_bytes = 180;

    void write_record(const idem::event& e) {
        record_.assign(fixed_bytes, '\0');
        record_[0] = static_cast<char>(e.stream.size());
        record_.append(e.stream).append(e.type).append(e.content_type).append(e.data);
        const std::uint32_t data = static_cast<std::uint32_t>(e.data.size());
        std::memcpy(record_.data() + 4, &data, sizeof data);
    }
    static std::string_view stream_of(std::string_view record) {
        return record.substr(fixed_bytes, static_cast<unsigned char>(record[0]));
    }
    static std::string_view data_of(std::string_view record) {
        std::uint32_t size = 0;
        std::memcpy(&size, record.data() + 4, sizeof size);
        return record.substr(record.size() - size);
    }

    void put_in_stream(MDB_txn* txn, const idem::event& e, MDB_val& position) {
        const std::uint64_t revision = heads_.take(e.stream, [] { return 0; });
        std::string key = e.stream + '\0';
        for (int shift = 56; shift >= 0; shift -= 8) {
            key.push_back(static_cast<char>(revision >> shift));
        }
        MDB_val k = value_of(key);
        check(mdb_put(txn, streams_, &k, &position, 0));
    }

    template <class Visit>
    void walk(MDB_dbi table, std::string_view from, Visit&& visit) {
        MDB_txn* txn = nullptr;
        check(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn));
        MDB_cursor* cursor = nullptr;
        check(mdb_cursor_open(txn, table, &cursor));
        MDB_val key = value_of(from);
        MDB_val value;
        int code = mdb_cursor_get(cursor, &key, &value, from.empty() ? MDB_FIRST : MDB_SET_RANGE);
        while (code == 0 && visit(txn, key, value)) {
            code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        }
        mdb_cursor_close(cursor);
        mdb_txn_abort(txn);
    }

    const bool indexed_;
    std::mutex mutex_;
    MDB_env* env_ = nullptr;
    MDB_dbi log_ = 0;
    MDB_dbi ids_ = 0;
    MDB_dbi streams_ = 0;
    std::uint64_t position_ = 0;
    stream_heads heads_;
    std::string record_;
};

}  // namespace

std::unique_ptr<raw_log> open_bare_lmdb(const std::filesystem::path& folder) {
    return std::make_unique<lmdb_subject>(folder, false);
}
std::unique_ptr<raw_log> open_bare_lmdb_waiting_once(const std::filesystem::path& folder) {
    return std::make_unique<lmdb_subject>(folder, false, MDB_NOMETASYNC);
}
std::unique_ptr<subject> open_lmdb_ids(const std::filesystem::path& folder) {
    return std::make_unique<lmdb_subject>(folder, true);
}

}  // namespace bench
