// RocksDB with a column family each for the log, the ids and the streams; bloom filters on the ids.
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>

#include <mutex>
#include <stdexcept>
#include <unordered_set>

#include "subjects/heads.hpp"
#include "subjects/subject.hpp"

namespace bench {
namespace {

std::string number_key(std::uint64_t number) {
    std::string key;
    for (int shift = 56; shift >= 0; shift -= 8) key.push_back(static_cast<char>(number >> shift));
    return key;
}

void check(const rocksdb::Status& status) {
    if (!status.ok()) throw std::runtime_error("RocksDB: " + status.ToString());
}

class rocksdb_subject final : public subject {
public:
    explicit rocksdb_subject(const std::filesystem::path& folder) {
        rocksdb::BlockBasedTableOptions table;
        table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10, false));
        table.block_cache = rocksdb::NewLRUCache(std::size_t{256} << 20);
        rocksdb::ColumnFamilyOptions family;
        family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
        family.write_buffer_size = std::size_t{64} << 20;
        family.compression = rocksdb::kNoCompression;
        rocksdb::DBOptions options;
        options.create_if_missing = true;
        options.create_missing_column_families = true;
        options.IncreaseParallelism(2);
        const std::vector<rocksdb::ColumnFamilyDescriptor> families = {
            {rocksdb::kDefaultColumnFamilyName, family}, {"ids", family}, {"streams", family}};
        std::filesystem::create_directories(folder);
        rocksdb::DB* db = nullptr;
        check(rocksdb::DB::Open(options, (folder / "rocks").string(), families, &families_, &db));
        db_.reset(db);
    }
    ~rocksdb_subject() override {
        for (auto* family : families_) db_->DestroyColumnFamilyHandle(family);
    }

    std::uint64_t append(std::span<const idem::event> events) override {
        const std::scoped_lock lock(mutex_);
        std::vector<rocksdb::Slice> ids;
        for (const idem::event& e : events) {
            ids.emplace_back(reinterpret_cast<const char*>(e.id.bytes.data()), 16);
        }
        std::vector<rocksdb::PinnableSlice> found(ids.size());
        std::vector<rocksdb::Status> status(ids.size());
        db_->MultiGet({}, families_[1], ids.size(), ids.data(), found.data(), status.data());
        rocksdb::WriteBatch batch;
        std::unordered_set<std::string_view> in_batch;
        std::uint64_t fresh = 0;
        for (std::size_t i = 0; i < events.size(); ++i) {
            if (!status[i].IsNotFound()) {
                check(status[i]);
                continue;
            }
            if (!in_batch.insert(ids[i].ToStringView()).second) continue;
            const idem::event& e = events[i];
            const std::string position = number_key(++position_);
            const std::uint64_t revision = heads_.take(e.stream, [] { return 0; });
            record_.assign(1, static_cast<char>(e.stream.size()));
            record_.append(ids[i].data(), 16).append(e.stream).append(e.type).append(8, '\0');
            record_.append(e.data);
            check(batch.Put(families_[0], position, record_));
            check(batch.Put(families_[1], ids[i], position));
            check(batch.Put(families_[2], e.stream + '\0' + number_key(revision), position));
            data_bytes_ = e.data.size();
            ++fresh;
        }
        rocksdb::WriteOptions durable;
        durable.sync = true;
        if (fresh > 0) check(db_->Write(durable, &batch));
        return fresh;
    }

    void read_stream(const std::string& stream, const visit_data& visit) override {
        const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator({}, families_[2]));
        const std::string prefix = stream + '\0';
        std::string record;
        for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next()) {
            check(db_->Get({}, families_[0], at->value(), &record));
            visit(stream, std::string_view(record).substr(record.size() - data_bytes_));
        }
    }
    void read_all(const visit_data& visit) override {
        rocksdb::ReadOptions options;
        options.readahead_size = 2 << 20;
        const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options, families_[0]));
        for (at->SeekToFirst(); at->Valid(); at->Next()) {
            const std::string_view record = at->value().ToStringView();
            visit(record.substr(17, static_cast<unsigned char>(record[0])),
                  record.substr(record.size() - data_bytes_));
        }
    }

private:
    std::mutex mutex_;
    std::unique_ptr<rocksdb::DB> db_;
    std::vector<rocksdb::ColumnFamilyHandle*> families_;
    std::uint64_t position_ = 0;
    std::size_t data_bytes_ = 0;  // of each event: they all have as many
    stream_heads heads_;
    std::string record_;
};

}  // namespace

std::unique_ptr<subject> open_rocksdb(const std::filesystem::path& folder) {
    return std::make_unique<rocksdb_subject>(folder);
}

}  // namespace bench
