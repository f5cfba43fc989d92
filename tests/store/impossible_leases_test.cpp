// Leases of a length that nobody can have asked for, as an import or a clock that was wrong for a
// moment leaves them.
#include <doctest/doctest.h>

#include "clocked_store.hpp"
#include "idem/error.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"

using namespace std::chrono_literals;

TEST_CASE("a consumer that is held for ever by a wrong clock is free") {
    clocked_store s;
    auto consumers = s->consumers();
    s->append(numbered_batch(0, 2));
    consumers.create("c", {.limit = 1});
    s.pass(std::chrono::hours(24 * 366 * 50));
    REQUIRE(consumers.acquire("c", "lost", 1h));
    s.pass(-std::chrono::hours(24 * 366 * 50));
    CHECK(consumers.advance(consumers.next("c"), "1").accepted());  // as behind any lease
    const auto count = [](const idem::consumer_batch& batch, std::vector<idem::event>&) {
        return batch.state + "1";
    };
    consumers.run("c", count, {.wait = false, .holder = "me", .lease = 1h});
    CHECK(consumers.find("c")->state == "11");
    CHECK(consumers.acquire("c", "other", 1h));
}

TEST_CASE("a lease that nobody can have been granted is over: a key, an effect, a saga") {
    clocked_store s;
    const auto step = [](idem::step_context&) { return idem::step_result::done(); };
    const idem::saga_definition trip{.name = "trip", .steps = {{.name = "a", .action = step}}};
    s.pass(std::chrono::hours(24 * 366 * 50));  // the clock is wrong
    REQUIRE(s->keys().claim({"me", "pay"}, "k", {}).lease);
    s.pass(-std::chrono::hours(24 * 366 * 50));
    s->sagas().start(trip, "t1");
    const auto sent = declare(*s, 1, mail());
    idem::event e;
    e.stream = "$effects";
    e.type = "idem.EffectAttempted";
    e.data =
        R"({"effect":")" + to_string(sent) + R"(","fence":1,"leased_until":18446744073709551615})";
    REQUIRE(s->append(e).accepted());
    idem::event leased;
    leased.stream = "$sagas";
    leased.type = "idem.SagaLeased";
    leased.data = R"({"saga":"t1","fence":1,"leased_until":18446744073709551615,"deadline":0})";
    REQUIRE(s->append(leased).accepted());

    CHECK(s->keys().claim({"me", "pay"}, "k", {}).lease);
    CHECK(s.effects().stats().next == idem::timestamp(std::chrono::milliseconds(s.now_ms())));
    recorder mails;
    SUBCASE("found by those who look for work") {
        CHECK(s.effects().dispatch(mails.handler(), {.names = {"other"}}).attempts == 0);
        CHECK(s.effects().dispatch(mails.handler(), {.names = {"mail"}}).done == 1);
        CHECK(s->sagas().run_due({&trip, 1}).completed == 1);
    }
    SUBCASE("settled by a person") {
        s.effects().resume(sent, "its lease is of no time");
        CHECK(s.effects().dispatch(mails.handler()).done == 1);
        CHECK(s->sagas().drive(trip, "t1").state == idem::saga_state::completed);
    }
}

TEST_CASE("what waits for the time of a wrong clock is let go on by a person") {
    constexpr auto wrong = std::chrono::hours(24 * 366 * 50);
    clocked_store s;
    int attempts = 0;
    const auto step = [&](idem::step_context&) {
        return ++attempts > 1 ? idem::step_result::done() : idem::step_result::retry("no network");
    };
    const idem::saga_definition trip{.name = "trip", .steps = {{.name = "a", .action = step}}};
    s.pass(wrong);
    const auto sent = declare(*s, 1, mail());
    s->sagas().start(trip, "begun");
    s->sagas().drive(trip, "begun");
    s->sagas().start(trip, "started");
    s.pass(-wrong);
    recorder mails;
    CHECK(s.effects().dispatch(mails.handler()).attempts == 0);
    CHECK(s->sagas().run_due({&trip, 1}).attempts == 0);

    s.effects().resume(sent, "the clock was wrong");
    CHECK(s.effects().dispatch(mails.handler()).done == 1);
    CHECK_THROWS_AS(s.effects().resume(sent, "once more"), idem::error);
    for (const char* id : {"begun", "started"}) {
        s->sagas().resume(id, "the clock was wrong");
        CHECK_THROWS_AS(s->sagas().resume(id, "once more"), idem::error);  // it is due
    }
    CHECK(s->sagas().run_due({&trip, 1}).completed == 2);
    CHECK(idem::verify(s.path).sound());
}

TEST_CASE("a saga that is aborted under a lease of a wrong clock is undone at once") {
    clocked_store s;
    int undone = 0;
    const auto done = [](idem::step_context&) { return idem::step_result::done(); };
    const auto wait = [](idem::step_context&) { return idem::step_result::retry("not yet"); };
    const auto undo = [&](idem::step_context&) {
        ++undone;
        return idem::step_result::done();
    };
    const idem::saga_definition trip{.name = "trip",
                                     .steps = {{.name = "a", .action = done, .compensation = undo},
                                               {.name = "b", .action = wait}}};
    s->sagas().start(trip, "t1");
    s->sagas().drive(trip, "t1");
    idem::event leased;
    leased.stream = "$sagas";
    leased.type = "idem.SagaLeased";
    leased.data = R"({"saga":"t1","fence":2,"leased_until":18446744073709551615,"deadline":0})";
    REQUIRE(s->append(leased).accepted());
    s->sagas().abort("t1", "the customer called");
    CHECK(s->sagas().run_due({&trip, 1}).compensated == 1);
    CHECK(undone == 1);
}
