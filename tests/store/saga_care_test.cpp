// Sagas that stand still, run out of time, or move to another store; and what people do with them.
#include <doctest/doctest.h>

#include <stdexcept>

#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "saga_workshop.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

using namespace std::chrono_literals;
using idem::saga_state;
using idem::start_outcome;
using idem::step_state;

TEST_CASE("a step that is not done in time fails, at its time and not before") {
    workshop w;
    auto store = w.open();
    auto slow = w.step("b", comes_again);
    slow.timeout = 10s;
    slow.backoff = {8s, 8s};
    slow.attempts_max = 100;
    const auto trip = saga_of({w.step("a"), slow});
    store.sagas().start(trip, "t1");
    store.sagas().drive(trip, "t1");
    w.pass(8s);
    CHECK(store.sagas().drive(trip, "t1").due == idem::timestamp(w.now.load()) + 2s);
    w.pass(2s);
    const auto info = store.sagas().drive(trip, "t1");
    CHECK(info.state == saga_state::compensated);
    CHECK(info.reason == "b: not done within 10000 ms; the last failed: not now");
    CHECK(w.done == names{"a", "b", "b", "undo b", "undo a"});
}

TEST_CASE("a saga that is not done in time is undone, but not behind the point of no return") {
    for (const bool pivot : {false, true}) {
        CAPTURE(pivot);
        workshop w;
        auto store = w.open();
        auto a = w.step("a", {}, !pivot);
        a.point_of_no_return = pivot;
        auto b = w.step("b", [&](step_context& c) {
            CHECK(c.deadline.has_value() == !pivot);
            return c.attempt == 1 ? step_result::retry("not now") : step_result::done();
        });
        b.backoff = {1h, 1h};
        auto trip = saga_of({a, b});
        trip.timeout = 1min;
        store.sagas().start(trip, "t1");
        const auto waiting = store.sagas().drive(trip, "t1");
        CHECK(*waiting.due - idem::timestamp(w.now.load()) == (pivot ? 1h : 1min));
        CHECK(waiting.deadline == waiting.started + 1min);
        w.pass(1h);
        const auto info = store.sagas().drive(trip, "t1");
        CHECK(info.state == (pivot ? saga_state::completed : saga_state::compensated));
        if (!pivot) CHECK(info.reason == "not done within 60000 ms");
    }
}

TEST_CASE("behind the point of no return a failure is stuck, and a person lets it go on") {
    workshop w;
    auto store = w.open();
    auto pivot = w.step("pay", {}, false);
    pivot.point_of_no_return = true;
    bool works = false;
    auto after = w.step("ship", [&](step_context&) {
        return works ? step_result::done() : step_result::fail("no lorry");
    });
    const auto trip = saga_of({w.step("pack"), pivot, after});
    store.sagas().start(trip, "t1");
    CHECK(store.sagas().run_due({&trip, 1}).stuck == 1);
    const auto stuck = *store.sagas().find("t1");
    CHECK(stuck.state == saga_state::stuck);
    CHECK(stuck.reason == "ship: no lorry");
    CHECK(stuck.current()->name == "ship");
    CHECK_FALSE(stuck.due);
    CHECK(store.sagas().stats().all.stuck == 1);
    CHECK(store.sagas().list({.state = saga_state::stuck}).size() == 1);
    CHECK(store.sagas().list({.state = saga_state::running}).empty());
    CHECK(store.sagas().run_due({&trip, 1}).attempts == 0);
    CHECK_THROWS_AS(store.sagas().abort("t1", "no"), idem::error);
    works = true;
    store.sagas().resume("t1", "lorry bought");
    CHECK_THROWS_AS(store.sagas().resume("t1", "again"), idem::error);
    CHECK(store.sagas().run_due({&trip, 1}).completed == 1);
    CHECK(w.done == names{"pack", "pay", "ship", "ship"});
}

TEST_CASE("at the point of no return a refusal is undone, and doubt is for a person") {
    workshop w;
    auto store = w.open();
    auto pivot = w.step("pay", fails, false);
    pivot.point_of_no_return = true;
    auto trip = saga_of({w.step("pack"), pivot});
    store.sagas().start(trip, "refused");
    CHECK(store.sagas().drive(trip, "refused").state == saga_state::compensated);
    trip.steps[1].action = comes_again;
    trip.steps[1].attempts_max = 1;
    for (const char* id : {"aborted", "skipped"}) {
        store.sagas().start(trip, id);
        CHECK(store.sagas().drive(trip, id).state == saga_state::stuck);
    }
    w.done.clear();
    store.sagas().abort("aborted", "the bank says it was not paid");
    CHECK(store.sagas().drive(trip, "aborted").state == saga_state::compensated);
    CHECK(w.done == names{"undo pack"});
    CHECK_THROWS_AS(store.sagas().skip_step("skipped", "why", "pack"), idem::error);
    store.sagas().skip_step("skipped", "the bank says it was paid", "pay");
    const auto info = store.sagas().drive(trip, "skipped");
    CHECK(info.state == saga_state::completed);
    CHECK(info.steps.at(1).action == step_state::skipped);
    CHECK(info.steps.at(1).reason == "the bank says it was paid");
    CHECK_THROWS_AS(store.sagas().skip_step("skipped", "why"), idem::error);
    CHECK_THROWS_AS(store.sagas().skip_step("nobody", "why"), idem::error);
}

TEST_CASE("a compensation that does not work is stuck; resumed or skipped it goes on, each once") {
    for (const bool skip : {false, true}) {
        CAPTURE(skip);
        workshop w;
        auto store = w.open();
        auto a = w.step("a");
        auto b = w.step("b");
        int tried = 0;
        b.compensation = [&](step_context& c) {
            CHECK(c.attempt == (tried < 2 ? ++tried : 1));
            w.done.push_back("try to undo b");
            return tried == 2 && c.attempt == 1 ? step_result::done() : step_result::retry("no");
        };
        b.attempts_max = 2;
        b.backoff = {0ms, 0ms};
        const auto trip = saga_of({a, b, w.step("c", fails)});
        store.sagas().start(trip, "t1");
        const auto stuck = store.sagas().drive(trip, "t1");
        CHECK(stuck.state == saga_state::stuck);
        CHECK(stuck.turned);
        CHECK(stuck.current()->compensation == step_state::failed);
        CHECK_THROWS_AS(store.sagas().abort("t1", "it is being undone already"), idem::error);
        if (skip) {
            store.sagas().skip_step("t1", "undone by hand");
        } else {
            store.sagas().resume("t1", "try again");
        }
        CHECK(store.sagas().drive(trip, "t1").state == saga_state::compensated);
        names expected{"a", "b", "c", "undo c", "try to undo b", "try to undo b"};
        if (!skip) expected.push_back("try to undo b");
        expected.push_back("undo a");
        CHECK(w.done == expected);
    }
}

TEST_CASE("a person can abort while an attempt is under way: the undoing waits for its lease") {
    workshop w;
    auto store = w.open();
    const auto trip = saga_of({w.step("a", [&](step_context&) {
        CHECK_THROWS_AS(store.sagas().skip_step("t1", "in haste"), idem::error);
        store.sagas().abort("t1", "the customer called");
        return step_result::done();
    })});
    store.sagas().start(trip, "t1");
    CHECK(store.sagas().run_due({&trip, 1}).fenced == 1);
    CHECK(store.sagas().find("t1")->state == saga_state::compensating);
    CHECK(store.sagas().run_due({&trip, 1}).attempts == 0);
    w.pass(31s);
    CHECK(store.sagas().run_due({&trip, 1}).compensated == 1);
    CHECK(w.done == names{"a", "undo a"});
    store.sagas().start(trip, "t2");
    store.sagas().abort("t2", "before it began");
    CHECK(store.sagas().drive(trip, "t2").state == saga_state::compensated);
    CHECK(w.done.size() == 2);
}

TEST_CASE("sagas of definitions that a runner does not have, or has otherwise, are left alone") {
    workshop w;
    auto store = w.open();
    const auto trip = saga_of({w.step("a"), w.step("b", comes_again)});
    store.sagas().start(trip, "t1");
    store.sagas().drive(trip, "t1");
    w.pass(1h);
    auto next = trip;
    next.version = 2;
    auto run = store.sagas().run_due({&next, 1});
    CHECK(run.attempts == 0);
    REQUIRE(run.left_alone.size() == 1);
    CHECK(run.left_alone[0].name == "trip");
    CHECK(run.left_alone[0].version == 1);
    CHECK(run.left_alone[0].open == 1);
    const auto changed = saga_of({w.step("a"), w.step("another")});
    run = store.sagas().run_due({&changed, 1});
    CHECK(run.attempts == 0);
    CHECK(run.left_alone.size() == 1);
    CHECK_FALSE(run.next_due);
    CHECK_THROWS_AS(store.sagas().drive(changed, "t1"), idem::error);
    CHECK_THROWS_AS(store.sagas().drive(next, "t1"), idem::error);
    run = store.sagas().run_due({&trip, 1});
    CHECK(run.attempts == 1);
    CHECK(run.left_alone.empty());
}

TEST_CASE("events that are rejected fail the attempt, and a result over its limit does") {
    workshop w;
    auto store = w.open();
    auto taken = numbered_event(1);
    store.append(taken);
    taken.data = "2";
    auto ruled = numbered_event(2);
    ruled.type = "Ruled";
    const auto reserved = numbered_event(3, "$mine");
    store.run({"no", {"Ruled"}, [](const idem::event_view&, idem::effect_sink&) {
                   throw std::runtime_error("the rule is broken");
               }});
    auto bad = w.step("a", [&](step_context& c) {
        idem::event nameless;
        if (c.saga == "conflict") c.append(taken);
        if (c.saga == "nameless") c.append(nameless);
        if (c.saga == "reserved") c.append(reserved);
        if (c.saga == "ruled") c.append(ruled);
        return step_result::done(
            c.saga == "large" ? std::string(idem::limits::result_bytes_max + 1, 'x') : "ok");
    });
    bad.attempts_max = 2;
    bad.backoff = {0ms, 0ms};
    const auto trip = saga_of({bad});
    for (const char* id : {"conflict", "nameless", "large", "reserved", "ruled"}) {
        CAPTURE(id);
        w.done.clear();
        store.sagas().start(trip, id);
        const auto info = store.sagas().drive(trip, id);
        CHECK(info.state == saga_state::compensated);
        CHECK(info.steps.at(0).attempts == 2);
        CHECK(w.done == names{"a", "a", "undo a"});
    }
}

TEST_CASE("export, import, backup and restore leave sagas as they were and run nothing") {
    workshop w;
    auto store = w.open();
    idem::uuid key;
    const auto trip = saga_of({w.step("a"), w.step("b", [&](step_context& c) {
                                   key = c.key;
                                   return step_result::retry("later");
                               })});
    const auto failing = saga_of({w.step("a"), w.step("b", fails)});
    for (const char* id : {"waits", "undone", "fresh"}) store.sagas().start(trip, id, "\xff");
    store.sagas().drive(trip, "waits");
    store.sagas().drive(failing, "undone");
    const auto before = key;
    w.done.clear();
    idem::store copy(w.folder / "copy.idem");
    std::vector<idem::event> all;
    store.read({}, [&](const idem::event_view& e) { all.push_back(e.to_owned()); });
    CHECK(copy.append(all).outcome() == idem::outcome::appended);
    CHECK(copy.append(all).outcome() == idem::outcome::duplicate);
    check_same(store, copy);
    CHECK(copy.sagas().find("waits")->input == "\xff");
    store.backup(w.folder / "backup.idem");
    idem::restore(w.folder / "backup.idem", w.folder / "restored.idem");
    const auto path = w.folder / "restored.idem";
    idem::store restored(path, {.clock = [&] { return idem::timestamp(w.now.load() + 1h); }});
    check_same(store, restored);
    CHECK(w.done.empty());
    restored.sagas().drive(trip, "waits");
    CHECK(key == before);
    for (const auto& e : all) {
        if (e.type == "idem.StepBegun") continue;
        auto forged = e;
        forged.id = idem::make_uuid_v7();
        copy.append(forged);  // contradicts, and has no effect
    }
    check_same(store, copy);
    idem::event nonsense{.stream = "$sagas", .type = "idem.StepDone", .data = R"({"saga":"x"})"};
    CHECK_THROWS_AS(copy.append(nonsense), idem::error);
    for (const auto& f : idem::verify(path).findings) FAIL_CHECK(f.kind << ": " << f.message);
}

TEST_CASE("a reason that is too long is refused, whether a person or an event gives it") {
    workshop w;
    auto store = w.open();
    const auto trip = saga_of({w.step("a", fails)});
    store.sagas().start(trip, "s", "in");
    const std::string reason(4097, 'x');
    const auto refused = [](const auto& act) {
        try {
            act();
            FAIL_CHECK("took it");
        } catch (const idem::error& e) {
            CHECK(e.code() == idem::errc::invalid_input);
            CHECK(std::string(e.what()).find("reason has 4097 bytes; the limit is 4096") !=
                  std::string::npos);
        }
    };
    refused([&] { store.sagas().abort("s", reason); });
    refused([&] { store.sagas().resume("s", reason); });
    refused([&] { store.sagas().skip_step("s", reason); });
    idem::event e{.stream = "$sagas", .type = "idem.SagaAborted"};
    e.data = R"({"saga":"s","fence":1,"at":0,"reason":")" + reason + "\"}";
    CHECK_THROWS_AS(store.append(e), idem::error);
    store.sagas().abort("s", reason.substr(1));
    CHECK(store.sagas().find("s")->reason == reason.substr(1));
}

TEST_CASE("a sweep that says it is later than it is lets go of no saga ahead of time") {
    workshop w;
    auto store = w.open();
    const auto trip = saga_of({w.step("a")});
    store.sagas().start(trip, "s", "in");
    store.sagas().abort("s", "x");
    const auto fence = std::to_string(store.sagas().find("s")->fence);
    idem::event e{.stream = "$sagas", .type = "idem.SagaCompensated"};
    e.data = R"({"saga":"s","fence":)" + fence + R"(,"at":18446744073709551615})";
    store.append(e);
    REQUIRE(store.sagas().find("s")->state == idem::saga_state::compensated);
    idem::event sweep{.stream = "$sagas", .type = "idem.SagasSwept"};
    sweep.data = R"({"until":18446744073709551615,"limit":10})";
    store.append(sweep);
    CHECK(store.sagas().find("s")->input == "in");
}

TEST_CASE("a sweep lets go of inputs and results by log time, in steps, and keeps the ends") {
    workshop w;
    auto store = w.open();
    const auto trip = saga_of({w.step("a", [](step_context&) { return step_result::done("r"); })});
    for (int i = 0; i < 5; ++i) store.sagas().start(trip, std::to_string(i), "in");
    store.sagas().run_due({&trip, 1});
    store.sagas().start(trip, "open", "in");
    CHECK(store.sagas().sweep({.keep = 1h}).swept == 0);
    const auto first = store.sagas().sweep({.keep = 0ms, .limit = 3});
    CHECK(first.swept == 3);
    CHECK(first.more);
    CHECK(store.sagas().sweep({.keep = 0ms, .limit = 3}).swept == 2);
    CHECK(store.sagas().sweep({.keep = 0ms}).swept == 0);
    const auto info = *store.sagas().find("3");
    CHECK(info.swept);
    CHECK(info.input.empty());
    CHECK(info.steps.at(0).result.empty());
    CHECK(info.state == saga_state::completed);
    CHECK(store.sagas().start(trip, "3", "in").outcome == start_outcome::known);
    CHECK(store.sagas().start(trip, "3", "out").outcome == start_outcome::mismatch);
    const auto stats = store.sagas().stats();
    CHECK(stats.all.bytes == 2);
    CHECK(stats.all.completed == 5);
    CHECK(stats.all.running == 1);
    CHECK(store.sagas().list({.after = "3", .limit = 1}).at(0).id == "4");
    CHECK(store.sagas().list({.name = "nobody"}).empty());
}
