// Events of other stores: how each stands to what is known, and what becomes of it.
#include "idem/replica.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>
#include <thread>

#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

using idem::accept_outcome;
using idem::causal_class;

namespace {

const idem::uuid origin_a = idem::make_uuid_from_source("origin", "a");
const idem::uuid origin_b = idem::make_uuid_from_source("origin", "b");
constexpr std::uint64_t clock_of_2020 = 1'577'836'800'000ULL << 16;

// The event of this number, as the origin made it: its clock counts in milliseconds.
idem::recorded_event made(std::uint64_t number, const idem::uuid& origin, std::uint64_t counter,
                          std::uint64_t ms) {
    idem::recorded_event e;
    static_cast<idem::event&>(e) = numbered_event(number);
    e.time = idem::timestamp();
    e.stamp = {clock_of_2020 + (ms << 16), origin, counter};
    return e;
}
idem::recorded_event nth_of_a(std::uint64_t counter) {
    return made(counter, origin_a, counter, 10 * counter);
}

idem::accepted_event accept_one(idem::store& store, const idem::recorded_event& e,
                                const idem::accept_options& options = {}) {
    return store.replica().accept({&e, 1}, options).at(0);
}

std::vector<idem::uuid> ids_of(const idem::store& store) {
    std::vector<idem::uuid> ids;
    store.read({}, [&](const idem::event_view& e) {
        if (!e.stream().starts_with('$')) ids.push_back(e.id());
    });
    return ids;
}

}  // namespace

TEST_CASE("each event is exactly one of next, concurrent, duplicate, stale, gap, equivocation") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    auto replica = store.replica();
    CHECK(replica.classify(nth_of_a(1)).is == causal_class::next);
    CHECK(replica.classify(nth_of_a(2)).is == causal_class::gap);
    REQUIRE(accept_one(store, nth_of_a(1)).outcome == accept_outcome::appended);
    REQUIRE(accept_one(store, nth_of_a(2)).outcome == accept_outcome::appended);
    CHECK(replica.classify(nth_of_a(3)).is == causal_class::next);
    CHECK(replica.classify(nth_of_a(2)).is == causal_class::duplicate);
    CHECK(replica.classify(nth_of_a(1)).is == causal_class::stale);
    CHECK(replica.classify(nth_of_a(4)).is == causal_class::gap);
    CHECK(replica.classify(made(50, origin_b, 1, 15)).is == causal_class::concurrent);
    CHECK(replica.classify(made(50, origin_b, 1, 25)).is == causal_class::next);

    const auto other_event = replica.classify(made(51, origin_a, 2, 20));
    CHECK(other_event.is == causal_class::equivocation);
    CHECK(other_event.field == "counter");
    auto changed = nth_of_a(2);
    changed.data = "{}";
    const auto other_content = replica.classify(changed);
    CHECK(other_content.is == causal_class::equivocation);
    CHECK(other_content.field == "data");
    CHECK(other_content.position != 0);
}

TEST_CASE("an event keeps its stamp, and what is appended here stands behind it") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    REQUIRE(store.append(numbered_event(100)).accepted());
    const auto own = store.at(1)->stamp;
    const auto taken = accept_one(store, nth_of_a(1));
    REQUIRE(taken.outcome == accept_outcome::appended);
    CHECK(store.at(taken.position)->stamp == nth_of_a(1).stamp);
    REQUIRE(store.append(numbered_event(101)).accepted());
    const auto after = store.find(numbered_id(101))->stamp;
    CHECK(after.origin == own.origin);
    CHECK(after.counter == 2);
    CHECK(after.clock > nth_of_a(1).stamp.clock);
    CHECK(idem::verify(store.path()).findings.empty());
}

TEST_CASE("[2, 3, 2, 3, 1] and all again leave what [1, 2, 3] leaves") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    for (const std::uint64_t counter : {2, 3, 2, 3}) {
        CHECK(accept_one(store, nth_of_a(counter)).outcome == accept_outcome::parked);
    }
    const auto waiting = store.replica().parked();
    REQUIRE(waiting.size() == 2);
    CHECK(waiting[0].counter == 2);
    CHECK(waiting[0].missing_from == 1);
    {
        idem::store again(folder / "s.idem");
        CHECK(accept_one(again, nth_of_a(1)).outcome == accept_outcome::appended);
    }
    CHECK(store.replica().parked().empty());
    const std::vector in_order{numbered_id(1), numbered_id(2), numbered_id(3)};
    CHECK(ids_of(store) == in_order);
    for (const std::uint64_t counter : {2, 3, 2, 3, 1}) {
        CHECK(accept_one(store, nth_of_a(counter)).outcome == accept_outcome::duplicate);
    }
    CHECK(ids_of(store) == in_order);
    CHECK(store.replica().frontier().counter_of(origin_a) == 3);
}

TEST_CASE("another event in a taken place is refused, or kept as a fork where that is asked for") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    REQUIRE(accept_one(store, nth_of_a(1)).outcome == accept_outcome::appended);
    const auto rival = made(60, origin_a, 1, 10);
    const auto refused = accept_one(store, rival);
    CHECK(refused.outcome == accept_outcome::refused);
    CHECK(refused.reason.find("two histories") != std::string::npos);
    CHECK_FALSE(store.find(numbered_id(60)));
    CHECK(accept_one(store, rival, {.keep_forks = true}).outcome == accept_outcome::forked);
    CHECK(store.find(numbered_id(60)));
    CHECK(accept_one(store, nth_of_a(2)).outcome == accept_outcome::appended);

    auto changed = nth_of_a(1);
    changed.data = "{}";
    CHECK(accept_one(store, changed, {.keep_forks = true}).outcome == accept_outcome::refused);
}

TEST_CASE("an event that both stores have got elsewhere is known by both stamps") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    REQUIRE(store.append(numbered_event(1)).accepted());
    const auto taken = accept_one(store, nth_of_a(1));
    CHECK(taken.outcome == accept_outcome::duplicate);
    CHECK(taken.position == 1);
    CHECK(accept_one(store, nth_of_a(2)).outcome == accept_outcome::appended);
    CHECK(store.replica().frontier().counter_of(origin_a) == 2);
    const auto head = store.head();
    CHECK(accept_one(store, nth_of_a(1)).outcome == accept_outcome::duplicate);
    CHECK(store.head() == head);  // what is noted is not noted again
}

TEST_CASE("a stamp beyond the bound of drift is refused where it comes in and where it is made") {
    const scratch_folder folder;
    const auto now = std::chrono::sys_days(std::chrono::year(2024) / 5 / 1);
    idem::timestamp clock = now;
    idem::store store(folder / "s.idem", {.clock = [&clock] { return clock; }});
    const auto ms_of_2020 = clock_of_2020 >> 16;
    const auto now_ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count());
    const auto ahead = now_ms - ms_of_2020 + 3'600'000;
    const auto refused = accept_one(store, made(1, origin_a, 1, ahead + 1));
    CHECK(refused.outcome == accept_outcome::refused);
    CHECK(refused.reason.find("ahead") != std::string::npos);
    CHECK(store.head() == 0);
    CHECK(accept_one(store, made(1, origin_a, 1, ahead)).outcome == accept_outcome::appended);
    REQUIRE(store.append(numbered_event(70)).accepted());  // an hour ahead, and not beyond
    clock -= std::chrono::minutes(5);
    bool drifted = false;
    try {
        store.append(numbered_event(71));
    } catch (const idem::error& e) {
        drifted = e.code() == idem::errc::clock_drift;
    }
    CHECK(drifted);
    clock = now + std::chrono::minutes(5);
    CHECK(store.append(numbered_event(71)).accepted());
}

TEST_CASE("what has waited while its subject was erased comes in without its data") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    auto second = nth_of_a(2);
    second.data_subject = "ann";
    REQUIRE(accept_one(store, second).outcome == accept_outcome::parked);
    store.erase_subject("ann");
    CHECK(accept_one(store, nth_of_a(1)).outcome == accept_outcome::appended);
    CHECK(store.replica().parked().empty());
    const auto kept = store.find(second.id);
    REQUIRE(kept);
    CHECK(kept->erased);
    CHECK(kept->data.empty());
    CHECK(idem::verify(store.path()).findings.empty());
}

TEST_CASE("what waits may be more than one batch holds") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    constexpr std::uint64_t events = 80;  // of a megabyte, nearly
    for (std::uint64_t counter = 2; counter <= events; ++counter) {
        auto e = nth_of_a(counter);
        e.data = '"' + std::string(idem::limits::event_bytes_max - 4096, 'x') + '"';
        REQUIRE(accept_one(store, e).outcome == accept_outcome::parked);
    }
    CHECK(accept_one(store, nth_of_a(1)).outcome == accept_outcome::appended);
    CHECK(store.replica().parked().empty());
    CHECK(store.replica().frontier().counter_of(origin_a) == events);
}

TEST_CASE("an event that comes before the one it waits for, in one batch, is appended") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const std::vector turned{nth_of_a(2), nth_of_a(1)};
    for (const auto& answer : store.replica().accept(turned)) {
        CHECK(answer.outcome == accept_outcome::appended);
        CHECK(answer.position != 0);
    }
}

TEST_CASE("any order, repeats and cuts of three origins' events leave the same, and none waits") {
    const auto seed = std::random_device()();
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::vector<idem::recorded_event> history;
    std::uint64_t number = 0;
    for (const char* name : {"a", "b", "c"}) {
        const auto origin = idem::make_uuid_from_source("origin", name);
        for (std::uint64_t counter = 1; counter <= 20; ++counter) {
            // One event in five was got by two of them.
            const std::uint64_t which = counter % 5 == 0 ? 1000 + counter : ++number;
            history.push_back(made(which, origin, counter, 7 * counter + random() % 3));
        }
    }
    std::optional<idem::version_vector> frontier;
    std::vector<idem::uuid> expected;
    for (int round = 0; round < 20; ++round) {
        const scratch_folder folder;
        idem::store store(folder / "s.idem");
        auto deliveries = history;
        deliveries.insert(deliveries.end(), history.begin(), history.begin() + 30);
        std::shuffle(deliveries.begin(), deliveries.end(), random);
        for (std::size_t first = 0; first < deliveries.size();) {
            const std::size_t size =
                std::min<std::size_t>(1 + random() % 9, deliveries.size() - first);
            for (const auto& answer :
                 store.replica().accept(std::span(deliveries).subspan(first, size))) {
                CHECK(answer.outcome != accept_outcome::refused);
            }
            first += size;
        }
        CHECK(store.replica().parked().empty());
        auto ids = ids_of(store);
        std::sort(ids.begin(), ids.end());
        auto covered = store.replica().frontier();
        if (!frontier) {
            frontier = covered;
            expected = ids;
        }
        CHECK(ids == expected);
        CHECK(covered == *frontier);
        CHECK(idem::verify(store.path()).findings.empty());
    }
    CHECK(expected.size() == number + 4);
}

namespace {

std::vector<idem::recorded_event> all_of(const idem::store& store) {
    std::vector<idem::recorded_event> events;
    store.read({}, [&](const idem::event_view& e) {
        if (!e.stream().starts_with('$')) events.push_back(e.to_owned());
    });
    return events;
}

}  // namespace

TEST_CASE("a store that was copied and written to goes on under an origin of its own") {
    const scratch_folder folder;
    {
        idem::store store(folder / "s.idem");
        REQUIRE(store.append(numbered_batch(1, 5)).accepted());
    }
    std::filesystem::copy(folder / "s.idem", folder / "copy.idem",
                          std::filesystem::copy_options::recursive);
    idem::store store(folder / "s.idem");
    idem::store copy(folder / "copy.idem");
    REQUIRE(store.append(numbered_batch(6, 3)).accepted());
    REQUIRE(copy.append(numbered_batch(9, 3)).accepted());
    const auto origin = store.at(1)->stamp.origin;
    CHECK(store.at(8)->stamp.origin == origin);
    CHECK(store.at(8)->stamp.counter == 8);
    CHECK(copy.at(5)->stamp.origin == origin);
    CHECK(copy.at(6)->stamp.origin != origin);
    CHECK(copy.at(6)->stamp.counter == 1);
    CHECK(copy.at(8)->stamp.counter == 3);
    for (const auto& answer : store.replica().accept(all_of(copy))) {
        CHECK(answer.outcome != accept_outcome::refused);
    }
    for (const auto& answer : copy.replica().accept(all_of(store))) {
        CHECK(answer.outcome != accept_outcome::refused);
    }
    CHECK(ids_of(store).size() == 11);
    CHECK(ids_of(copy).size() == 11);
    CHECK(store.replica().frontier() == copy.replica().frontier());
    CHECK(idem::verify(folder / "s.idem").findings.empty());
}

TEST_CASE(
    "a store that was put back in its own file finds that out from what comes, and loses "
    "nothing") {
    const scratch_folder folder;
    const auto bytes_of_backup = folder / "old";
    {
        idem::store store(folder / "s.idem");
        REQUIRE(store.append(numbered_batch(1, 5)).accepted());
    }
    std::filesystem::copy_file(folder / "s.idem" / "data.mdb", bytes_of_backup);
    std::vector<idem::recorded_event> before;
    {
        idem::store store(folder / "s.idem");
        REQUIRE(store.append(numbered_batch(6, 3)).accepted());
        before = all_of(store);
    }
    {
        // Into the same file, as a program does that copies over it.
        std::ifstream from(bytes_of_backup, std::ios::binary);
        std::ofstream to(folder / "s.idem" / "data.mdb", std::ios::binary | std::ios::trunc);
        to << from.rdbuf();
    }
    idem::store store(folder / "s.idem");
    REQUIRE(store.append(numbered_batch(20, 2)).accepted());
    const auto refused = store.replica().accept(before);
    CHECK(refused[5].outcome == accept_outcome::refused);  // two histories
    std::size_t forks = 0;
    for (const auto& answer : store.replica().accept(before, {.keep_forks = true})) {
        CHECK(answer.outcome != accept_outcome::refused);
        if (answer.outcome == accept_outcome::forked) ++forks;
    }
    CHECK(forks == 2);
    CHECK(ids_of(store).size() == 10);
    const auto origin = store.at(1)->stamp.origin;
    REQUIRE(store.append(numbered_event(30)).accepted());
    CHECK(store.find(numbered_id(30))->stamp.origin != origin);
    CHECK(store.find(numbered_id(30))->stamp.counter == 1);
    CHECK(store.replica().frontier().counter_of(origin) == 8);
}

TEST_CASE("an effect of another store is due there alone, and an accepted event makes none") {
    const scratch_folder folder;
    idem::store here(folder / "here.idem");
    idem::store there(folder / "there.idem");
    const idem::effect_rule mail{
        "mail", {"Happened"}, [](const idem::event_view&, idem::effect_sink& sink) {
            sink.declare({.name = "mail"});
        }};
    here.run(mail);
    there.run(mail);
    REQUIRE(here.append(numbered_event(1)).accepted());
    REQUIRE(here.effects().stats().due == 1);
    std::vector<idem::recorded_event> events;
    here.read({}, [&](const idem::event_view& e) { events.push_back(e.to_owned()); });
    for (const auto& answer : there.replica().accept(events)) {
        CHECK(answer.outcome == accept_outcome::appended);
    }
    CHECK(there.effects().stats().due == 0);
    CHECK(here.effects().stats().due == 1);
    CHECK(idem::verify(folder / "there.idem").findings.empty());
}

TEST_CASE("a reader waits until a copy has what a frontier covers") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    idem::version_vector wanted;
    wanted.include(idem::dot{origin_a, 2});
    CHECK_FALSE(store.replica().wait_for(wanted, std::chrono::milliseconds(0)));
    std::thread other([&] {
        accept_one(store, nth_of_a(1));
        accept_one(store, nth_of_a(2));
    });
    CHECK(store.replica().wait_for(wanted, std::chrono::minutes(1)));
    other.join();
}

TEST_CASE("copies of a store that has no event yet write under origins of their own") {
    const scratch_folder folder;
    { const idem::store made(folder / "a.idem"); }
    std::filesystem::copy(folder / "a.idem", folder / "b.idem",
                          std::filesystem::copy_options::recursive);
    idem::store a(folder / "a.idem");
    idem::store b(folder / "b.idem");
    REQUIRE(a.append(numbered_event(1)).accepted());
    REQUIRE(b.append(numbered_event(2)).accepted());
    CHECK(a.at(1)->stamp.origin != b.at(1)->stamp.origin);
}
