// verify finds what is wrong, names it, and changes nothing.
#include <doctest/doctest.h>

#include <fstream>
#include <set>

#include "catalog_generated.h"
#include "counting_fold.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "log/catalog.hpp"
#include "log/index.hpp"
#include "projection/catalog.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "storage/storage.hpp"

namespace {

std::set<std::string> kinds_of(const idem::verify_report& report) {
    std::set<std::string> kinds;
    for (const auto& f : report.findings) {
        kinds.insert(f.kind);
        CHECK_FALSE(f.message.empty());
    }
    return kinds;
}

std::string whole_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

// How LMDB writes the key of a leaf: no flags, 8 bytes, the position.
std::string log_key(std::uint64_t position) {
    std::string key("\0\0\x8\0", 4);
    return key.append(reinterpret_cast<const char*>(&position), sizeof position);
}

struct sample_store {
    sample_store() {
        idem::store store(path);
        store.run(counting_fold(), idem::projection_mode::inline_);
        for (std::uint64_t i = 0; i < 50; ++i) {  // one by one: a block each
            store.append(numbered_event(i, "s" + std::to_string(i % 3)));
        }
    }
    // Opens the tables behind the store's back, as damage does.
    template <class Change>
    void damage(Change&& change) {
        const auto env = idem::storage::environment::open(path, {});
        const auto tables = idem::log_tables::open(*env);
        idem::storage::write(
            *env, [&](idem::storage::write_transaction& txn) { change(txn, tables, *env); });
    }
    // Wherever the bytes stand in the file.
    void replace(const std::string& these, const std::string& by) const {
        std::string bytes = whole_file(path / "data.mdb");
        std::size_t count = 0;
        for (auto at = bytes.find(these); at != std::string::npos; at = bytes.find(these, at)) {
            bytes.replace(at, these.size(), by);
            ++count;
        }
        REQUIRE(count > 0);
        std::ofstream(path / "data.mdb", std::ios::binary | std::ios::trunc) << bytes;
    }
    std::set<std::string> kinds(const idem::verify_options& options = {}) const {
        return kinds_of(idem::verify(path, options));
    }

    scratch_folder folder;
    std::filesystem::path path = folder / "s.idem";
};

using kinds = std::set<std::string>;

std::optional<idem::errc> refusal(const std::filesystem::path& folder) {
    try {
        const idem::store store(folder);
        return std::nullopt;
    } catch (const idem::error& e) {
        return e.code();
    }
}

}  // namespace

TEST_CASE("a sound store has no findings, and every event is counted") {
    const sample_store sample;
    const idem::projection fold = counting_fold();
    const auto report = idem::verify(sample.path, {.projections = {&fold, 1}});
    CHECK(report.sound());
    CHECK(report.complete);
    CHECK(report.events == 50);
}

TEST_CASE("damage of each kind is found and named") {
    sample_store sample;
    SUBCASE("a flipped byte in the file") {
        sample.replace("{\"number\":17}", "{\"number\":19}");
        CHECK(sample.kinds().contains("record_checksum"));
        const idem::store store(sample.path, {.read_only = true});
        CHECK_THROWS_WITH_AS(store.read({}, [](const auto&) {}), doctest::Contains("checksum"),
                             idem::error);
    }
    SUBCASE("a row changed behind the projection's back") {
        sample.damage([](auto& txn, const auto&, auto& env) {
            const auto rows = env.find_table(idem::state_table_name("counts", 1, 0));
            txn.put(*rows, "s1", std::string(16, '\1'));
        });
        CHECK(sample.kinds() == kinds{"state_digest"});
    }
    SUBCASE("a checkpoint beyond the log") {
        sample.damage([](auto& txn, const auto&, auto& env) {
            const auto catalog = *env.find_table("catalog");
            const auto key = idem::catalog_key("counts", 1);
            auto record = *idem::read_projection(txn, catalog, key);
            record.checkpoint = 51;
            idem::write_projection(txn, catalog, key, record);
        });
        CHECK(sample.kinds() == kinds{"checkpoint"});
    }
    SUBCASE("a fold that changed without a new version") {
        const idem::projection other = idem::keyed_fold<std::string, std::uint64_t>("counts").on(
            "Happened", [](const idem::event_view& e) { return std::string(e.stream()); },
            [](std::uint64_t n, const idem::event_view&) { return n + 2; });
        CHECK(sample.kinds() == kinds{});
        CHECK(sample.kinds({.projections = {&other, 1}}) == kinds{"state_mismatch"});
    }
}

TEST_CASE("a key that changed in the file ends no reading early") {
    sample_store sample;
    const auto read = [&](idem::direction direction) {
        std::uint64_t events = 0;
        idem::query select;
        select.direction = direction;
        const idem::store store(sample.path, {.read_only = true});
        CHECK_THROWS_AS(store.read(select, [&](const auto&) { ++events; }), idem::error);
        return events;
    };
    SUBCASE("to a position beyond the end") {
        sample.replace(log_key(27), log_key(27 + (1ULL << 40)));  // amid its page
        CHECK(read(idem::direction::forwards) == 26);
        CHECK(read(idem::direction::backwards) == 23);
    }
    SUBCASE("the last one, to a position beyond the end") {
        sample.replace(log_key(50), log_key(50 + (1ULL << 40)));
        CHECK(read(idem::direction::forwards) == 49);
        CHECK(read(idem::direction::backwards) == 0);
    }
    SUBCASE("the last one, to a lower position") {
        sample.replace(log_key(50), log_key(46));
        CHECK(read(idem::direction::forwards) == 49);
        CHECK(read(idem::direction::backwards) == 0);
        CHECK_THROWS_AS(idem::store(sample.path).append(numbered_event(77)), idem::error);
    }
    CHECK(sample.kinds().contains("position_gap"));
    idem::store store(sample.path);
    CHECK_THROWS_AS(store.backup(sample.folder / "copy"), idem::error);
    CHECK_FALSE(std::filesystem::exists(sample.folder / "copy"));
}

TEST_CASE("damage within a block of many events costs those that it struck") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    {
        idem::store store(path);
        std::vector<idem::event> batch;
        for (std::uint64_t i = 0; i < 500; ++i) batch.push_back(numbered_event(i, "s"));
        store.append(batch);
    }
    const auto damage = [&](std::size_t at, char value) {
        const auto env = idem::storage::environment::open(path, {});
        const auto tables = idem::log_tables::open(*env);
        idem::storage::write(*env, [&](idem::storage::write_transaction& txn) {
            std::string block(*txn.get(tables.log, 1));
            REQUIRE(block.size() > 32 << 10);
            block[at] = value;
            txn.put(tables.log, 1, block);
        });
    };
    SUBCASE("its number") {
        damage(12, 7);
        CHECK(kinds_of(idem::verify(path)) == kinds{"position_gap"});
    }
    SUBCASE("the start of its third record") {
        damage(20, 1);
        const auto report = idem::verify(path);
        // The second and the third; the fourth no longer follows on what can be read.
        CHECK(kinds_of(report) == kinds{"record_malformed", "revision_gap"});
        CHECK(report.events == 497);
    }
    SUBCASE("its count") {
        damage(8, 3);
        CHECK(kinds_of(idem::verify(path)).contains("position_gap"));
        idem::store store(path, {.create = false});
        CHECK_THROWS_AS(store.read({}, [](const auto&) {}), idem::error);
    }
    SUBCASE("its first position") {
        damage(0, 2);
        CHECK(kinds_of(idem::verify(path)).contains("position_mismatch"));
        idem::store store(path, {.create = false});
        CHECK_THROWS_AS(store.read({}, [](const auto&) {}), idem::error);
    }
    CHECK_FALSE(idem::verify(path).sound());
}

TEST_CASE("rows in disorder are told, and not walked in a circle") {
    sample_store sample;
    sample.replace(std::string("\0\0\2\0s1", 6), std::string("\0\0\2\0s3", 6));
    const idem::store store(sample.path, {.read_only = true});
    CHECK_THROWS_WITH_AS(store.state("counts").for_each([](auto, auto) {}),
                         doctest::Contains("out of order"), idem::error);
}

TEST_CASE("a walk over many faults stops at its limit and says so") {
    sample_store sample;
    sample.damage([](auto& txn, const auto& tables, auto&) {
        for (std::uint64_t position = 5; position <= 40; ++position) {
            txn.put(tables.log, position, "no event");
        }
    });
    const auto report = idem::verify(sample.path, {.findings_max = 7});
    CHECK(report.findings.size() == 7);
    CHECK_FALSE(report.complete);
    CHECK(report.events < 50);
}

TEST_CASE("a backup is a sound store of its own, and restores to the same answers") {
    const sample_store sample;
    idem::store store(sample.path);
    store.backup(sample.folder / "b.idem");
    store.append(numbered_event(1000));
    CHECK(idem::verify(sample.folder / "b.idem").sound());
    CHECK_THROWS_AS(store.backup(sample.folder / "b.idem"), idem::error);
    idem::restore(sample.folder / "b.idem", sample.folder / "r.idem");
    CHECK_THROWS_AS(idem::restore(sample.folder / "b.idem", sample.folder / "r.idem"), idem::error);
    idem::store restored(sample.folder / "r.idem");
    CHECK(restored.head() == 50);
    const auto again = restored.append(numbered_event(7, "s1")).receipts.at(0);
    CHECK(again == idem::receipt{numbered_id(7), idem::outcome::duplicate, 8, 2});
    CHECK(restored.state("counts").digest() == restored.replay(counting_fold()).digest());
}

TEST_CASE("what is not a store is refused with the reason") {
    const scratch_folder folder;
    CHECK_THROWS_WITH_AS(idem::store(folder / "none", {.create = false}), doctest::Contains("none"),
                         idem::error);
    std::filesystem::create_directory(folder / "text");
    std::ofstream(folder / "text" / "data.mdb") << std::string(10000, 'x');
    CHECK(refusal(folder / "text") == idem::errc::not_a_store);
    std::filesystem::create_directory(folder / "empty");
    std::ofstream(folder / "empty" / "data.mdb").flush();
    CHECK(refusal(folder / "empty") == idem::errc::not_a_store);
}

TEST_CASE("a store of another format is refused, and left as it is") {
    sample_store sample;
    const auto set_format = [&](std::uint32_t version) {
        sample.damage([version](auto& txn, const auto&, auto& env) {
            const auto catalog = *env.find_table("catalog");
            std::string info(*txn.get(catalog, "store"));
            auto* root = flatbuffers::GetMutableRoot<flatbuffers::Table>(info.data());
            REQUIRE(root->SetField<std::uint32_t>(idem::wire::StoreInfo::VT_FORMAT_VERSION, version,
                                                  0));
            txn.put(catalog, "store", info);
        });
    };
    set_format(idem::format_version + 1);
    CHECK(refusal(sample.path) == idem::errc::unsupported_format);
    CHECK(sample.kinds() == kinds{"format"});
    CHECK_THROWS_WITH(idem::store{sample.path}, doctest::Contains("use a newer idem"));
    set_format(idem::format_version - 1);
    CHECK_THROWS_WITH(idem::store{sample.path}, doctest::Contains("export it with that one"));
}

TEST_CASE("a store that lost its end is refused before anything reads what is missing") {
    const sample_store sample;
    {
        idem::store store(sample.path);
        for (std::uint64_t i = 100; i < 1100; ++i) store.append(numbered_event(i));
    }
    const auto file = sample.path / "data.mdb";
    std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
    CHECK(refusal(sample.path) == idem::errc::corrupt);
    CHECK(sample.kinds() == kinds{"unreadable"});
    CHECK_FALSE(idem::verify(sample.path).complete);
}
