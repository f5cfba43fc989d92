// The inbox: what a source delivers is taken in once, together with how far it was.
#include "idem/inbox.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "idem/error.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

using idem::ingest_outcome;

namespace {

idem::ingest_answer deliver(idem::store& store, std::uint64_t position,
                            std::optional<std::uint64_t> after = {}) {
    return store.consumers().ingest("orders/3", position, std::vector{numbered_event(position)},
                                    {.after = after});
}

}  // namespace

TEST_CASE("a source goes past what was erased, and takes in all else of the delivery") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    auto consumers = store.consumers();
    const auto of = [](std::uint64_t number, const char* subject) {
        auto e = numbered_event(number);
        e.data_subject = subject;
        return e;
    };
    using idem::outcome;
    const auto outcomes = [](const idem::ingest_answer& answer) {
        std::vector<outcome> found;
        for (const auto& r : answer.receipts) found.push_back(r.outcome);
        return found;
    };
    REQUIRE(store.append({of(1, "ann"), of(2, "bob")}).accepted());
    store.erase_subject("ann");
    store.erase(numbered_id(2));
    const std::vector delivered{of(3, "eve"),      of(1, "ann"), of(4, "ann"),
                                numbered_event(5), of(2, "bob"), of(6, "bob")};
    const std::vector expected{outcome::appended, outcome::erased, outcome::erased,
                               outcome::appended, outcome::erased, outcome::appended};
    const auto answer = consumers.ingest("orders/3", 7, delivered);
    CHECK(answer.outcome == ingest_outcome::accepted);
    CHECK(answer.last == 7);
    CHECK(outcomes(answer) == expected);
    CHECK(answer.receipts.at(1).position == 1);
    CHECK(answer.receipts.at(2).position == 0);
    CHECK(store.find(numbered_id(6)));
    CHECK_FALSE(store.find(numbered_id(4)));
    CHECK(consumers.find_source("orders/3")->events == 3);
    const auto again = consumers.ingest("orders/3", 7, delivered);
    CHECK(again.outcome == ingest_outcome::duplicate);
    CHECK(again.receipts.at(2).outcome == outcome::erased);
    CHECK(again.receipts.at(3).outcome == outcome::duplicate);

    // Nothing is left of one, and another cannot be taken in for a reason of its own.
    const std::vector gone{of(1, "ann")};
    CHECK(consumers.ingest("orders/3", 8, gone).taken());
    auto other = numbered_event(5);
    other.data = R"({"n":"another"})";
    const std::vector conflicting{of(1, "ann"), other};
    const auto refused = consumers.ingest("orders/3", 9, conflicting);
    CHECK(refused.outcome == ingest_outcome::not_appended);
    CHECK(refused.last == 8);
    CHECK(refused.rejection->outcome == outcome::id_conflict);
    CHECK(idem::verify(folder / "s.idem").sound());
}

TEST_CASE("a source goes forwards, and each delivery has a verdict") {
    const scratch_folder folder;
    struct row {
        std::uint64_t position;
        std::optional<std::uint64_t> after;
        ingest_outcome outcome;
        std::optional<std::uint64_t> last;
    };
    const std::vector<row> cases = {
        {5, 4, ingest_outcome::gap, {}},       // nothing is known that it could come after
        {0, {}, ingest_outcome::accepted, 0},  // offsets may begin at 0
        {0, {}, ingest_outcome::duplicate, 0},
        {1, 0, ingest_outcome::accepted, 1},
        {3, 2, ingest_outcome::gap, 1},  // 2 has not come
        {2, 1, ingest_outcome::accepted, 2},
        {3, 2, ingest_outcome::accepted, 3},
        {1, 0, ingest_outcome::duplicate, 3},
        {9, {}, ingest_outcome::accepted, 9},   // a broker that compacts leaves offsets out
        {7, {}, ingest_outcome::stale, 9},      // not in the log: it came too late
        {12, 3, ingest_outcome::accepted, 12},  // begins where the store was, and goes beyond
        {~0ULL, {}, ingest_outcome::accepted, ~0ULL},
        {~0ULL, {}, ingest_outcome::duplicate, ~0ULL},
    };
    for (const auto& c : cases) {
        idem::store store(folder / "s.idem");  // each after a reopen
        CAPTURE(c.position);
        const auto head = store.head();
        const auto answer = deliver(store, c.position, c.after);
        CHECK(answer.outcome == c.outcome);
        CHECK(answer.last == c.last);
        if (c.outcome == ingest_outcome::accepted) {
            CHECK(store.head() == head + 2);
            CHECK(answer.receipts.at(0).outcome == idem::outcome::appended);
        } else {
            CHECK(store.head() == head);
        }
        if (c.outcome == ingest_outcome::duplicate) {
            CHECK(answer.receipts.at(0).position == store.find(numbered_id(c.position))->position);
        }
        if (c.outcome == ingest_outcome::stale) CHECK(answer.receipts.at(0).position == 0);
    }
    idem::store store(folder / "s.idem");
    CHECK_THROWS_AS(deliver(store, 5, 5), idem::error);
    CHECK_THROWS_AS(store.consumers().ingest("", 1, {}), idem::error);
    CHECK(store.consumers().sources().size() == 1);
    CHECK(store.consumers().find_source("orders/3")->deliveries == 7);
    CHECK_FALSE(store.consumers().find_source("orders/4"));
}

TEST_CASE("known events of a delivery are duplicates, and one of other content rejects it whole") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append(numbered_event(1));
    auto answer =
        store.consumers().ingest("s", 10, std::vector{numbered_event(1), numbered_event(2)});
    CHECK(answer.outcome == ingest_outcome::accepted);
    CHECK(answer.receipts.at(0).outcome == idem::outcome::duplicate);
    CHECK(answer.receipts.at(0).position == 1);
    CHECK(answer.receipts.at(1).outcome == idem::outcome::appended);
    auto other = numbered_event(2);
    other.data = "{}";
    answer = store.consumers().ingest("s", 11, std::vector{numbered_event(3), other});
    CHECK(answer.outcome == ingest_outcome::not_appended);
    CHECK(answer.rejection->outcome == idem::outcome::id_conflict);
    CHECK(answer.last == 10);
    CHECK_FALSE(store.find(numbered_id(3)));
    CHECK(store.consumers().find_source("s")->position == 10);
    // Where nothing is for the store the position alone moves.
    CHECK(store.consumers().ingest("s", 12, {}).outcome == ingest_outcome::accepted);
    CHECK(store.consumers().ingest("s", 12, {}).outcome == ingest_outcome::duplicate);
}

TEST_CASE("events that their sender does not name are named by where they stood") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto send = [&](const char* source, std::uint64_t position) {
        std::vector<idem::event> events(2);
        for (auto& e : events) {
            e.stream = "s";
            e.type = "Happened";
        }
        return store.consumers().ingest(source, position, events, {.name_events = true});
    };
    const auto first = send("a", 1);
    CHECK(first.outcome == ingest_outcome::accepted);
    const auto again = send("a", 1);
    CHECK(again.outcome == ingest_outcome::duplicate);
    CHECK(again.receipts.at(1).position == first.receipts.at(1).position);
    CHECK(send("a", 2).receipts.at(0).outcome == idem::outcome::appended);
    CHECK(send("b", 1).receipts.at(0).outcome == idem::outcome::appended);
}

TEST_CASE("a person sets a source that began anew") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    deliver(store, 100);
    CHECK(deliver(store, 1).outcome == ingest_outcome::stale);
    store.consumers().reset_source("orders/3", std::nullopt, "topic made anew");
    CHECK_FALSE(store.consumers().find_source("orders/3")->position);
    CHECK(deliver(store, 1).outcome == ingest_outcome::accepted);
    CHECK_THROWS_AS(store.consumers().reset_source("orders/3", 50, ""), idem::error);
    CHECK_THROWS_WITH_AS(store.consumers().reset_source("orders/4", 50, "slip"),
                         doctest::Contains("no source orders/4"), idem::error);
    CHECK(store.consumers().sources().size() == 1);
    store.consumers().reset_source("orders/3", 50, "skip");
    CHECK(deliver(store, 51, 50).outcome == ingest_outcome::accepted);
    CHECK(store.consumers().find_source("orders/3")->reason == "skip");
}

TEST_CASE("threads deliver the same chain out of order, and each event is taken in once") {
    constexpr std::uint64_t events = 60;
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    deliver(store, 0);
    std::atomic<std::uint64_t> accepted = 0;
    std::vector<std::thread> all;
    for (std::uint64_t n = 0; n < 4; ++n) {
        all.emplace_back([&, n] {
            for (std::uint64_t round = 0;; ++round) {
                const auto last = *store.consumers().find_source("orders/3")->position;
                if (last == events) return;
                // Each thread tries a little ahead, at and behind where the source stands.
                const std::uint64_t position = last + (n + round) % 4;
                if (position == 0 || position > events) continue;
                const auto answer = deliver(store, position, position - 1);
                if (answer.outcome == ingest_outcome::accepted) ++accepted;
                CHECK(answer.outcome != ingest_outcome::stale);
            }
        });
    }
    for (auto& t : all) t.join();
    CHECK(accepted == events);
    CHECK(store.find_stream("stream")->last_revision == events);
}
