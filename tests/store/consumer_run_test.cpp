// Who works as a consumer: threads, holders, and the loop.
#include <doctest/doctest.h>

#include <atomic>
#include <map>
#include <stdexcept>
#include <thread>

#include "counting_consumer.hpp"
#include "idem/error.hpp"
#include "idem/store.hpp"
#include "scratch_folder.hpp"

using namespace std::chrono_literals;
using idem::consumer_batch;
using idem::consumer_outcome;

TEST_CASE("threads work as one consumer, and each event counts once") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append(numbered_batch(0, 400));
    store.consumers().create("c", {.limit = 7});
    std::atomic<int> refused = 0;
    std::vector<std::thread> all;
    for (int n = 0; n < 4; ++n) {
        all.emplace_back([&] {
            for (;;) {
                const auto batch = store.consumers().next("c");
                if (batch.events.empty()) return;
                const auto verdict = store.consumers().advance(batch, counted(batch.state, batch));
                if (!verdict.accepted()) ++refused;
            }
        });
    }
    for (auto& t : all) t.join();
    CHECK(store.consumers().find("c")->state == "400");
    CHECK(store.consumers().find("c")->events == 400);
    CHECK(store.consumers().find("c")->advances == 58);
}

TEST_CASE("of two holders one works, and the other is fenced") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append(numbered_batch(0, 4));
    auto consumers = store.consumers();
    consumers.create("c", {.limit = 1});
    const auto unheld = consumers.next("c");
    auto a = consumers.acquire("c", "a", 1h);
    REQUIRE(a);
    CHECK_FALSE(consumers.acquire("c", "b", 1h));
    CHECK(consumers.acquire("c", "a", 1h)->fence == a->fence);
    CHECK(consumers.advance(unheld, "").outcome == consumer_outcome::fenced);
    const auto batch = consumers.next(*a);
    CHECK(consumers.advance(batch, "1").accepted());
    CHECK(consumers.renew(*a));
    const auto late = consumers.next(*a);
    CHECK(consumers.release(*a));
    CHECK_FALSE(consumers.release(*a));
    CHECK_FALSE(consumers.renew(*a));
    auto b = consumers.acquire("c", "b", 1h);
    REQUIRE(b);
    CHECK(b->fence == a->fence + 1);
    CHECK(consumers.advance(late, "2").outcome == consumer_outcome::fenced);
    CHECK(consumers.advance(consumers.next(*b), "2").accepted());
    CHECK(consumers.advance(late, "2").outcome == consumer_outcome::fenced);
    CHECK(consumers.find("c")->holder == "b");
    CHECK(consumers.find("c")->state == "2");
    CHECK_THROWS_AS(consumers.acquire("c", "", 1h), idem::error);
    CHECK_THROWS_AS(consumers.acquire("c", "x", 0ms), idem::error);
}

TEST_CASE("a holder whose time is over is taken over from, and fenced") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append(numbered_batch(0, 4));
    auto consumers = store.consumers();
    consumers.create("c", {.limit = 1});
    const auto a = consumers.acquire("c", "a", 1ms);
    REQUIRE(a);
    const auto late = consumers.next(*a);
    std::optional<idem::consumer_hold> b;
    while (!b) b = consumers.acquire("c", "b", 1h);  // as soon as the millisecond is over
    CHECK(b->fence == 2);
    CHECK(consumers.advance(late, "a").outcome == consumer_outcome::fenced);
    CHECK(consumers.advance(consumers.next(*b), "b").accepted());
    CHECK(consumers.find("c")->state == "b");
}

TEST_CASE("run handles what is there and what comes, and a handler that throws loses nothing") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append(numbered_batch(0, 30));
    store.consumers().create("c", {.limit = 4});
    int calls = 0;
    const auto handle = [&](const consumer_batch& batch, std::vector<idem::event>& produced) {
        if (++calls % 3 == 0) throw std::runtime_error("no network");
        for (const auto& e : batch.events) {
            if (e.type != "Happened") continue;
            auto made = typed(1000 + e.position, "Counted", "counts");
            produced.push_back(std::move(made));
        }
        return counted(batch.state, batch);
    };
    int throws = 0;
    for (bool done = false; !done;) {
        try {
            store.consumers().run("c", handle, {.wait = false});
            done = true;
        } catch (const std::runtime_error& e) {
            CHECK(std::string(e.what()) == "no network");
            ++throws;
        }
    }
    CHECK(throws > 3);
    CHECK(store.consumers().find("c")->state == "60");
    CHECK(store.find_stream("counts")->last_revision == 29);

    std::stop_source stop;
    std::thread follower([&] {
        store.consumers().run("c",
                              [&](const consumer_batch& batch, std::vector<idem::event>&) {
                                  if (batch.events.back().type == "Last") stop.request_stop();
                                  return counted(batch.state, batch);
                              },
                              {.stop = stop.get_token()});
    });
    store.append(numbered_batch(100, 10));
    store.append(typed(200, "Last"));
    follower.join();
    CHECK(store.consumers().find("c")->state == "71");
}

TEST_CASE("consumers that have nothing to do write nothing, and do not wake one another") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append(numbered_batch(0, 10));
    std::stop_source stop;
    std::atomic<int> handled = 0;
    std::vector<std::thread> all;
    for (const char* name : {"a", "b", "c"}) {
        store.consumers().create(name, {.filter = {.reserved = true}});
        all.emplace_back([&, name] {
            store.consumers().run(name,
                                  [&](const consumer_batch& batch, std::vector<idem::event>&) {
                                      for (const auto& e : batch.events) {
                                          CHECK(e.stream != "$consumers");
                                          if (e.type == "Last" && ++handled == 3)
                                              stop.request_stop();
                                      }
                                      return std::string();
                                  },
                                  {.stop = stop.get_token(), .holder = name, .lease = 1h});
        });
    }
    store.append(typed(100, "Last"));
    for (auto& t : all) t.join();
    std::map<std::string, int> types;
    store.read({}, [&](const idem::event_view& e) { ++types[std::string(e.type())]; });
    CHECK(types["idem.ConsumerCreated"] == 3);
    CHECK(types["idem.ConsumerAdvanced"] >= 3);
    CHECK(types["idem.ConsumerAdvanced"] <= 6);  // the ten events, then the last
    CHECK(types["idem.ConsumerLeased"] == 3);
    CHECK(types["idem.ConsumerReleased"] == 3);
}

TEST_CASE("two runners with a lease share a consumer, one at a time") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append(numbered_batch(0, 100));
    store.consumers().create("c", {.limit = 10});
    std::atomic<int> inside = 0;
    std::atomic<bool> together = false;
    std::vector<std::thread> all;
    for (const char* holder : {"a", "b"}) {
        all.emplace_back([&, holder] {
            store.consumers().run("c",
                                  [&](const consumer_batch& batch, std::vector<idem::event>&) {
                                      if (++inside > 1) together = true;
                                      const auto state = counted(batch.state, batch);
                                      --inside;
                                      return state;
                                  },
                                  {.wait = false, .holder = holder, .lease = 1h});
        });
    }
    for (auto& t : all) t.join();
    CHECK_FALSE(together);
    CHECK(store.consumers().find("c")->state == "100");
    CHECK(store.consumers().find("c")->advances == 10);
    CHECK(store.consumers().find("c")->holder.empty());
}

TEST_CASE("a handler that throws leaves no hold behind, and one that is idle moves on under one") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    auto consumers = store.consumers();
    consumers.create("c", {.filter = {.types = {"Wanted"}}});
    store.append(typed(1'000'000, "Wanted"));
    const auto fail = [](const consumer_batch&, std::vector<idem::event>&) -> std::string {
        throw std::runtime_error("no network");
    };
    const idem::consumer_run_options held{.wait = false, .holder = "a", .lease = 1h};
    CHECK_THROWS_AS(consumers.run("c", fail, held), std::runtime_error);
    CHECK(consumers.find("c")->holder.empty());
    CHECK(consumers.find("c")->fence == 1);
    CHECK(drain(store, "c") == 1);

    constexpr std::uint64_t others = 100'000;
    for (std::uint64_t n = 0; n < others; n += 10'000) store.append(numbered_batch(n, 10'000));
    CHECK(consumers.run("c", fail, held) >= others);
    CHECK(consumers.find("c")->holder.empty());
}

TEST_CASE("events whose data was erased, or is sealed, are covered and not handed out") {
    const scratch_folder folder;
    const auto sealed = [](std::uint64_t number, const char* subject) {
        auto e = numbered_event(number);
        e.data_subject = subject;
        return e;
    };
    idem::store store(folder / "s.idem");
    store.append({sealed(1, "c1"), numbered_event(2), sealed(3, "c2"), sealed(4, "c1")});
    store.consumers().create("c");
    store.erase_subject("c1");
    store.backup(folder / "b.idem");
    auto batch = store.consumers().next("c");
    REQUIRE(batch.events.size() == 2);
    CHECK(batch.events[0].position == 2);
    CHECK(batch.events[1].position == 3);
    CHECK(store.consumers().judge("c", 3).outcome == consumer_outcome::gap);
    CHECK(store.consumers().judge("c", 1).outcome == consumer_outcome::not_selected);
    CHECK(store.consumers().advance(batch, "").accepted());
    CHECK(store.consumers().find("c")->events == 2);
    CHECK(store.consumers().next("c").caught_up);

    idem::store copy(folder / "b.idem");
    batch = copy.consumers().next("c");
    REQUIRE(batch.events.size() == 1);
    CHECK(batch.events[0].position == 2);
}
