// Two real stores that get what either lacks.
#include "idem/sync.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <random>
#include <thread>

#include "causality/log_items.hpp"
#include "causality/origin_tables.hpp"
#include "causality/sync_pipe.hpp"
#include "idem/error.hpp"
#include "idem/verify.hpp"
#include "log/order_index.hpp"
#include "log/order_view.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

namespace {

using namespace idem;

// A store's set of items and its events in canonical order.
struct contents {
    std::vector<item_key> items;
    std::vector<order_key> order;
    friend bool operator==(const contents&, const contents&) = default;
};

contents contents_of(const store& s) {
    const auto env = storage::environment::open(s.path(), {});
    const log_tables tables = log_tables::open(*env);
    const noted_stamps notes(*env);
    const sync::log_items items(*env, tables, notes);
    contents found;
    found.items = items.list(item_key::lowest(), item_key::end(), 1'000'000);
    const storage::read_transaction txn(*env);
    const order_view view(txn, tables, *find_order_table(*env), notes);
    view.walk({}, [&](const order_key& key, const event_view&) {
        found.order.push_back(key);
        return true;
    });
    return found;
}

std::uint64_t events_in(const store& s) {
    return contents_of(s).order.size();
}

void check_in_sync(store& a, store& b) {
    const contents of_a = contents_of(a);
    CHECK(of_a == contents_of(b));
    CHECK(a.replica().parked().empty());
    CHECK(b.replica().parked().empty());
    CHECK(a.replica().frontier() == b.replica().frontier());
    for (const auto* s : {&a, &b}) {
        const auto report = verify(s->path());
        CHECK(report.complete);
        for (const auto& f : report.findings) FAIL_CHECK(f.message);
    }
    const auto head_a = a.head();
    const auto head_b = b.head();
    const auto again = sync_stores(a, b);
    CHECK(again.in_sync());
    CHECK(again.received + again.sent + again.noted == 0);
    CHECK(again.bytes_in < 200);
    CHECK(again.bytes_out < 200);
    CHECK(a.head() == head_a);
    CHECK(b.head() == head_b);
}

struct two_stores {
    scratch_folder folder;
    store a{folder / "a.idem"};
    store b{folder / "b.idem"};
};

// `serve_sync` in a thread at the other end of a socket.
struct served {
    explicit served(store& s) {
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        thread = std::thread([this, &s] {
            try {
                serve_sync(s, ends[1], ends[1]);
            } catch (const error& e) {
                fault = e.code();
            }
        });
    }
    void close() {
        if (thread.joinable()) {
            ::shutdown(ends[0], SHUT_RDWR);
            thread.join();
            ::close(ends[0]);
            ::close(ends[1]);
        }
    }
    ~served() { close(); }
    int ends[2] = {-1, -1};
    std::optional<errc> fault;
    std::thread thread;
};

}  // namespace

TEST_CASE("what each has alone goes over, in both directions, with its stamps") {
    two_stores s;
    REQUIRE(s.a.append(numbered_batch(0, 3000)).accepted());
    REQUIRE(s.b.append(numbered_batch(5000, 1200)).accepted());
    const auto result = sync_stores(s.a, s.b);
    CHECK(result.in_sync());
    CHECK(result.received == 1200);
    CHECK(result.sent == 3000);
    CHECK(result.noted == 0);
    CHECK(s.a.find(numbered_id(5000))->stamp == s.b.find(numbered_id(5000))->stamp);
    CHECK(events_in(s.a) == 4200);
    check_in_sync(s.a, s.b);
}

TEST_CASE("an event that was appended to both is one event, known by both stamps") {
    two_stores s;
    REQUIRE(s.a.append(numbered_batch(0, 300)).accepted());
    REQUIRE(s.b.append(numbered_batch(200, 300)).accepted());
    const auto result = sync_stores(s.b, s.a);
    CHECK(result.in_sync());
    CHECK(result.received == 200);
    CHECK(result.sent == 200);
    CHECK(result.noted == 200);  // 100 in each direction
    CHECK(events_in(s.a) == 500);
    check_in_sync(s.a, s.b);

    store c(s.folder / "c.idem");
    CHECK(sync_stores(c, s.a).received == 500);
    check_in_sync(c, s.b);
}

TEST_CASE("late, doubled and concurrent events of three stores end in one set") {
    const auto seed = std::random_device()();
    CAPTURE(seed);
    std::mt19937 random(seed);
    const scratch_folder folder;
    std::vector<store> stores;
    for (const char* name : {"a", "b", "c"}) stores.emplace_back(folder / name);
    std::uint64_t number = 0;
    for (int step = 0; step < 60; ++step) {
        store& one = stores[random() % 3];
        if (random() % 3 == 0) {
            CHECK(sync_stores(one, stores[random() % 3]).in_sync());
            continue;
        }
        // One in three comes once more, to any store.
        const std::uint64_t first = number > 0 && random() % 3 == 0 ? random() % number : number;
        const std::uint64_t count = first == number ? 1 + random() % 40 : 1;
        number = std::max(number, first + count);
        REQUIRE(one.append(numbered_batch(first, count)).accepted());
    }
    CHECK(sync_stores(stores[0], stores[1]).in_sync());
    CHECK(sync_stores(stores[1], stores[2]).in_sync());
    CHECK(sync_stores(stores[2], stores[0]).in_sync());
    CHECK(sync_stores(stores[0], stores[1]).in_sync());
    CHECK(events_in(stores[0]) == number);
    check_in_sync(stores[0], stores[1]);
    check_in_sync(stores[1], stores[2]);
}

TEST_CASE("a sync that is broken off has kept what came, and the next goes on") {
    two_stores s;
    REQUIRE(s.a.append(numbered_batch(0, 50)).accepted());
    for (std::uint64_t first = 1000; first < 7000; first += 1000) {
        REQUIRE(s.b.append(numbered_batch(first, 1000)).accepted());
    }
    {
        served other(s.b);
        // A relay that hangs up when something has come, and more is asked for.
        int relay[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, relay) == 0);
        std::thread between([&] {
            sync::message_pipe near(relay[1], relay[1], std::chrono::minutes(1));
            sync::message_pipe far(other.ends[0], other.ends[0], std::chrono::minutes(1));
            while (const auto asked = near.receive_or_end()) {
                if (s.a.head() > 1000) break;
                far.send(*asked);
                near.send(far.receive());
            }
            ::shutdown(relay[1], SHUT_RDWR);
        });
        CHECK_THROWS_AS(sync_over(s.a, relay[0], relay[0]), error);
        between.join();
        ::close(relay[0]);
        ::close(relay[1]);
    }
    const std::uint64_t kept = events_in(s.a);
    CHECK(kept > 50);
    CHECK(kept < 6050);
    served other(s.b);
    const auto result = sync_over(s.a, other.ends[0], other.ends[0]);
    other.close();
    CHECK_FALSE(other.fault);
    CHECK(result.in_sync());
    CHECK(result.received == 6050 - kept);
    CHECK(events_in(s.b) == 6050);
    check_in_sync(s.a, s.b);
}

TEST_CASE("an id with two contents is told of by both, and holds up nothing else") {
    two_stores s;
    REQUIRE(s.a.append(numbered_batch(0, 20)).accepted());
    REQUIRE(s.b.append(numbered_batch(100, 20)).accepted());
    event one = numbered_event(7000);
    REQUIRE(s.a.append(one).accepted());
    one.data = R"({"number":"other"})";
    REQUIRE(s.b.append(one).accepted());
    REQUIRE(s.a.append(numbered_batch(20, 20)).accepted());
    REQUIRE(s.b.append(numbered_batch(120, 20)).accepted());
    for (int round = 0; round < 2; ++round) {
        CAPTURE(round);
        const auto heads = std::pair(s.a.head(), s.b.head());
        const auto result = sync_stores(s.a, s.b);
        CHECK_FALSE(result.in_sync());
        CHECK(result.received == (round == 0 ? 40 : 0));
        CHECK(result.sent == (round == 0 ? 40 : 0));
        CHECK(result.conflicts == 2);
        CHECK(result.parked == 0);
        REQUIRE(result.problems.size() == 2);
        for (const bool here : {true, false}) {
            const auto& p = result.problems[result.problems[0].here == here ? 0 : 1];
            CHECK(p.here == here);
            CHECK(p.is == sync_problem::kind::conflict);
            CHECK(p.id == one.id);
            CHECK(p.position == s.a.find(one.id)->position);
            CHECK(p.field == (here ? "data" : ""));
        }
        if (round == 1) CHECK(heads == std::pair(s.a.head(), s.b.head()));
    }
    CHECK(s.a.find(one.id)->data != s.b.find(one.id)->data);
    CHECK(events_in(s.a) == 81);
    CHECK(events_in(s.b) == 81);
    CHECK(s.a.replica().frontier() == s.b.replica().frontier());
    for (const auto* is : {&s.a, &s.b}) CHECK(verify(is->path()).findings.empty());
}

TEST_CASE("a copied folder that both sides write to loses nothing") {
    const scratch_folder folder;
    {
        store a(folder / "a.idem");
        REQUIRE(a.append(numbered_batch(0, 100)).accepted());
    }
    std::filesystem::copy(folder / "a.idem", folder / "b.idem",
                          std::filesystem::copy_options::recursive);
    store a(folder / "a.idem");
    store b(folder / "b.idem");
    REQUIRE(a.append(numbered_batch(1000, 7)).accepted());
    for (std::uint64_t first = 2000; first < 5000; first += 1000) {
        REQUIRE(b.append(numbered_batch(first, 1000)).accepted());
    }
    const auto result = sync_stores(a, b);
    CHECK(result.in_sync());
    CHECK(result.received == 3000);
    CHECK(result.sent == 7);
    REQUIRE(a.append(numbered_batch(6000, 5)).accepted());
    REQUIRE(b.append(numbered_batch(7000, 5)).accepted());
    CHECK(sync_stores(b, a).in_sync());
    CHECK(events_in(a) == 3117);
    CHECK(contents_of(a) == contents_of(b));
    CHECK(a.replica().parked().empty());
    CHECK(b.replica().parked().empty());
    store c(folder / "c.idem");
    CHECK(sync_stores(c, a).in_sync());
    CHECK(contents_of(c) == contents_of(a));
}
