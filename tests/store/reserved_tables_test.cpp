// Tables of the store's own are made of its own streams, and made again where they are not there or
// come from another version of their fold.
#include <doctest/doctest.h>

#include "commands_generated.h"
#include "idem/error.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "idempotency/key_fold.hpp"
#include "idempotency/reserved.hpp"
#include "idempotency/row.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "table_rows.hpp"

namespace {

const idem::key_scope scope{"customer-7", "charge"};

idem::key_answer charge(idem::store& s, const std::string& key, int& runs) {
    return s.once(scope, key, {}, [&](idem::transaction& t) {
        t.append(numbered_event(static_cast<std::uint64_t>(++runs)));
        return "done";
    });
}

// Behind the back of the store.
template <class Change>
void change_table(const std::filesystem::path& path, Change change) {
    const auto env = idem::storage::environment::open(path, {});
    idem::storage::write(
        *env, [&](idem::storage::write_transaction& txn) { change(txn, txn.open_table("keys")); });
}

}  // namespace

TEST_CASE(
    "a table that was emptied, or made by another version, is made anew by the next command") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    idem::store store(path);
    int runs = 0;
    for (const char* key : {"a", "b", "c"}) charge(store, key, runs);
    const auto lease = store.keys().claim(scope, "d", {});
    const auto rows = table_rows(path, "keys");
    SUBCASE("emptied") {
        change_table(path, [](idem::storage::write_transaction& txn, idem::storage::table t) {
            txn.clear_table(t);
        });
        CHECK(table_rows(path, "keys").empty());
    }
    SUBCASE("made by another version") {
        change_table(path, [](idem::storage::write_transaction& txn, idem::storage::table t) {
            txn.clear_table(t);
            txn.put(t, "old", "row");
            idem::wire::FoldInfoT info;
            info.version = idem::key_fold().version() + 1;
            txn.put(t, idem::reserved_info_key, idem::pack<idem::wire::FoldInfo>(info));
        });
        try {
            store.keys().find(scope, "a");
            FAIL("read rows of another fold");
        } catch (const idem::error& e) {
            CHECK(e.code() == idem::errc::stale);
        }
    }
    CHECK(charge(store, "b", runs).replayed);
    CHECK(runs == 3);
    CHECK(table_rows(path, "keys") == rows);
    CHECK(store.keys().claim(scope, "d", {}).outcome == idem::key_outcome::in_progress);
}

TEST_CASE("an append of the store's own events by others makes the table anew as well") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    idem::store from(folder / "from.idem");
    int runs = 0;
    for (const char* key : {"a", "b", "c"}) charge(from, key, runs);
    idem::store store(path);
    copy_events(from, store);
    const auto rows = table_rows(path, "keys");
    CHECK(rows == table_rows(folder / "from.idem", "keys"));
    change_table(path, [](idem::storage::write_transaction& txn, idem::storage::table t) {
        txn.clear_table(t);
    });
    charge(from, "d", runs);
    copy_events(from, store);
    CHECK(table_rows(path, "keys") == table_rows(folder / "from.idem", "keys"));
}

TEST_CASE("events of the store's own streams that could not be theirs are refused") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const std::string key(32, 'a');
    const auto refused = [&](const std::string& type, const std::string& data) {
        idem::event e;
        e.stream = "$keys";
        e.type = type;
        e.data = data;
        CHECK_THROWS_AS(store.append(e), idem::error);
    };
    refused("Happened", "{}");
    refused("idem.KeyAbandoned", R"({"fence":1})");
    refused("idem.KeyAbandoned", R"({"key":")" + key + R"("})");
    refused("idem.KeyFinished", R"({"key":")" + key + R"(","fence":0})");
    const auto about = [&](const std::string& more) {
        return R"({"key":")" + key + R"(","fence":0,"request":")" + key + "\"," + more + "}";
    };
    refused("idem.KeyFinished", about(R"("owner":"o","operation":"p","name":"n")"));
    refused("idem.KeyClaimed", about(R"("name":"blake2b:)" + std::string(32, '0') + "\""));
    const std::string long_text(256, 'x');
    const std::string large(140'000, 'x');
    refused("idem.KeyCalling", about(R"("call":")" + long_text + "\""));
    refused("idem.KeyReached", about(R"("point":")" + long_text + "\""));
    refused("idem.KeyReached", about(R"("data":")" + large + "\""));
    refused("idem.KeyAbandoned", about(R"("reason":")" + large + "\""));
    refused("idem.KeyFinished",
            about(R"("name":"blake2b:)" + key + R"(","result":")" + large + "\""));
    refused("idem.KeysSwept", R"({"until":1})");
    refused("idem.KeysSwept", R"({"until":1,"limit":0})");
    refused("idem.KeysSwept", R"({"until":1,"limit":10001})");
    CHECK(store.head() == 0);
}

// Such as when the logs of two stores come together.
TEST_CASE("an event that contradicts the row of its key changes nothing") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    idem::store store(path);
    auto lease = store.keys().claim(scope, "k", idem::request().with("cents", 1)).lease.value();
    const auto rows = table_rows(path, "keys");
    const std::string key = store.keys().find(scope, "k")->id;
    const std::string other(32, 'f');
    const auto foreign = [&](const std::string& type, const std::string& members) {
        idem::event e;
        e.stream = "$keys";
        e.type = type;
        e.data = R"({"key":")" + key + R"(","name":"blake2b:)" + key + "\"," + members + "}";
        CHECK(store.append(e).outcome() == idem::outcome::appended);
        CHECK(table_rows(path, "keys") == rows);
    };
    foreign("idem.KeyAbandoned", R"("fence":2,"reason":"x")");
    foreign("idem.KeyAbandoned", R"("fence":0,"reason":"x")");
    foreign("idem.KeyInDoubt", R"("fence":1)");  // no call is under way
    foreign("idem.KeyClaimed", R"("fence":3,"request":")" + other + "\"");
    foreign("idem.KeyClaimed", R"("fence":2,"request":")" + other + "\"");
    foreign("idem.KeyFinished", R"("fence":1,"request":")" + other + R"(","result":"x")");
    CHECK(lease.complete("mine").completed());
    CHECK(store.keys().find(scope, "k")->result == "mine");
}

TEST_CASE("verify finds a row that was put in, taken out or changed by hand, and no other") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    idem::store store(path);
    CHECK(idem::verify(path).sound());  // no table at all
    int runs = 0;
    for (const char* key : {"a", "b", "c"}) charge(store, key, runs);
    auto lease = store.keys().claim(scope, "d", {}).lease.value();
    lease.checkpoint("p", std::string(100'000, 'd'));
    store.keys().sweep({.result_bytes_max = 8});
    write_out_tail(path, "keys");
    const auto written = written_rows(path, "keys");
    CHECK(table_rows(path, "keys") == written);
    charge(store, "e", runs);  // which stands behind the mark
    CHECK(written_rows(path, "keys") == written);
    CHECK(idem::verify(path).sound());
    const auto found = [&] {
        const auto report = idem::verify(path);
        CHECK(report.complete);
        for (const auto& f : report.findings) {
            CHECK(f.kind == "table_mismatch");
            CHECK(f.subject == "keys");
        }
        return report.findings.size();
    };
    const auto rows = table_rows(path, "keys");
    const auto first = written.begin()->first;
    SUBCASE("put in") {
        change_table(path, [](idem::storage::write_transaction& txn, idem::storage::table t) {
            txn.put(t, "zzz", "row");
            txn.put(t, "aaa", "row");
        });
        CHECK(found() == 2);
    }
    SUBCASE("taken out") {
        change_table(path, [&](idem::storage::write_transaction& txn, idem::storage::table t) {
            txn.erase(t, first);
        });
        CHECK(found() == 1);
    }
    SUBCASE("changed") {
        change_table(path, [&](idem::storage::write_transaction& txn, idem::storage::table t) {
            txn.put(t, first, written.at(first) + "x");
        });
        CHECK(found() == 1);
    }
    SUBCASE("emptied") {
        change_table(path, [](idem::storage::write_transaction& txn, idem::storage::table t) {
            txn.clear_table(t);
        });
        CHECK(found() == rows.size());
        charge(store, "a", runs);
        CHECK(idem::verify(path).sound());
    }
    SUBCASE("made by another version, which the next command makes anew") {
        change_table(path, [](idem::storage::write_transaction& txn, idem::storage::table t) {
            idem::wire::FoldInfoT info;
            info.version = idem::key_fold().version() + 1;
            txn.put(t, idem::reserved_info_key, idem::pack<idem::wire::FoldInfo>(info));
            txn.put(t, "zzz", "row");
        });
        CHECK(found() == 0);
    }
}

TEST_CASE("of many rows that differ, verify tells some one by one and counts the others") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    idem::store store(path);
    change_table(path, [](idem::storage::write_transaction& txn, idem::storage::table t) {
        for (int i = 0; i < 100; ++i) txn.put(t, "row " + std::to_string(i), "x");
    });
    const auto report = idem::verify(path);
    REQUIRE(report.findings.size() == 21);
    CHECK(report.findings.back().message.find("80 more rows") != std::string::npos);
}
