#include <cstdlib>

#include "idem/store.hpp"
#include "subjects/subject.hpp"

namespace bench {
namespace {

class idem_subject final : public subject {
public:
    explicit idem_subject(const std::filesystem::path& folder) : store_(folder / "s.idem") {}

    std::uint64_t append(std::span<const idem::event> events) override {
        const auto result = store_.append(events);
        std::uint64_t fresh = 0;
        for (const auto& r : result.receipts) fresh += r.outcome == idem::outcome::appended ? 1 : 0;
        return fresh;
    }
    void read_stream(const std::string& stream, const visit_data& visit) override {
        idem::query select;
        select.stream = stream;
        store_.read(select, [&](const idem::event_view& e) { visit(e.stream(), e.data()); });
    }
    void read_all(const visit_data& visit) override {
        store_.read({}, [&](const idem::event_view& e) { visit(e.stream(), e.data()); });
    }

private:
    idem::store store_;
};

}  // namespace

std::unique_ptr<subject> open_idem(const std::filesystem::path& folder) {
    return std::make_unique<idem_subject>(folder);
}

const std::vector<contestant>& contestants() {
    static const std::vector<contestant> all = [] {
        std::vector<contestant> found = {
            {"idem", open_idem},
            {"bare LMDB log", open_bare_lmdb, false},
            {"LMDB, B-tree of ids", open_lmdb_ids},
#if BENCH_ROCKSDB
            {"RocksDB", open_rocksdb},
#endif
#if BENCH_SQLITE
            {"SQLite", open_sqlite},
#endif
        };
#if BENCH_POSTGRES
        if (std::getenv("BENCH_POSTGRES")) found.push_back({"Message DB", open_postgres});
#endif
#if BENCH_NATS
        if (std::getenv("BENCH_NATS")) found.push_back({"NATS JetStream", open_nats});
#endif
        return found;
    }();
    return all;
}

}  // namespace bench
