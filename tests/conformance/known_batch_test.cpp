// A long batch that comes again is answered from a snapshot: with the same answers, and without a
// turn as the writer.
#include <doctest/doctest.h>

#include <future>
#include <latch>

#include "append_cases.hpp"
#include "idem/error.hpp"
#include "idem/keyed_fold.hpp"
#include "idem/store.hpp"
#include "scratch_folder.hpp"

namespace {

using idem::expected_revision;
using idem::outcome;

std::vector<idem::event> numbered_events(std::size_t from, std::size_t to) {
    std::vector<idem::event> events;
    for (std::size_t i = from; i < to; ++i) events.push_back(numbered_event(i));
    return events;
}

}  // namespace

TEST_CASE("a batch that comes again does not wait for the writer") {
    const scratch_folder folder;
    std::latch entered(1);
    std::latch released(1);
    idem::store store(folder / "s.idem");
    const auto batch = numbered_events(0, 100);
    const auto first = store.append(batch);
    const auto slow = idem::keyed_fold<std::string, std::uint64_t>("slow").on(
        "Happened", [](const idem::event_view& e) { return std::string(e.stream()); },
        [&](std::uint64_t n, const idem::event_view& e) {
            if (e.position() > 100) {
                entered.count_down();
                released.wait();
            }
            return n + 1;
        });
    store.run(slow, idem::projection_mode::inline_);
    auto writer = std::async(std::launch::async, [&] { return store.append(numbered_event(100)); });
    entered.wait();  // in the middle of a commit
    auto again = std::async(std::launch::async, [&] { return store.append(batch); });
    const bool answered = again.wait_for(std::chrono::minutes(1)) == std::future_status::ready;
    released.count_down();
    CHECK(answered);
    CHECK(writer.get().outcome() == outcome::appended);
    const auto answer = again.get();
    CHECK(answer.outcome() == outcome::duplicate);
    REQUIRE(answer.receipts.size() == first.receipts.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
        CHECK(answer.receipts[i].position == first.receipts[i].position);
        CHECK(answer.receipts[i].revision == first.receipts[i].revision);
    }
}

TEST_CASE("a long batch gets the answers that its events get one by one") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append(numbered_events(0, 200));
    auto batch = numbered_events(20, 120);

    SUBCASE("repeated within itself") {
        const auto repeated = numbered_events(20, 70);
        batch.insert(batch.end(), repeated.begin(), repeated.end());
        const auto answer = store.append(batch);
        REQUIRE(answer.accepted());
        for (std::size_t i = 0; i < batch.size(); ++i) {
            const auto alone = store.append(batch[i]);
            CHECK(answer.receipts[i] == alone.receipts[0]);
        }
    }
    SUBCASE("one of them new") {
        batch[57] = numbered_event(200);
        const auto answer = store.append(batch);
        REQUIRE(answer.accepted());
        for (std::size_t i = 0; i < batch.size(); ++i) {
            CHECK((answer.receipts[i].outcome == outcome::appended) == (i == 57));
        }
        CHECK(store.head() == 201);
    }
    SUBCASE("two of them with other content") {
        batch[31].data = R"({"other":true})";
        batch[64].type = "Other";
        const auto answer = store.append(batch);
        REQUIRE(answer.rejection);
        CHECK(answer.rejection->outcome == outcome::id_conflict);
        CHECK(answer.rejection->index == 31);
        CHECK(answer.rejection->field == "data");
        REQUIRE(answer.rejection->known.size() == 1);
        CHECK(answer.rejection->known[0].position == 52);
        CHECK(store.head() == 200);
    }
    SUBCASE("an id twice, with different content") {
        batch.push_back(numbered_event(25));
        batch.back().data = R"({"other":true})";
        const auto answer = store.append(batch);
        REQUIRE(answer.rejection);
        CHECK(answer.rejection->outcome == outcome::id_conflict);
        CHECK(answer.rejection->index == 100);
        CHECK(answer.rejection->known.empty());
    }
    SUBCASE("with an expected revision") {
        CHECK(store.append(batch, expected_revision::exactly(19)).outcome() == outcome::duplicate);
        CHECK(store.append(batch, expected_revision::no_stream()).outcome() == outcome::duplicate);
        batch[57] = numbered_event(200);
        CHECK(store.append(batch, expected_revision::exactly(199)).outcome() ==
              outcome::partial_duplicate);
        CHECK(store.head() == 200);
    }
    SUBCASE("into a store opened for reading") {
        { const idem::store closed = std::move(store); }
        idem::store reader(folder / "s.idem", {.read_only = true});
        try {
            reader.append(batch);
            FAIL("appended to a store opened for reading");
        } catch (const idem::error& e) {
            CHECK(e.code() == idem::errc::read_only);
        }
    }
}

TEST_CASE("an append from inside an append is refused, and does not wait for itself") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto batch = numbered_events(0, 100);
    store.append(batch);
    std::vector<idem::event> inner;
    const auto appending =
        idem::keyed_fold<std::string, std::uint64_t>("appending")
            .on(
                "Happened", [](const idem::event_view& e) { return std::string(e.stream()); },
                [&](std::uint64_t n, const idem::event_view& e) {
                    if (e.position() > 100) store.append(inner);
                    return n + 1;
                });
    store.run(appending, idem::projection_mode::inline_);
    for (const auto& given : {numbered_events(200, 201), batch}) {
        inner = given;
        try {
            store.append(numbered_event(100));
            FAIL("appended within an append");
        } catch (const idem::error& e) {
            CHECK(std::string(e.what()).find("inside a write") != std::string::npos);
        }
        CHECK(store.head() == 100);
    }
}

TEST_CASE("an append from inside read's callback is refused, whatever room the map has") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto batch = numbered_events(0, 100);
    store.append(batch);
    for (const auto& given : {numbered_events(100, 101), batch}) {
        int asked = 0;
        store.read({.limit = 1}, [&](const idem::event_view&) {
            ++asked;
            try {
                store.append(given);
                FAIL("appended within a read");
            } catch (const idem::error& e) {
                CHECK(e.code() == idem::errc::busy);
                CHECK(std::string(e.what()).find("inside a read") != std::string::npos);
            }
        });
        CHECK(asked == 1);
    }
    CHECK(store.head() == 100);
    store.append(numbered_event(100));  // and when it has returned, one may
    store.follow({.select = {.from = 101}, .wait = false}, [&](const idem::recorded_event&) {
        store.append(numbered_event(101));  // follow gives copies
        return false;
    });
    CHECK(store.head() == 102);
}
