// The newest rows of a table stand in memory, and what they say is what the table would: for those
// who write, for those who read, and for other processes.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>

#include <atomic>
#include <map>
#include <thread>

#include "commands_generated.h"
#include "idem/error.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "idempotency/key_fold.hpp"
#include "idempotency/row.hpp"
#include "idempotency/row_tail.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "table_rows.hpp"

namespace {

const idem::key_scope scope{"customer-7", "charge"};

idem::key_answer charge(idem::store& s, int key, const std::string& result = "done") {
    return s.once(scope, fmt::format("key {}", key), {}, [&](idem::transaction& t) {
        t.append(numbered_event(static_cast<std::uint64_t>(key)));
        return result;
    });
}

void check_sound(const std::filesystem::path& path) {
    const auto report = idem::verify(path);
    CHECK(report.complete);
    for (const auto& f : report.findings) FAIL_CHECK(f.kind << ": " << f.message);
}

}  // namespace

TEST_CASE("a table and its tail are walked as one, in order") {
    CHECK(rc::check("walk", [] {
        const scratch_folder folder;
        const auto env = idem::storage::environment::scratch(folder / "");
        std::map<std::string, std::string> expected;
        idem::row_tail tail;
        const auto key = [] { return std::string(1, *rc::gen::inRange<char>('a', 'k')) + "k"; };
        std::uint64_t position = 0;
        idem::storage::write(*env, [&](idem::storage::write_transaction& txn) {
            const auto table = txn.open_table("rows");
            idem::reserved_rows rows(txn, table, tail);
            const int steps = *rc::gen::inRange(1, 60);
            for (int step = 0; step < steps; ++step) {
                const std::string k = key();
                const int what = *rc::gen::inRange(0, 6);
                if (what == 0) {
                    rows.erase(k);
                    expected.erase(k);
                } else if (what == 1) {
                    tail.note(++position);
                    tail.write_to(txn, table);
                    RC_ASSERT(tail.rows().empty());
                    RC_ASSERT(tail.mark() == position);
                } else {
                    expected[k] = std::to_string(step);
                    rows.put(k, expected[k]);
                }
                const auto found = expected.find(k);
                RC_ASSERT(rows.get(k) ==
                          (found == expected.end() ? std::nullopt : std::optional(found->second)));
            }
            const std::string from = *rc::gen::inRange(0, 2) == 0 ? "" : key();
            auto walk = rows.walk(from);
            for (auto at = expected.lower_bound(from); at != expected.end(); ++at) {
                const auto row = walk.next();
                RC_ASSERT(row.has_value());
                RC_ASSERT(row->first == at->first);
                RC_ASSERT(row->second == at->second);
            }
            RC_ASSERT(!walk.next());
            RC_ASSERT(!walk.next());
        });
    }));
}

TEST_CASE("rows stand in memory until they are many, and are found wherever they stand") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    std::optional<idem::store> store(std::in_place, path);
    charge(*store, 0);
    CHECK(written_rows(path, "keys").empty());
    CHECK(store->keys().list().size() == 1);
    // Each key has a row and a place in an order.
    const int keys = static_cast<int>(idem::row_tail::rows_max / 2 + 300);
    std::size_t written = 0;
    int written_at = 0;
    for (int i = 1; i < keys; ++i) {
        REQUIRE(charge(*store, i).completed());
        if (written > 0 || i % 64 != 0) continue;
        written = written_rows(path, "keys").size();
        written_at = i;
    }
    CHECK(written > 0);
    CHECK(written_at > keys / 2);
    CHECK(table_rows(path, "keys").size() > written);
    const auto check = [&] {
        for (const int i : {0, 1, written_at - 65, written_at, keys - 1}) {
            CHECK(charge(*store, i).replayed);
            CHECK(store->keys().find(scope, fmt::format("key {}", i)).value().result == "done");
        }
        CHECK(store->keys().stats().completed == static_cast<std::uint64_t>(keys));
        CHECK(store->keys().list({}, {}, 100'000).size() == static_cast<std::size_t>(keys));
        CHECK(store->head() == static_cast<std::uint64_t>(2 * keys));
    };
    check();
    store.emplace(path);
    check();
    check_sound(path);
    // Made anew, the table is written out on the way.
    const auto rows = table_rows(path, "keys");
    const auto env = idem::storage::environment::open(path, {});
    const auto table = env->find_table("keys").value();
    idem::storage::write(*env,
                         [&](idem::storage::write_transaction& txn) { txn.clear_table(table); });
    check();
    CHECK(written_rows(path, "keys").size() > 0);
    CHECK(table_rows(path, "keys") == rows);
    check_sound(path);
}

TEST_CASE("a batch that fills the tail is written in its own commit") {
    const scratch_folder folder;
    idem::store from(folder / "from.idem");
    for (int i = 0; i < 40; ++i) charge(from, i, std::string(idem::row_tail::bytes_max / 40, 'r'));
    CHECK(written_rows(folder / "from.idem", "keys").size() > 0);
    idem::store to(folder / "to.idem");
    copy_events(from, to);
    CHECK(written_rows(folder / "to.idem", "keys").size() > 0);
    CHECK(table_rows(folder / "to.idem", "keys") == table_rows(folder / "from.idem", "keys"));
    check_sound(folder / "to.idem");
}

TEST_CASE("each of two handles knows what the other has done, and written out") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    idem::store one(path);
    idem::store two(path);
    for (int i = 0; i < 60; ++i) {
        idem::store& writer = i % 2 == 0 ? one : two;
        idem::store& other = i % 2 == 0 ? two : one;
        CHECK_FALSE(charge(writer, i).replayed);
        if (i % 3 == 0) other.append(numbered_event(static_cast<std::uint64_t>(1000 + i)));
        if (i % 7 == 0) write_out_tail(path, "keys");
        CHECK(other.keys().find(scope, fmt::format("key {}", i)).has_value());
        CHECK(charge(other, i).replayed);
        CHECK(charge(other, i / 2).replayed);
    }
    check_sound(path);
}

TEST_CASE("a commit that begins again, in a larger map, takes nothing in twice") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    idem::open_options small;
    small.map_bytes = 1 << 20;
    idem::store store(path, small);
    const std::string large(60'000, 'r');
    for (int i = 0; i < 100; ++i) REQUIRE(charge(store, i, large).completed());
    CHECK(store.keys().stats().completed == 100);
    CHECK(store.keys().stats().result_bytes == 100 * large.size());
    for (int i = 0; i < 100; ++i) CHECK(charge(store, i).replayed);
    check_sound(path);
}

TEST_CASE("verify finds a mark that is not where the rows are") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    idem::store store(path);
    charge(store, 0);
    write_out_tail(path, "keys");
    charge(store, 1);
    const auto mark_at = [&](std::uint64_t position) {
        const auto env = idem::storage::environment::open(path, {});
        const auto table = env->find_table("keys").value();
        idem::storage::write(*env, [&](idem::storage::write_transaction& txn) {
            idem::wire::FoldInfoT info;
            info.version = idem::key_fold().version();
            info.through = position;
            txn.put(table, idem::reserved_info_key, idem::pack<idem::wire::FoldInfo>(info));
        });
        return idem::verify(path).findings;
    };
    // The row of a key, its place in the order, and the sums.
    CHECK(mark_at(store.head()).size() == 3);
    const auto beyond = mark_at(store.head() + 1);
    REQUIRE(beyond.size() == 4);
    CHECK(beyond.back().message.find("marked") != std::string::npos);
    try {
        charge(store, 1);
        FAIL("took a key for new that the log may have lost");
    } catch (const idem::error& e) {
        CHECK(e.code() == idem::errc::corrupt);
    }
    store.append(numbered_event(100));  // what has to do with no key goes on
    CHECK(mark_at(2).empty());
    CHECK(charge(store, 1).replayed);
}

TEST_CASE("events that change few rows or none fill a tail as well") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    idem::store store(path);
    auto lease = store.keys().claim(scope, "leased", {}).lease.value();
    std::string hash = store.keys().find(scope, "leased").value().id;
    idem::event e;
    e.stream = "$keys";
    e.type = "idem.KeyRenewed";
    std::vector<idem::event> batch;
    for (std::size_t i = 2; i < idem::row_tail::events_max; ++i) {
        e.id = idem::make_uuid_v7();
        e.data = fmt::format(R"({{"key":"{}","fence":1,"leased_until":{}}})", hash, i);
        batch.push_back(e);
    }
    store.append(batch);
    CHECK(written_rows(path, "keys").empty());
    CHECK(lease.renew(std::chrono::minutes(1)) == idem::key_outcome::granted);
    CHECK(written_rows(path, "keys") == table_rows(path, "keys"));
    CHECK(lease.complete("done").completed());
    check_sound(path);
}

TEST_CASE("those who look at keys never see one vanish while others write") {
    const scratch_folder folder;
    const auto path = folder / "s.idem";
    idem::store store(path);
    constexpr int keys = 400;
    std::atomic<int> done = 0;  // keys below are there
    std::thread writer([&] {
        for (int i = 0; i < keys; ++i) {
            charge(store, i);
            done = i + 1;
            if (i % 50 == 0) write_out_tail(path, "keys");
        }
    });
    std::atomic<int> missed = 0;
    std::vector<std::thread> readers;
    for (int n = 0; n < 3; ++n) {
        readers.emplace_back([&, n] {
            for (int turn = 0; done < keys; ++turn) {
                const int known = done;
                if (known == 0) continue;
                const auto key = fmt::format("key {}", (turn * 7 + n) % known);
                if (!store.keys().find(scope, key)) ++missed;
                if (store.keys().stats().completed < static_cast<std::uint64_t>(known)) ++missed;
            }
        });
    }
    writer.join();
    for (auto& reader : readers) reader.join();
    CHECK(missed == 0);
    check_sound(path);
}
