// Damage to the runs of an index: verify finds each, and nobody gets a wrong answer unseen.
#include <doctest/doctest.h>

#include <set>

#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "index/chunk.hpp"
#include "index/manifest.hpp"
#include "log/index.hpp"
#include "log/upkeep.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "storage/storage.hpp"

namespace {

constexpr std::uint64_t events = 140'000;  // two runs of each index and a tail

class indexed_store {
public:
    explicit indexed_store(std::uint64_t count = events, bool with_tags = false)
        : with_tags_(with_tags) {
        append(0, count);
    }

    void append(std::uint64_t first, std::uint64_t end) const {
        idem::store store(path_);
        std::vector<idem::event> batch;
        for (std::uint64_t i = first; i < end; ++i) {
            batch.push_back(event(i));
            if (with_tags_) batch.back().tags = {"few:" + std::to_string(i % 7)};
            if (batch.size() == 10'000 || i + 1 == end) {
                store.append(batch);
                batch.clear();
            }
        }
    }
    static idem::event event(std::uint64_t number) {
        return numbered_event(number, "s" + std::to_string(number % 1000));
    }

    // Changes the tables behind the store's back, as damage does.
    template <class Change>
    void damage(Change&& change) const {
        const auto env = idem::storage::environment::open(path_, {});
        const auto tables = idem::log_tables::open(*env);
        idem::storage::write(*env,
                             [&](idem::storage::write_transaction& txn) { change(txn, tables); });
    }
    std::set<std::string> kinds() const {
        std::set<std::string> kinds;
        for (const auto& f : idem::verify(path_).findings) kinds.insert(f.kind);
        return kinds;
    }
    const std::filesystem::path& path() const { return path_; }

private:
    bool with_tags_;
    scratch_folder folder_;
    std::filesystem::path path_ = folder_ / "s.idem";
};

std::string row(const idem::storage::transaction& txn, idem::storage::table t, std::uint64_t key) {
    return std::string(txn.get(t, key).value());
}

}  // namespace

TEST_CASE("damage to the runs of an index is found and named") {
    const indexed_store sample;
    REQUIRE(sample.kinds().empty());
    const auto key = idem::index::row_key(1, 0);
    SUBCASE("a bit of a filter, which hides an id") {
        sample.damage([&](auto& txn, const auto& tables) {
            const auto t = tables.indexes->ids.table;
            std::string chunk = row(txn, t, key);
            for (std::size_t i = 16; i < 16 + 64; ++i) chunk[i] = '\0';
            txn.put(t, key, chunk);
        });
        CHECK(sample.kinds() == std::set<std::string>{"id_missing", "index_damaged"});
    }
    SUBCASE("a fingerprint") {
        sample.damage([&](auto& txn, const auto& tables) {
            const auto t = tables.indexes->streams.table;
            std::string chunk = row(txn, t, key);
            chunk[chunk.size() / 2] ^= 1;
            txn.put(t, key, chunk);
        });
        CHECK(sample.kinds().contains("index_damaged"));
    }
    SUBCASE("a chunk that is gone") {
        sample.damage(
            [&](auto& txn, const auto& tables) { txn.erase(tables.indexes->ids.table, key); });
        CHECK(sample.kinds() == std::set<std::string>{"index_damaged"});
        idem::store store(sample.path());
        CHECK_THROWS_WITH_AS(store.find(numbered_id(3)), doctest::Contains("chunk"), idem::error);
        CHECK_THROWS_AS(store.append(numbered_event(3, "s3")), idem::error);
    }
    SUBCASE("a chunk cut short") {
        sample.damage([&](auto& txn, const auto& tables) {
            const auto t = tables.indexes->streams.table;
            txn.put(t, key, row(txn, t, key).substr(0, 1000));
        });
        CHECK(sample.kinds() == std::set<std::string>{"index_damaged"});
        const idem::store store(sample.path(), {.read_only = true});
        idem::query select;
        select.stream = "s7";
        CHECK_THROWS_AS(store.read(select, [](const auto&) {}), idem::error);
    }
    SUBCASE("the greatest id that the manifest knows of") {
        sample.damage([](auto& txn, const auto& tables) {
            const auto t = tables.indexes->ids.table;
            auto m = idem::index::read_manifest(txn, t);
            m.mark.assign(16, '\0');
            idem::index::write_manifest(txn, t, m);
        });
        CHECK(sample.kinds() == std::set<std::string>{"index_damaged"});
    }
    SUBCASE("the manifest") {
        sample.damage([](auto& txn, const auto& tables) {
            const auto t = tables.indexes->ids.table;
            std::string manifest = row(txn, t, 0);
            manifest[manifest.size() / 2] ^= 4;
            txn.put(t, std::uint64_t{0}, manifest);
        });
        CHECK(sample.kinds() == std::set<std::string>{"unreadable"});
        CHECK_THROWS_WITH_AS(idem::store(sample.path()), doctest::Contains("manifest"),
                             idem::error);
    }
}

TEST_CASE("damage to a merge under way is told of, is not backed up, and doubles no event") {
    const indexed_store sample(264'000);  // four runs of ids, of which a chunk is merged
    std::uint64_t hidden = 0;
    sample.damage([&](auto& txn, const auto& tables) {
        const auto t = tables.indexes->ids.table;
        const auto merge = idem::index::read_manifest(txn, t).merges.at(0);
        REQUIRE(merge.chunks > 0);
        const auto key = idem::index::row_key(merge.number, 0);
        std::string chunk = row(txn, t, key);
        const idem::index::chunk_view entries(chunk);
        const std::uint32_t n = entries.size() / 2;
        hidden = merge.first + entries.offset(n);
        chunk[chunk.size() - (4 + 8) * std::size_t{entries.size()} + 8 * std::size_t{n}] ^= 1;
        txn.put(t, key, chunk);
    });
    CHECK(sample.kinds() == std::set<std::string>{"index_damaged"});
    const auto copy = sample.path().parent_path() / "copy";
    CHECK_THROWS_AS(idem::store(sample.path()).backup(copy), idem::error);
    CHECK_FALSE(std::filesystem::exists(copy));

    sample.append(264'000, 310'000);
    idem::store store(sample.path());
    const auto again = store.append(indexed_store::event(hidden - 1)).receipts.at(0);
    CHECK(again.outcome == idem::outcome::duplicate);
    CHECK(again.position == hidden);
    CHECK(sample.kinds().empty());
}

TEST_CASE("damage to the index of tags and to the heads of types is found and named") {
    const indexed_store sample(140'000, true);
    REQUIRE(sample.kinds().empty());
    const auto open = [](idem::storage::write_transaction& txn) {
        return idem::open_tag_tables(txn);
    };
    SUBCASE("a fingerprint of a run") {
        sample.damage([&](auto& txn, const auto&) {
            const auto t = open(txn).index;
            std::string chunk = row(txn, t, idem::index::row_key(1, 0));
            chunk[chunk.size() / 2] ^= 1;
            txn.put(t, idem::index::row_key(1, 0), chunk);
        });
        CHECK(sample.kinds() == std::set<std::string>{"index_damaged", "tag_missing"});
    }
    SUBCASE("a chunk that is gone") {
        sample.damage([&](auto& txn, const auto&) {
            txn.erase(open(txn).index, idem::index::row_key(1, 0));
        });
        CHECK(sample.kinds() == std::set<std::string>{"index_damaged"});
        idem::store store(sample.path());
        const auto e = numbered_event(1'000'000);
        CHECK_THROWS_AS(store.append({&e, 1}, {.unless = {{.tags = {"nobody"}}}}), idem::error);
        CHECK(store.head() == 140'000);
    }
    SUBCASE("a position of a tag") {
        sample.damage([&](auto& txn, const auto&) {
            const auto t = open(txn).rows;
            std::string bytes = row(txn, t, 1);
            bytes[bytes.size() - 1000] ^= 1;
            txn.put(t, std::uint64_t{1}, bytes);
        });
        CHECK(sample.kinds() == std::set<std::string>{"index_damaged"});
    }
    SUBCASE("a row of tags that is gone") {
        sample.damage([&](auto& txn, const auto&) { txn.erase(open(txn).rows, std::uint64_t{1}); });
        CHECK(sample.kinds() == std::set<std::string>{"index_damaged"});
        idem::query select;
        select.tags = {"few:1"};
        const idem::store store(sample.path(), {.read_only = true});
        CHECK_THROWS_AS(store.read(select, [](const auto&) {}), idem::error);
    }
    SUBCASE("the head of a type") {
        sample.damage([](auto& txn, const auto&) {
            const std::uint64_t earlier = 17;
            txn.put(txn.open_table("types"), "Happened",
                    {reinterpret_cast<const char*>(&earlier), sizeof earlier});
        });
        CHECK(sample.kinds() == std::set<std::string>{"type_head"});
    }
    SUBCASE("a type that no event has") {
        sample.damage([](auto& txn, const auto&) {
            const std::uint64_t position = 17;
            txn.put(txn.open_table("types"), "Never",
                    {reinterpret_cast<const char*>(&position), sizeof position});
        });
        CHECK(sample.kinds() == std::set<std::string>{"type_head"});
    }
}

TEST_CASE("a log without tags has no table of them") {
    const indexed_store sample;
    const idem::store store(sample.path());
    for (const auto& t : store.stats().tables) {
        CHECK(t.name != "tags");
        CHECK(t.name != "tagged");
    }
}

TEST_CASE("an event whose stream has lost an entry ends a read with an error") {
    const indexed_store sample;
    sample.damage([](auto& txn, const auto& tables) {
        const auto t = tables.indexes->streams.table;
        const auto key = idem::index::row_key(1, 0);
        std::string chunk = row(txn, t, key);
        // The key of one entry in the middle becomes that of its neighbour.
        const std::size_t at = chunk.size() / 2 / 8 * 8;
        std::uint64_t seen = 0;
        for (std::size_t i = at; seen == 0; i += 8) {
            if (chunk.compare(i, 8, chunk, i + 8, 8) == 0) continue;
            chunk.replace(i, 8, chunk, i + 8, 8);
            seen = i;
        }
        txn.put(t, key, chunk);
    });
    const idem::store store(sample.path(), {.read_only = true});
    std::uint64_t refused = 0;
    for (int i = 0; i < 1000; ++i) {
        idem::query select;
        select.stream = "s" + std::to_string(i);
        try {
            store.read(select, [](const auto&) {});
        } catch (const idem::error& e) {
            CHECK(e.code() == idem::errc::corrupt);
            ++refused;
        }
    }
    CHECK(refused == 1);
    CHECK(sample.kinds() ==
          std::set<std::string>{"stream_missing", "index_damaged", "revision_gap"});
}
