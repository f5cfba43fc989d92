// Consumers: every event has its effect on a consumer's state once, whatever is delivered, how
// often, by whom, and whatever breaks in between.
#include "idem/consumers.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

#include "counting_consumer.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idem/store.hpp"
#include "scratch_folder.hpp"

using idem::consumer_batch;
using idem::consumer_outcome;

namespace {

std::vector<std::uint64_t> positions_of(const consumer_batch& batch) {
    std::vector<std::uint64_t> positions;
    for (const auto& e : batch.events) positions.push_back(e.position);
    return positions;
}

std::vector<idem::event> all_events(const idem::store& store) {
    std::vector<idem::event> all;
    store.read({}, [&](const idem::event_view& e) { all.push_back(e.to_owned()); });
    return all;
}

using positions = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("a consumer gets each event once, before and after a reopen, and its state with it") {
    const scratch_folder folder;
    {
        idem::store store(folder / "s.idem");
        store.append(numbered_batch(0, 25));
        CHECK(store.consumers().create("c", {.limit = 10}));
        CHECK_FALSE(store.consumers().create("c", {.limit = 10}));
        const auto batch = store.consumers().next("c");
        CHECK(batch.events.size() == 10);
        CHECK(batch.before == 0);
        CHECK(batch.covered == 10);
        CHECK_FALSE(batch.caught_up);
        CHECK(store.consumers().advance(batch, "10").accepted());
        CHECK(store.consumers().advance(batch, "20").outcome == consumer_outcome::duplicate);
    }
    idem::store store(folder / "s.idem");
    auto batch = store.consumers().next("c");
    CHECK(batch.state == "10");
    CHECK(batch.events.front().position == 11);
    CHECK(drain(store, "c") == 2);
    const auto info = store.consumers().find("c");
    REQUIRE(info);
    CHECK(info->state == "25");
    CHECK(info->events == 25);
    CHECK(info->advances == 3);
    CHECK(info->waiting == 0);
    CHECK_FALSE(info->lost);
    CHECK(store.at(info->checkpoint)->id == info->event);
}

TEST_CASE("a consumer made again with other options is refused, and the option is named") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append(numbered_batch(0, 5));
    const idem::consumer_options options{.filter = {.types = {"b", "a"}, .tags = {"t"}}};
    store.consumers().create("c", options);
    CHECK_FALSE(store.consumers().create("c", {.filter = {.types = {"a", "b"}, .tags = {"t"}}}));
    const auto field_of = [&](const idem::consumer_options& other) -> std::string {
        try {
            store.consumers().create("c", other);
        } catch (const idem::error& e) {
            CHECK(e.code() == idem::errc::invalid_input);
            return e.place().field;
        }
        return "none";
    };
    auto other = options;
    other.filter.types = {"a"};
    CHECK(field_of(other) == "types");
    other = options;
    other.filter.stream = "s";
    CHECK(field_of(other) == "stream");
    other = options;
    other.filter.reserved = true;
    CHECK(field_of(other) == "reserved");
    other = options;
    other.limit = 7;
    CHECK(field_of(other) == "limit");
    other = options;
    other.start = idem::consumer_start::end;
    CHECK(field_of(other) == "start");
    const auto refused = [&](const char* name, const idem::consumer_options& o) {
        CHECK_THROWS_AS(store.consumers().create(name, o), idem::error);
        if (name[0] != '\0') CHECK_FALSE(store.consumers().find(name));
    };
    refused("", {});
    refused("x", {.limit = 0});
    refused("x", {.limit = 10'001});
    refused("x", {.filter = {.stream = "$consumers"}});
    refused("x", {.start = idem::consumer_start::position, .from = 0});
    refused("x", {.start = idem::consumer_start::position, .from = 100});
    refused("x", {.filter = {.tags = {""}}});
    CHECK_THROWS_AS(store.consumers().next("absent"), idem::error);
    CHECK_THROWS_AS(store.consumers().drop("absent"), idem::error);
}

TEST_CASE("filters choose the events, and a start the first of them") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    std::vector<idem::event> batch;
    for (std::uint64_t n = 1; n <= 8; ++n) {
        auto e = typed(n, n % 2 == 0 ? "Even" : "Odd", n <= 4 ? "low" : "high");
        if (n % 3 == 0) e.tags = {"third", "x"};
        if (n == 5) e.correlation_id = "c-5";
        batch.push_back(std::move(e));
    }
    store.append(batch);
    store.once({"o", "p"}, "k", {}, [](idem::transaction&) { return "r"; });  // position 9
    using idem::consumer_start;
    const std::vector<std::pair<idem::consumer_options, positions>> cases = {
        {{}, {1, 2, 3, 4, 5, 6, 7, 8}},
        {{.filter = {.stream = "high"}}, {5, 6, 7, 8}},
        {{.filter = {.types = {"Even"}}}, {2, 4, 6, 8}},
        {{.filter = {.types = {"Even", "Odd"}, .tags = {"x", "third"}}}, {3, 6}},
        {{.filter = {.stream = "low", .types = {"Even"}}}, {2, 4}},
        {{.filter = {.correlation_id = "c-5"}}, {5}},
        {{.filter = {.reserved = true}}, {1, 2, 3, 4, 5, 6, 7, 8, 9}},
        {{.filter = {.stream = "$keys"}}, {9}},
        {{.filter = {.types = {"idem.KeyFinished"}}}, {}},
        {{.start = consumer_start::end}, {}},
        {{.start = consumer_start::position, .from = 7}, {7, 8}},
        {{.start = consumer_start::position, .from = 1}, {1, 2, 3, 4, 5, 6, 7, 8}},
    };
    for (std::size_t i = 0; i < cases.size(); ++i) {
        CAPTURE(i);
        const std::string name = "c" + std::to_string(i);
        store.consumers().create(name, cases[i].first);
        const auto all = store.consumers().next(name);
        CHECK(positions_of(all) == cases[i].second);
        CHECK(all.caught_up);
        positions one_by_one;
        for (;;) {
            const auto one = store.consumers().next(name, 1);
            if (one.events.empty()) break;
            one_by_one.push_back(one.events[0].position);
            CHECK(store.consumers().advance(one, "").accepted());
        }
        CHECK(one_by_one == cases[i].second);
        CHECK(store.consumers().find(name)->waiting == 0);
    }
    CHECK(store.consumers().list().size() == cases.size());
    CHECK(store.consumers().list("c10", 2).front().name == "c11");
}

TEST_CASE("each delivery has a verdict") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    for (std::uint64_t n = 1; n <= 10; ++n) store.append(typed(n, n % 2 == 0 ? "Even" : "Odd"));
    auto consumers = store.consumers();
    consumers.create("c", {.filter = {.types = {"Even"}}});  // 2 4 6 8 10
    consumers.advance(consumer_batch::of("c", 4), "");       // refused: 2 is missing
    CHECK(consumers.find("c")->checkpoint == 0);
    CHECK(consumers.advance(consumer_batch::of("c", 2), "2").accepted());
    CHECK(consumers.advance(consumer_batch::of("c", 4), "24").accepted());
    struct row {
        std::uint64_t after;
        std::uint64_t to;
        consumer_outcome outcome;
        positions missing;
    };
    const std::vector<row> cases = {
        {0, 2, consumer_outcome::duplicate, {}},  // at or before the checkpoint
        {3, 4, consumer_outcome::duplicate, {}},
        {2, 6, consumer_outcome::duplicate, {}},  // a part of it was handled
        {6, 8, consumer_outcome::gap, {6}},
        {9, 10, consumer_outcome::gap, {6, 8}},
        {5, 6, consumer_outcome::accepted, {}},  // nothing of its own lies between
    };
    for (const auto& c : cases) {
        CAPTURE(c.after);
        CAPTURE(c.to);
        const auto before = consumers.find("c");
        const auto head = store.head();
        const auto verdict = consumers.advance(consumer_batch::between("c", c.after, c.to), "new");
        CHECK(verdict.outcome == c.outcome);
        CHECK(verdict.missing == c.missing);
        if (c.outcome == consumer_outcome::accepted) continue;
        CHECK(verdict.checkpoint == before->checkpoint);
        CHECK(consumers.find("c")->state == before->state);
        CHECK(store.head() == head);
    }
    CHECK(consumers.judge("c", 6).outcome == consumer_outcome::duplicate);
    CHECK(consumers.judge("c", 7).outcome == consumer_outcome::not_selected);
    CHECK(consumers.judge("c", 8).accepted());
    CHECK(consumers.judge("c", 10).missing == positions{8});
    CHECK(consumers.judge("c", numbered_id(8)).accepted());
    CHECK(consumers.judge("c", numbered_id(2)).outcome == consumer_outcome::duplicate);
    CHECK_THROWS_AS(consumers.judge("c", 0), idem::error);
    CHECK_THROWS_AS(consumers.judge("c", store.head() + 1), idem::error);
    CHECK_THROWS_AS(consumers.judge("c", numbered_id(99)), idem::error);
    CHECK_THROWS_AS(consumers.advance(consumer_batch::between("c", 4, 1000), ""), idem::error);
    CHECK(consumers.find("c")->events == 3);
}

TEST_CASE("what a consumer appends is committed with its checkpoint, or nothing is") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append(numbered_batch(0, 3));
    auto consumers = store.consumers();
    consumers.create("c");
    const auto batch = consumers.next("c");
    auto conflicting = numbered_event(0, "s0");
    conflicting.data = "{}";
    const auto refused = consumers.advance(batch, "x", std::vector{typed(50, "Made"), conflicting});
    CHECK(refused.outcome == consumer_outcome::not_appended);
    REQUIRE(refused.rejection);
    CHECK(refused.rejection->outcome == idem::outcome::id_conflict);
    CHECK_FALSE(store.find(numbered_id(50)));
    CHECK(consumers.find("c")->checkpoint == 0);
    CHECK_THROWS_WITH(consumers.advance(batch,
                                        [](idem::transaction& t) -> std::string {
                                            t.append(typed(51, "Made"));
                                            throw std::runtime_error("the power went");
                                        }),
                      "the power went");
    CHECK_FALSE(store.find(numbered_id(51)));
    const auto done = consumers.advance(batch, [](idem::transaction& t) {
        t.append(typed(52, "Made", "made"));
        return std::to_string(t.head());
    });
    CHECK(done.accepted());
    REQUIRE(done.receipts.size() == 1);
    CHECK(done.receipts[0].position == store.find(numbered_id(52))->position);
    CHECK(consumers.find("c")->state == "4");  // three events and its own creation
    CHECK(positions_of(consumers.next("c")) == positions{done.receipts[0].position});
    CHECK_THROWS_AS(consumers.advance(consumers.next("c"), std::string((128 << 10) + 1, 's')),
                    idem::error);
    const std::string largest((128 << 10), '\xff');
    CHECK(consumers.advance(consumers.next("c"), largest).accepted());
    CHECK(consumers.next("c").state == largest);
}

TEST_CASE("a reset moves the checkpoint, and whoever works by then is fenced") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append(numbered_batch(0, 20));
    auto consumers = store.consumers();
    consumers.create("c", {.limit = 5});
    consumers.advance(consumers.next("c"), "5");
    const auto stale = consumers.next("c");
    CHECK_THROWS_AS(consumers.reset("c", {.checkpoint = 3, .reason = "r"}), idem::error);
    CHECK_THROWS_AS(consumers.reset("c", {.checkpoint = 1000}), idem::error);
    CHECK_THROWS_AS(consumers.reset("c", {}), idem::error);
    consumers.reset("c", {.checkpoint = 3, .reason = "wrong prices", .state = "3"});
    CHECK(consumers.find("c")->checkpoint == 3);
    CHECK(consumers.find("c")->reason == "wrong prices");
    CHECK(consumers.advance(stale, "10").outcome == consumer_outcome::gap);
    drain(store, "c");
    CHECK(consumers.find("c")->state == "20");
    consumers.reset("c", {.event = numbered_id(9), .state = "10"});
    CHECK(consumers.find("c")->checkpoint == 10);
    const auto read_before = consumers.next("c");
    consumers.reset("c", {.checkpoint = 12});  // forwards: two are skipped, the state stays
    CHECK(consumers.find("c")->state == "10");
    CHECK(consumers.advance(read_before, "x").outcome == consumer_outcome::duplicate);
    const auto same_place = consumers.next("c");
    consumers.reset("c", {.checkpoint = 12, .state = "other"});
    CHECK(consumers.advance(same_place, "x").outcome == consumer_outcome::fenced);
    consumers.reset("c", {.checkpoint = 0});
    CHECK(consumers.find("c")->state.empty());
    const auto of_the_old = consumers.next("c");
    consumers.drop("c");
    CHECK_FALSE(consumers.find("c"));
    consumers.create("c", {.limit = 5});
    CHECK(consumers.advance(of_the_old, "x").outcome == consumer_outcome::fenced);
}

TEST_CASE("checkpoints travel with export and import") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append(numbered_batch(0, 10));
    store.consumers().create("c", {.limit = 6});
    store.consumers().advance(store.consumers().next("c"), "6");
    store.consumers().ingest("orders/3", 77, std::vector{numbered_event(500)});

    SUBCASE("into a store whose positions are others") {
        idem::store copy(folder / "copy.idem");
        copy.append(numbered_batch(900, 5));
        CHECK(copy.append(all_events(store)).outcome() == idem::outcome::appended);
        const auto info = copy.consumers().find("c");
        REQUIRE(info);
        CHECK(info->checkpoint == 11);
        CHECK(copy.at(11)->id == info->event);
        const auto batch = copy.consumers().next("c");
        CHECK(batch.state == "6");
        CHECK(batch.events.front().id == numbered_id(6));
        CHECK(drain(copy, "c") == 1);
        CHECK(copy.consumers().find("c")->state == "11");
        CHECK(copy.consumers().find_source("orders/3")->position == 77);
    }
    SUBCASE("without the event that was covered last, from the one that was handled last") {
        store.consumers().create("typed", {.filter = {.stream = "s3"}});
        store.append(numbered_event(600, "other"));
        store.consumers().advance(store.consumers().next("typed"), "one");
        idem::store copy(folder / "copy.idem");
        auto all = all_events(store);
        const auto covered = store.consumers().find("typed")->event;
        std::erase_if(all, [&](const idem::event& e) { return e.id == covered; });
        copy.append(all);
        CHECK(covered == numbered_id(600));
        const auto info = copy.consumers().find("typed");
        REQUIRE(info);
        CHECK_FALSE(info->lost);
        CHECK(copy.at(info->checkpoint)->id == numbered_id(3));
        CHECK(copy.consumers().next("typed").events.empty());
    }
    SUBCASE("where both are missing it is lost, until it is set anew") {
        idem::store copy(folder / "copy.idem");
        auto all = all_events(store);
        std::erase_if(all, [&](const idem::event& e) { return e.id == numbered_id(5); });
        copy.append(all);
        CHECK(copy.consumers().find("c")->lost);
        try {
            copy.consumers().next("c");
            FAIL("a checkpoint that is lost was found");
        } catch (const idem::error& e) {
            CHECK(e.code() == idem::errc::stale);
        }
        CHECK_THROWS_AS(copy.consumers().reset("c", {.checkpoint = 5}), idem::error);
        copy.consumers().reset("c", {.checkpoint = 5, .state = "5"});
        CHECK(copy.consumers().next("c").events.front().id == numbered_id(6));
    }
    SUBCASE("what others went on from at the same time has an effect once") {
        // Two copies of a store go on from the same checkpoint, and one is imported into the other.
        idem::store copy(folder / "copy.idem");
        copy.append(all_events(store));
        drain(store, "c");
        drain(copy, "c");
        copy.append(all_events(store));
        CHECK(copy.consumers().find("c")->advances == 2);
        CHECK(copy.consumers().find("c")->state == "11");
    }
}

TEST_CASE("checkpoints travel with backup and restore") {
    const scratch_folder folder;
    {
        idem::store store(folder / "s.idem");
        store.append(numbered_batch(0, 10));
        store.consumers().create("c", {.limit = 6});
        store.consumers().advance(store.consumers().next("c"), "6");
        store.backup(folder / "backup.idem");
    }
    idem::restore(folder / "backup.idem", folder / "restored.idem");
    idem::store restored(folder / "restored.idem");
    CHECK(drain(restored, "c") == 1);
    CHECK(restored.consumers().find("c")->state == "10");
}

TEST_CASE("events of the reserved stream that say nothing are refused") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const std::vector<std::pair<const char*, const char*>> refused = {
        {"idem.ConsumerCreated", R"({})"},
        {"idem.ConsumerCreated", R"({"name":"c","start":0})"},
        {"idem.ConsumerCreated", R"({"name":"c","start":0,"limit":0})"},
        {"idem.ConsumerCreated", R"({"name":"c","start":0,"limit":10001})"},
        {"idem.ConsumerCreated", R"({"name":"c","start":3,"limit":9})"},
        {"idem.ConsumerCreated", R"({"name":"c","start":256,"limit":9})"},
        {"idem.ConsumerCreated", R"({"name":"c","start":2,"limit":9})"},
        {"idem.ConsumerCreated", R"({"name":"c\u0007","start":0,"limit":9})"},
        {"idem.ConsumerCreated", R"({"name":"c","stream":"$consumers","start":0,"limit":9})"},
        {"idem.ConsumerCreated", R"({"name":"c","stream":"","start":0,"limit":9})"},
        {"idem.ConsumerCreated", R"({"name":"c","types":"T","start":0,"limit":9})"},
        {"idem.ConsumerCreated", R"({"name":"c","types":["T",1],"start":0,"limit":9})"},
        {"idem.ConsumerCreated", R"({"name":"c","tags":[""],"start":0,"limit":9})"},
        {"idem.ConsumerCreated", R"({"name":"c","event":"x","start":1,"limit":9})"},
        {"idem.ConsumerLeased", R"({"name":"c","holder":"\u001b","fence":1})"},
        {"idem.SourceIngested", R"({"source":"s\n","position":1})"},
        {"idem.ConsumerAdvanced", R"({"name":"c"})"},
        {"idem.ConsumerAdvanced", R"({"name":"c","after":"2ed6657d-e927-568b-95e1-2665a8aea6a2"})"},
        {"idem.ConsumerLeased", R"({"name":"c","holder":"h"})"},
        {"idem.SourceIngested", R"({"source":"s"})"},
        {"idem.SourceIngested", R"({"position":4})"},
        {"idem.Other", R"({"name":"c"})"},
        {"idem.ConsumerDropped", "[]"}};
    for (const auto& [type, data] : refused) {
        CAPTURE(data);
        idem::event e;
        e.stream = "$consumers";
        e.type = type;
        e.data = data;
        CHECK_THROWS_AS(store.append(e), idem::error);
    }
    std::string types = R"("T")";
    for (std::size_t n = 0; n < idem::limits::condition_parts_max; ++n) types += R"(,"T")";
    idem::event many;
    many.stream = "$consumers";
    many.type = "idem.ConsumerCreated";
    many.data = R"({"name":"c","types":[)" + types + R"(],"start":0,"limit":9})";
    CHECK_THROWS_AS(store.append(many), idem::error);
    CHECK(store.head() == 0);
}
