// Sagas: steps that go on after a crash or are undone, each once.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>

#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idem/store.hpp"
#include "saga_workshop.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

using namespace std::chrono_literals;
using idem::saga_state;
using idem::start_outcome;
using idem::step_state;

TEST_CASE("a saga runs its steps in order, each in one commit with the next, and keeps results") {
    workshop w;
    auto store = w.open();
    auto last = w.step("hotel", [](step_context& c) {
        CHECK(c.result("flight") == "flight of rome");
        CHECK(c.result("car") == "car of rome");
        CHECK_THROWS_AS(c.result("hotel"), idem::error);
        c.append(numbered_event(1, "bookings"));
        return step_result::done("room 7");
    });
    const auto trip = saga_of({w.step("flight"), w.step("car"), last});
    CHECK(store.sagas().start(trip, "t1", "rome").outcome == start_outcome::started);
    const auto info = store.sagas().drive(trip, "t1");
    CHECK(info.state == saga_state::completed);
    CHECK(w.done == names{"flight", "car", "hotel"});
    CHECK(info.steps.at(2).result == "room 7");
    CHECK_FALSE(info.due);
    CHECK(info.finished);
    CHECK(store.find(numbered_id(1)));
    CHECK(types_of(store) == names{"idem.SagaStarted", "idem.SagaLeased", "idem.StepBegun",
                                   "idem.StepDone", "idem.StepBegun", "idem.StepDone",
                                   "idem.StepBegun", "idem.StepDone", "idem.SagaCompleted"});
    CHECK(store.sagas().drive(trip, "t1").state == saga_state::completed);
    CHECK(w.done.size() == 3);
    const auto stats = store.sagas().stats();
    CHECK(stats.all.completed == 1);
    CHECK(stats.all.open() == 0);
    CHECK(stats.of_each.at(0).name == "trip");
}

TEST_CASE("whichever step fails, the compensations run in reverse, each once") {
    for (std::size_t failing = 0; failing < 4; ++failing) {
        CAPTURE(failing);
        workshop w;
        auto store = w.open();
        std::vector<idem::saga_step> steps;
        names expected;
        for (std::size_t i = 0; i < 4; ++i) {
            steps.push_back(
                w.step(std::to_string(i), i == failing ? fails : idem::saga_step::function()));
            if (i <= failing) expected.push_back(std::to_string(i));
        }
        for (std::size_t i = failing + 1; i-- > 0;) expected.push_back("undo " + std::to_string(i));
        const auto trip = saga_of(steps);
        store.sagas().start(trip, "t1");
        const auto info = store.sagas().drive(trip, "t1");
        CHECK(info.state == saga_state::compensated);
        CHECK(info.reason == std::to_string(failing) + ": no");
        CHECK(w.done == expected);
        CHECK(store.sagas().run_due({&trip, 1}).attempts == 0);
        CHECK(w.done == expected);
    }
}

TEST_CASE("a compensation is told what is known of its action; steps without one are passed over") {
    workshop w;
    auto store = w.open();
    std::vector<step_state> known;
    const auto note = [&](step_context& c) {
        known.push_back(c.action);
        CHECK(c.result("a") == "a of x");
        return step_result::done();
    };
    auto a = w.step("a");
    auto b = w.step("b", {}, false);
    auto c = w.step("c", fails);
    a.compensation = c.compensation = note;
    const auto trip = saga_of({a, b, c});
    store.sagas().start(trip, "t1", "x");
    CHECK(store.sagas().drive(trip, "t1").state == saga_state::compensated);
    CHECK(known == std::vector{step_state::failed, step_state::done});
}

TEST_CASE("starting again is the same saga; with another input or name it is a mismatch") {
    workshop w;
    auto store = w.open();
    const auto trip = saga_of({w.step("a")});
    auto newer = trip;
    newer.version = 2;
    auto other = trip;
    other.name = "other";
    CHECK(store.sagas().start(trip, "t1", "x").outcome == start_outcome::started);
    CHECK(store.sagas().start(trip, "t1", "x").outcome == start_outcome::known);
    CHECK(store.sagas().start(newer, "t1", "x").outcome == start_outcome::known);
    CHECK(store.sagas().start(trip, "t1", "y").outcome == start_outcome::mismatch);
    CHECK(store.sagas().start(other, "t1", "x").outcome == start_outcome::mismatch);
    store.sagas().drive(trip, "t1");
    const auto after = store.sagas().start(trip, "t1", "x");
    CHECK(after.outcome == start_outcome::known);
    CHECK(after.state == saga_state::completed);
    CHECK(w.done == names{"a"});
    CHECK_THROWS_AS(store.sagas().start(trip, "", "x"), idem::error);
    CHECK_THROWS_AS(store.sagas().start(trip, "a\nb", "x"), idem::error);
    CHECK_THROWS_AS(store.sagas().start(trip, std::string(256, 'x')), idem::error);
    CHECK_THROWS_AS(
        store.sagas().start(trip, "t2", std::string(idem::limits::result_bytes_max + 1, 'x')),
        idem::error);
    auto wrong = trip;
    wrong.steps.push_back(wrong.steps[0]);
    CHECK_THROWS_AS(store.sagas().start(wrong, "t2"), idem::error);
    wrong.steps.clear();
    CHECK_THROWS_AS(store.sagas().start(wrong, "t2"), idem::error);
}

TEST_CASE("a saga starts in the commit of the event that causes it, or not at all") {
    workshop w;
    auto store = w.open();
    const auto trip = saga_of({w.step("a")});
    CHECK_THROWS_AS(store.transact([&](idem::transaction& t) {
        t.append(numbered_event(1));
        t.start_saga("trip", 1, "t1", "x");
        throw std::runtime_error("changed its mind");
    }),
                    std::runtime_error);
    CHECK_FALSE(store.sagas().find("t1"));
    const auto appended = store.transact([&](idem::transaction& t) {
        t.append(numbered_event(1));
        CHECK(t.start_saga("trip", 1, "t1", "x").outcome == start_outcome::started);
        CHECK(t.start_saga("trip", 1, "t1", "x").outcome == start_outcome::known);
        CHECK(t.start_saga("trip", 1, "t1", "y").outcome == start_outcome::mismatch);
    });
    CHECK(appended.receipts.size() == 2);
    CHECK(store.sagas().run_due({&trip, 1}).completed == 1);
}

TEST_CASE("a retry waits twice as long each time, and the key of a step stays the same") {
    workshop w;
    auto store = w.open();
    std::vector<idem::uuid> keys;
    auto flaky = w.step("flaky", [&](step_context& c) {
        keys.push_back(c.key);
        if (c.saga == "t1") CHECK(c.attempt == keys.size());
        if (c.attempt == 2) throw std::runtime_error("a throw is a retry");
        return c.attempt < 4 ? step_result::retry("busy") : step_result::done();
    });
    flaky.backoff = {1s, 3s};
    const auto trip = saga_of({flaky});
    store.sagas().start(trip, "t1");
    for (const auto wait : {1s, 2s, 3s}) {
        const auto info = store.sagas().drive(trip, "t1");
        CHECK(info.state == saga_state::running);
        CHECK_FALSE(info.leased_until);
        CHECK(info.due == idem::timestamp(w.now.load()) + wait);
        w.pass(wait - 1ms);
        const auto early = store.sagas().run_due({&trip, 1});
        CHECK(early.attempts == 0);
        CHECK(early.next_due == info.due);
        w.pass(1ms);
    }
    CHECK(store.sagas().find("t1")->current()->reason == "busy");
    CHECK(store.sagas().run_due({&trip, 1}).completed == 1);
    REQUIRE(keys.size() == 4);
    for (const auto& key : keys) CHECK(key == keys[0]);
    store.sagas().start(trip, "t2");
    store.sagas().drive(trip, "t2");
    CHECK(keys.back() != keys[0]);
}

TEST_CASE("an action that never works is given up after its attempts, and undone") {
    workshop w;
    auto store = w.open();
    auto hopeless = w.step("b", comes_again);
    hopeless.attempts_max = 3;
    hopeless.backoff = {0ms, 0ms};
    const auto trip = saga_of({w.step("a"), hopeless});
    store.sagas().start(trip, "t1");
    const auto info = store.sagas().drive(trip, "t1");
    CHECK(info.state == saga_state::compensated);
    CHECK(w.done == names{"a", "b", "b", "b", "undo b", "undo a"});
    CHECK(info.reason == "b: 3 attempts were made; the last failed: not now");
}

TEST_CASE("after a crash in an action it runs again under the same key, or its probe is asked") {
    workshop w;
    std::vector<idem::uuid> keys;
    const auto note = [&](step_context& c) {
        keys.push_back(c.key);
        return step_result::done("by the action");
    };
    for (const int answer : {0, 1, 2}) {
        CAPTURE(answer);
        keys.clear();
        const std::string id = "t" + std::to_string(answer);
        auto asked = w.step("a", note);
        if (answer > 0) {
            asked.probe = [&](step_context& c) -> std::optional<step_result> {
                keys.push_back(c.key);
                if (answer == 1) return std::nullopt;
                return step_result::done("as the probe says");
            };
        }
        const auto trip = saga_of({asked});
        {
            // A crash: the process is gone between the call and the commit that says so.
            auto store = w.open();
            auto dying = trip;
            dying.steps[0].action = [&](step_context& c) -> step_result {
                keys.push_back(c.key);
                w.pass(1min);
                auto other = w.open();
                CHECK(other.sagas().drive(trip, id).state == saga_state::completed);
                return step_result::done("too late");
            };
            store.sagas().start(dying, id);
            CHECK(store.sagas().drive(dying, id).state == saga_state::completed);
        }
        auto store = w.open();
        const auto info = *store.sagas().find(id);
        CHECK(info.fence == 2);
        CHECK(info.steps.at(0).attempts == 2);
        CHECK(info.steps.at(0).result == (answer == 2 ? "as the probe says" : "by the action"));
        CHECK(keys.size() == (answer == 1 ? 3 : 2));
        for (const auto& key : keys) CHECK(key == keys[0]);
    }
}

TEST_CASE(
    "a runner that comes late is fenced: what it reports is not written, nor are its events") {
    workshop w;
    auto store = w.open();
    auto other = w.open();
    bool first = true;
    auto slow = w.step("a", [&](step_context& c) {
        if (!std::exchange(first, false)) return step_result::retry("the other has it");
        c.append(numbered_event(1));
        CHECK(c.renew());
        w.pass(31s);
        const auto trip = saga_of({w.step("a", comes_again)});
        CHECK(other.sagas().drive(trip, "t1").steps.at(0).attempts == 2);
        CHECK_FALSE(c.renew());
        return step_result::done("late");
    });
    const auto trip = saga_of({slow});
    store.sagas().start(trip, "t1");
    const auto run = store.sagas().run_due({&trip, 1});
    CHECK(run.fenced == 1);
    CHECK(run.completed == 0);
    CHECK_FALSE(store.find(numbered_id(1)));
    const auto info = *store.sagas().find("t1");
    CHECK(info.state == saga_state::running);
    CHECK(info.steps.at(0).action == step_state::begun);
}

TEST_CASE("threads with handles of their own race the same sagas: each step runs once") {
    workshop w;
    constexpr int sagas = 20;
    std::array<std::atomic<int>, 3> ran{};
    std::vector<idem::saga_step> steps;
    for (std::size_t i = 0; i < ran.size(); ++i) {
        idem::saga_step step;
        step.name = std::to_string(i);
        step.action = [&ran, i](step_context&) {
            ++ran[i];
            return step_result::done();
        };
        steps.push_back(step);
    }
    const auto trip = saga_of(steps);
    {
        auto store = w.open();
        for (int i = 0; i < sagas; ++i) store.sagas().start(trip, std::to_string(i));
    }
    std::atomic<std::uint64_t> completed = 0;
    std::vector<std::thread> all;
    for (int n = 0; n < 6; ++n) {
        all.emplace_back([&] {
            auto store = w.open();
            completed += store.sagas().run_due({&trip, 1}).completed;
        });
    }
    for (auto& t : all) t.join();
    CHECK(completed == sagas);
    for (const auto& count : ran) CHECK(count == sagas);
}

TEST_CASE("a runner is woken by a commit and by time, and ends when it is asked to") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    std::atomic<int> attempts = 0;
    idem::saga_step step;
    step.name = "a";
    step.action = [&](step_context&) {
        return ++attempts < 3 ? step_result::retry("soon") : step_result::done();
    };
    step.backoff = {5ms, 5ms};
    const auto trip = saga_of({step});
    std::stop_source stop;
    idem::saga_run run;
    std::thread runner([&] { run = store.sagas().run({&trip, 1}, {}, stop.get_token()); });
    store.sagas().start(trip, "t1");
    store.follow({.select = {.stream = "$sagas"}},
                 [](const idem::recorded_event& e) { return e.type != "idem.SagaCompleted"; });
    stop.request_stop();
    runner.join();
    CHECK(run.completed == 1);
    CHECK(run.attempts == 3);
}

TEST_CASE("a runner that is stopped leaves the saga to the next at once") {
    workshop w;
    auto store = w.open();
    std::stop_source stop;
    const auto trip = saga_of({w.step("a",
                                      [&](step_context&) {
                                          stop.request_stop();
                                          return step_result::done();
                                      }),
                               w.step("b")});
    store.sagas().start(trip, "t1");
    CHECK(store.sagas().run({&trip, 1}, {}, stop.get_token()).attempts == 1);
    CHECK(w.done == names{"a"});
    CHECK(store.sagas().run_due({&trip, 1}).completed == 1);
    CHECK(w.done == names{"a", "b"});
}
