// Leases of a length that nobody can have asked for, as an import or a clock that was wrong for a
// moment leaves them.
#include <doctest/doctest.h>

#include "clocked_store.hpp"
#include "idem/store.hpp"

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
    s.effects().resume(sent, "its lease is of no time");
    recorder mails;
    CHECK(s.effects().dispatch(mails.handler()).done == 1);
    CHECK(s->sagas().drive(trip, "t1").state == idem::saga_state::completed);
}
