#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "idem/keyed_fold.hpp"
#include "idem/store.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

namespace {

using idem::projection_mode;

struct balance {
    std::int64_t cents = 0;
    std::uint64_t moves = 0;
    friend bool operator==(const balance&, const balance&) = default;
};

// A payload "ACCOUNT CENTS", so that tests need no JSON.
idem::event moved(std::uint64_t number, const std::string& account, std::int64_t cents) {
    idem::event e = numbered_event(number, "account-" + account);
    e.type = "Moved";
    e.content_type = "text/plain";
    e.data = account + " " + std::to_string(cents);
    return e;
}

std::string account_of(const idem::event_view& e) {
    return std::string(e.data().substr(0, e.data().find(' ')));
}
std::int64_t cents_of(const idem::event_view& e) {
    return std::stoll(std::string(e.data().substr(e.data().find(' ') + 1)));
}

auto balances(std::uint32_t version = 1) {
    return idem::keyed_fold<std::string, balance>("balances", version)
        .on("Moved", account_of, [](balance b, const idem::event_view& e) {
            b.cents += cents_of(e);
            ++b.moves;
            return b;
        });
}

void append_moves(idem::store& store, std::uint64_t first, std::uint64_t count) {
    std::vector<idem::event> batch;
    for (std::uint64_t i = first; i < first + count; ++i) {
        batch.push_back(moved(i, std::to_string(i % 5), static_cast<std::int64_t>(i)));
    }
    REQUIRE(store.append(batch).accepted());
}

idem::state_digest replay_digest(const idem::store& store, const idem::projection& p) {
    return store.replay(p).digest();
}

}  // namespace

TEST_CASE("a keyed fold keeps a row for each key it is given") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.run(balances(), projection_mode::manual);
    store.append({moved(1, "ann", 100), moved(2, "bob", 5), moved(3, "ann", -30)});
    CHECK(store.catch_up("balances") == 3);
    const auto state = store.state(balances());
    CHECK(state.find("ann").row == balance{70, 2});
    CHECK(state.find("bob").row == balance{5, 1});
    CHECK_FALSE(state.find("eve").row);
    CHECK(state.find("eve").position == 3);
    CHECK(state.row_count() == 2);
}

TEST_CASE("redelivery changes nothing, and the digest says so") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.run(balances(), projection_mode::manual);
    append_moves(store, 1, 100);
    store.catch_up("balances");
    const auto before = store.state("balances").digest();
    for (int n = 0; n < 3; ++n) {
        for (std::uint64_t i = 1; i <= 100; i += 10) append_moves(store, i, 10);
    }
    CHECK(store.catch_up("balances") == 100);
    CHECK(store.state("balances").digest() == before);
    CHECK(before == replay_digest(store, balances()));
    CHECK(before != idem::state_digest{});
}

TEST_CASE("an inline projection is there when the append returns") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    append_moves(store, 1, 10);
    store.run(balances(), projection_mode::inline_);
    CHECK(store.state("balances").position() == 10);
    for (std::uint64_t i = 11; i <= 30; ++i) {
        const auto result = store.append(moved(i, "ann", 1));
        REQUIRE(result.accepted());
        const auto read = store.state(balances()).find("ann");
        CHECK(read.position == i);
        CHECK(read.row->moves == i - 10);
    }
    CHECK(store.state("balances").digest() == replay_digest(store, balances()));
}

TEST_CASE("an inline projection takes in what was appended without it") {
    const scratch_folder folder;
    idem::store with(folder / "s.idem");
    with.run(balances(), projection_mode::inline_);
    idem::store without(folder / "s.idem");
    append_moves(with, 1, 5);
    append_moves(without, 6, 5);
    CHECK(with.state("balances").position() == 5);
    append_moves(with, 11, 1);
    CHECK(with.state("balances").position() == 11);
    CHECK(with.state("balances").digest() == replay_digest(with, balances()));
    append_moves(without, 12, 1);
    CHECK(with.catch_up("balances") == 12);
    CHECK(with.state("balances").digest() == replay_digest(with, balances()));
}

TEST_CASE("an inline handler that throws rejects its own batch and no other") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.run(balances(), projection_mode::inline_);
    store.append(moved(1, "ann", 7));
    idem::event bad = moved(2, "ann", 0);
    bad.data = "ann many";
    try {
        store.append({moved(3, "ann", 1), bad});
        FAIL("accepted");
    } catch (const idem::error& e) {
        CHECK(e.code() == idem::errc::handler_failed);
        CHECK(std::string(e.what()).find(to_string(bad.id)) != std::string::npos);
    }
    CHECK(store.head() == 1);
    CHECK(store.state(balances()).find("ann").row == balance{7, 1});

    std::atomic<int> failed = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 20; ++i) {
                idem::event e = moved(100 + static_cast<std::uint64_t>(t * 20 + i), "ann", 1);
                if (t % 2 == 1) e.data = "ann many";
                try {
                    store.append(e);
                } catch (const idem::error&) {
                    ++failed;
                }
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(failed == 80);
    CHECK(store.head() == 81);
    CHECK(store.state(balances()).find("ann").row == balance{87, 81});
    CHECK(store.state("balances").digest() == replay_digest(store, balances()));
}

TEST_CASE("a background projection catches up by itself, and wait_for gives read-your-writes") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    append_moves(store, 1, 50);
    store.run(balances(), projection_mode::background);
    CHECK(store.wait_for("balances", 50));
    for (std::uint64_t i = 51; i < 80; ++i) {
        const auto result = store.append(moved(i, "ann", 1));
        REQUIRE(store.wait_for("balances", result.receipts[0].position));
        CHECK(store.state(balances()).find("ann").row->moves == i - 50);
    }
    CHECK_FALSE(store.wait_for("balances", 1000, std::chrono::milliseconds(20)));
}

TEST_CASE("catching up stops before the event on which the handler fails, and can be retried") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    std::atomic<bool> broken = true;
    const auto fragile = idem::keyed_fold<std::string, std::uint64_t>("fragile").on(
        "Moved", account_of, [&broken](std::uint64_t n, const idem::event_view& e) {
            if (broken && e.position() == 4) throw std::runtime_error("no fourth, please");
            return n + 1;
        });
    append_moves(store, 1, 6);
    store.run(fragile, projection_mode::manual);
    store.run(balances(), projection_mode::manual);
    CHECK_THROWS_WITH_AS(store.catch_up("fragile"), doctest::Contains("no fourth, please"),
                         idem::error);
    const auto info = store.find_projection("fragile");
    REQUIRE(info);
    CHECK(info->position == 3);
    CHECK(info->failure.find("position 4") != std::string::npos);
    CHECK(store.state("fragile").row_count() == 3);
    CHECK_THROWS_AS(store.wait_for("fragile", 6), idem::error);
    CHECK(store.catch_up("balances") == 6);  // others go on

    SUBCASE("retried") {
        broken = false;
        CHECK(store.catch_up("fragile") == 6);
        CHECK(store.find_projection("fragile")->failure.empty());
        CHECK(store.state("fragile").digest() == replay_digest(store, fragile));
    }
    SUBCASE("skipped on purpose") {
        store.skip_failed_event("fragile", "a known bad delivery");
        CHECK(store.catch_up("fragile") == 6);
        CHECK(store.state(fragile).find("4").row == std::nullopt);
        CHECK_THROWS_AS(store.skip_failed_event("fragile", "again"), idem::error);
    }
}

TEST_CASE("a handler that writes nothing but throws leaves no trace of that event") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    idem::projection p;
    p.name = "half";
    p.apply = [](const idem::event_view& e, idem::state_table& table) {
        table.put("a", std::to_string(e.position()));
        if (e.position() == 3) throw std::runtime_error("after the write");
        table.put("b", std::to_string(e.position()));
    };
    append_moves(store, 1, 3);
    store.run(p, projection_mode::manual);
    CHECK_THROWS_AS(store.catch_up("half"), idem::error);
    CHECK(store.state("half").find("a").row == "2");
    CHECK(store.state("half").find("b").row == "2");
}

TEST_CASE("a handler with a table finds, puts and erases rows") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    idem::projection p;
    p.name = "latest";
    p.apply = [](const idem::event_view& e, idem::state_table& table) {
        const std::string stream(e.stream());
        if (e.type() == "Closed") return table.erase(stream);
        const auto before = table.find(stream);
        table.put(stream,
                  (before ? std::string(*before) + "," : "") + std::to_string(e.position()));
    };
    store.run(p, projection_mode::inline_);
    idem::event closed = numbered_event(4, "b");
    closed.type = "Closed";
    store.append({numbered_event(1, "a"), numbered_event(2, "b"), numbered_event(3, "a"), closed});
    const auto state = store.state("latest");
    CHECK(state.find("a").row == "1,3");
    CHECK_FALSE(state.find("b").row);
    CHECK(state.row_count() == 1);
    store.append(numbered_event(5, "b"));
    CHECK(state.find("b").row == "5");
    CHECK(state.digest() == replay_digest(store, p));
}

TEST_CASE("an apply that returns nothing deletes the row; keys may be several or none") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto pairs =
        idem::keyed_fold<std::uint64_t, std::uint64_t>("pairs")
            .on(
                "Moved",
                [](const idem::event_view& e) {
                    return std::vector<std::uint64_t>{e.position(), e.position() + 1};
                },
                [](std::uint64_t n, std::uint64_t key,
                   const idem::event_view&) -> std::optional<std::uint64_t> {
                    if (key == 3 && n == 1) return std::nullopt;
                    return n + 1;
                })
            .on(
                "Ignored", [](const idem::event_view&) { return std::optional<std::uint64_t>(); },
                [](std::uint64_t n, const idem::event_view&) { return n + 100; });
    idem::event ignored = numbered_event(9);
    ignored.type = "Ignored";
    append_moves(store, 1, 3);
    store.append(ignored);
    store.run(pairs, projection_mode::manual);
    CHECK(store.catch_up("pairs") == 4);
    const auto state = store.state(pairs);
    CHECK(state.find(1).row == 1);
    CHECK(state.find(2).row == 2);
    CHECK_FALSE(state.find(3).row);
    CHECK(state.find(4).row == 1);
    std::vector<std::uint64_t> keys;
    CHECK(state.for_each([&](std::uint64_t key, std::uint64_t) { keys.push_back(key); }) == 4);
    CHECK(keys == std::vector<std::uint64_t>{1, 2, 4});
}

TEST_CASE("state at an earlier position is that of a log that ended there") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    idem::store shorter(folder / "shorter.idem");
    append_moves(store, 1, 40);
    append_moves(shorter, 1, 17);
    const auto then = store.replay(balances(), 17);
    shorter.run(balances(), projection_mode::inline_);
    CHECK(then.find("ann").row == shorter.state(balances()).find("ann").row);
    CHECK(then.position() == 17);
    CHECK(then.digest() == replay_digest(shorter, balances()));
    CHECK(then.digest() != replay_digest(store, balances()));
    CHECK(store.projections().empty());  // a replay leaves nothing behind
}

TEST_CASE("two handles that catch up the same projection agree") {
    const scratch_folder folder;
    idem::store a(folder / "s.idem");
    idem::store b(folder / "s.idem");
    a.run(balances(), projection_mode::manual);
    b.run(balances(), projection_mode::manual);
    std::thread appending([&] {
        for (std::uint64_t i = 0; i < 60; ++i) append_moves(a, 1 + i * 20, 20);
    });
    const auto follow = [](idem::store& store) {
        while (store.catch_up("balances") < 1200) {
        }
    };
    std::thread other([&] { follow(b); });
    follow(a);
    appending.join();
    other.join();
    CHECK(a.state("balances").digest() == replay_digest(a, balances()));
    CHECK(a.find_projection("balances")->position == 1200);
}

TEST_CASE("names, keys and rows have limits") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    idem::projection p;
    p.apply = [](const idem::event_view&, idem::state_table&) {};
    for (const char* name : {"", "a b", "a/b", "a@1"}) {
        p.name = name;
        CHECK_THROWS_AS(store.run(p, projection_mode::manual), idem::error);
    }
    p.name = "keys";
    p.apply = [](const idem::event_view&, idem::state_table& table) { table.put("", "x"); };
    store.append(numbered_event(1));
    store.run(p, projection_mode::manual);
    CHECK_THROWS_WITH_AS(store.catch_up("keys"), doctest::Contains("key"), idem::error);
    p.name = "rows";
    p.apply = [](const idem::event_view&, idem::state_table& table) {
        table.put("x", std::string((1 << 20) + 1, 'x'));
    };
    store.run(p, projection_mode::manual);
    CHECK_THROWS_WITH_AS(store.catch_up("rows"), doctest::Contains("limit"), idem::error);
    CHECK_THROWS_AS(store.run(p, projection_mode::manual), idem::error);  // runs already
    CHECK_THROWS_AS(store.state("nobody"), idem::error);
}

TEST_CASE("a fold of a long stream is not replayed from its beginning each time") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    std::uint64_t applied = 0;
    const idem::stream_fold<balance> account{
        .name = "account", .apply = [&applied](balance b, const idem::event_view& e) {
            ++applied;
            b.cents += cents_of(e);
            ++b.moves;
            return b;
        }};
    CHECK_FALSE(store.fold(account, "account-ann").revision);
    std::vector<idem::event> batch;
    for (std::uint64_t i = 1; i <= 3000; ++i) batch.push_back(moved(i, "ann", 1));
    store.append(batch);
    auto folded = store.fold(account, "account-ann");
    CHECK(folded.value == balance{3000, 3000});
    CHECK(folded.revision == 2999);
    CHECK(applied == 3000);
    store.append(moved(3001, "ann", 1));
    applied = 0;
    CHECK(store.fold(account, "account-ann").value == balance{3001, 3001});
    CHECK(applied == 1);
    applied = 0;
    idem::store reopened(folder / "s.idem");
    CHECK(reopened.fold(account, "account-ann").value.moves == 3001);
    CHECK(applied == 1);
    CHECK_FALSE(store.fold(account, "account-bob").revision);
}
