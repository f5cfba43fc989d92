// Effects are carried out once, as far as their delivery promises, in order, by whoever comes
// first.
#include <doctest/doctest.h>

#include <map>
#include <set>
#include <stdexcept>
#include <thread>

#include "clocked_store.hpp"
#include "idem/effects.hpp"
#include "idem/error.hpp"

using namespace std::chrono_literals;
using idem::effect_outcome;
using idem::effect_state;

TEST_CASE("effects of one order key go out in the order of the log, the others at once") {
    clocked_store s;
    for (std::uint64_t i = 0; i < 6; ++i) {
        auto e = mail(std::to_string(i));
        e.order_key = i % 2 == 0 ? "even" : "";
        if (i == 0) e.delay = 10s;
        declare(*s, i, e);
    }
    recorder sent;
    CHECK(s.effects().dispatch(sent.handler()).done == 3);
    CHECK(sent.payloads() == "1 3 5 ");  // all were due, but those behind the first wait for it
    s.pass(10s);
    sent.seen.clear();
    CHECK(s.effects().dispatch(sent.handler()).done == 3);
    CHECK(sent.payloads() == "0 2 4 ");
}

TEST_CASE("two dispatchers keep the order of a key") {
    clocked_store s;
    constexpr std::uint64_t keys = 4;
    constexpr std::uint64_t each = 25;
    for (std::uint64_t i = 0; i < keys * each; ++i) {
        auto e = mail(std::to_string(i / keys));
        e.order_key = "key " + std::to_string(i % keys);
        declare(*s, i, e);
    }
    std::mutex mutex;
    std::map<std::string, std::vector<std::string>> seen;
    std::set<std::string> busy;
    bool overlap = false;
    const auto handler = [&](const idem::effect_delivery& d) {
        {
            const std::scoped_lock lock(mutex);
            overlap = overlap || !busy.insert(d.order_key).second;
            seen[d.order_key].push_back(d.payload);
        }
        std::this_thread::yield();
        const std::scoped_lock lock(mutex);
        busy.erase(d.order_key);
        return effect_outcome::done();
    };
    std::atomic<std::uint64_t> left = keys * each;
    std::stop_source stop;
    std::vector<std::thread> threads;
    for (int n = 0; n < 2; ++n) {
        threads.emplace_back([&] {
            idem::store own(s.path, s.with_clock());
            idem::dispatch_options options{.stop = stop.get_token()};
            options.answered = [&](const idem::effect_answer& a) {
                if (a.state == effect_state::done && --left == 0) stop.request_stop();
            };
            own.effects().run(handler, options);
        });
    }
    for (auto& t : threads) t.join();
    CHECK_FALSE(overlap);
    REQUIRE(seen.size() == keys);
    for (const auto& [key, payloads] : seen) {
        REQUIRE(payloads.size() == each);
        for (std::uint64_t i = 0; i < each; ++i) CHECK(payloads[i] == std::to_string(i));
    }
}

TEST_CASE("what fails is tried again later and later, with the same key, and is dead at last") {
    clocked_store s;
    auto e = mail();
    e.attempts_max = 4;
    e.backoff_first = 1s;
    e.backoff_max = 3s;
    const auto id = declare(*s, 1, e);
    recorder sent;
    sent.outcome = effect_outcome::retry("busy");
    const std::vector<std::chrono::milliseconds> waits{1s, 2s, 3s};
    for (std::size_t n = 0; n < waits.size(); ++n) {
        CHECK(s.effects().dispatch(sent.handler()).failed == 1);
        const auto found = s.effects().find(id);
        CHECK(found->state == effect_state::failed);
        CHECK(found->reason == "busy");
        CHECK(found->due == idem::timestamp(std::chrono::milliseconds(s.now_ms()) + waits[n]));
        s.pass(waits[n] - 1ms);
        CHECK(s.effects().dispatch(sent.handler()).attempts == 0);
        s.pass(1ms);
    }
    CHECK(s.effects().dispatch(sent.handler()).dead == 1);
    CHECK(state_of(s, id) == effect_state::dead);
    REQUIRE(sent.seen.size() == 4);
    for (std::size_t n = 0; n < 4; ++n) {
        CHECK(sent.seen[n].id == id);
        CHECK(sent.seen[n].attempt == n + 1);
    }
    s.pass(24h);
    CHECK(s.effects().dispatch(sent.handler()).attempts == 0);
    CHECK(s.effects().list({.state = effect_state::dead}).size() == 1);
    s.effects().resume(id, "the server is back");
    sent.outcome = effect_outcome::done("r");
    CHECK(s.effects().dispatch(sent.handler()).done == 1);
    CHECK(sent.seen.back().attempt == 5);
    CHECK(s.effects().list({.state = effect_state::dead}).empty());
}

TEST_CASE("a handler may say when to come again, that it never will be, and throw") {
    clocked_store s;
    const auto id = declare(*s, 1, mail());
    s.effects().dispatch(
        [](const idem::effect_delivery&) { return effect_outcome::retry("later", 5s); });
    CHECK(s.effects().find(id)->due ==
          idem::timestamp(std::chrono::milliseconds(s.now_ms() + 5000)));
    s.pass(5s);
    s.effects().dispatch([](const idem::effect_delivery&) -> effect_outcome {
        throw std::runtime_error("the line is cut");
    });
    CHECK(state_of(s, id) == effect_state::failed);
    CHECK(s.effects().find(id)->reason == "the line is cut");
    s.pass(1h);
    const auto counts = s.effects().dispatch(
        [](const idem::effect_delivery&) { return effect_outcome::fail("no such address"); });
    CHECK(counts.dead == 1);
    CHECK(s.effects().find(id)->attempts == 3);
}

TEST_CASE("one that is dead holds up those behind it until a person resumes or discards it") {
    clocked_store s;
    std::vector<idem::uuid> ids;
    for (std::uint64_t i = 0; i < 3; ++i) {
        auto e = mail(std::to_string(i));
        e.order_key = "k";
        ids.push_back(declare(*s, i, e));
    }
    recorder sent;
    sent.outcome = effect_outcome::fail("never");
    CHECK(s.effects().dispatch(sent.handler()).attempts == 1);
    sent.outcome = effect_outcome::done();
    CHECK(s.effects().dispatch(sent.handler()).attempts == 0);
    s.effects().resume(ids[0], "try again");
    sent.outcome = effect_outcome::fail("never");
    CHECK(s.effects().dispatch(sent.handler()).attempts == 1);
    s.effects().discard(ids[0], "the customer is gone");
    CHECK(state_of(s, ids[0]) == effect_state::discarded);
    sent.outcome = effect_outcome::done();
    CHECK(s.effects().dispatch(sent.handler()).done == 2);
    CHECK(sent.payloads() == "0 0 1 2 ");
}

TEST_CASE("at least once: a lost answer is followed by an attempt with the same key") {
    clocked_store s;
    auto e = mail();
    e.attempts_max = 2;
    const auto id = declare(*s, 1, e);
    leave_attempt(s, id, 1);
    recorder sent;
    CHECK(s.effects().dispatch(sent.handler()).attempts == 0);  // somebody has the lease
    CHECK_THROWS_AS(s.effects().discard(id, "x"), idem::error);
    s.pass(31s);
    CHECK(s.effects().dispatch(sent.handler()).done == 1);
    CHECK(sent.seen.at(0).id == id);
    CHECK(sent.seen.at(0).attempt == 2);

    const auto lost = declare(*s, 2, e);
    leave_attempt(s, lost, 1);
    leave_attempt(s, lost, 2);
    s.pass(31s);
    CHECK(s.effects().dispatch(sent.handler()).dead == 1);
    CHECK(state_of(s, lost) == effect_state::dead);
}

TEST_CASE("at most once: after a lost answer or a throw it is unknown, and never sent again") {
    clocked_store s;
    auto e = mail();
    e.delivery = idem::delivery::at_most_once;
    const auto lost = declare(*s, 1, e);
    leave_attempt(s, lost, 1);
    s.pass(31s);
    recorder sent;
    const auto counts = s.effects().dispatch(sent.handler());
    CHECK(counts.unknown == 1);
    CHECK(counts.attempts == 0);
    const auto threw = declare(*s, 2, e);
    s.effects().dispatch([](const idem::effect_delivery&) -> effect_outcome { throw 1; });
    const auto failed = declare(*s, 3, e);
    s.effects().dispatch(
        [](const idem::effect_delivery&) { return effect_outcome::retry("never left us"); });
    for (int n = 0; n < 3; ++n) {
        s.pass(24h);
        s.effects().dispatch(sent.handler());
    }
    CHECK(state_of(s, lost) == effect_state::unknown);
    CHECK(state_of(s, threw) == effect_state::unknown);
    CHECK(state_of(s, failed) == effect_state::done);
    CHECK(sent.seen.size() == 1);
    CHECK(s.effects().list({.state = effect_state::unknown}).size() == 2);
    s.effects().mark_done(lost, "it is in the logs of the server");
    s.effects().resume(threw, "it is not");
    CHECK(s.effects().dispatch(sent.handler()).done == 1);
    CHECK(state_of(s, lost) == effect_state::done);
}

TEST_CASE("probe, then retry: the probe decides after a lost answer") {
    clocked_store s;
    auto e = mail();
    e.delivery = idem::delivery::probe_then_retry;
    recorder sent;
    std::map<idem::uuid, idem::probe_answer> known;
    int asked = 0;
    idem::dispatch_options options;
    options.probe = [&](const idem::effect_delivery& d) {
        ++asked;
        return known.at(d.id);
    };
    const auto fresh = declare(*s, 1, e);
    CHECK(s.effects().dispatch(sent.handler(), options).done == 1);
    CHECK(asked == 0);
    CHECK(state_of(s, fresh) == effect_state::done);

    const auto done = declare(*s, 2, e);
    const auto not_done = declare(*s, 3, e);
    const auto unknown = declare(*s, 4, e);
    const auto no_probe = declare(*s, 5, e);
    const auto threw = declare(*s, 6, e);
    known = {{done, idem::probe_answer::done},
             {not_done, idem::probe_answer::not_done},
             {unknown, idem::probe_answer::unknown},
             {no_probe, idem::probe_answer::not_done}};
    for (const auto& id : {done, not_done, unknown, threw}) leave_attempt(s, id, 1);
    s.pass(31s);
    sent.seen.clear();
    const auto counts = s.effects().dispatch(sent.handler(), options);
    CHECK(counts.done == 3);  // one by the probe, one after it, and one that was never in doubt
    CHECK(counts.unknown == 1);
    CHECK(counts.failed == 1);
    CHECK(asked == 4);
    CHECK(state_of(s, done) == effect_state::done);
    CHECK(state_of(s, unknown) == effect_state::unknown);
    CHECK(state_of(s, threw) == effect_state::failed);
    CHECK(sent.seen.size() == 2);

    // An attempt that threw is in doubt as well; without a probe it is for a person.
    s.pass(1h);
    CHECK(s.effects().dispatch(sent.handler()).unknown == 1);
    CHECK(state_of(s, threw) == effect_state::unknown);
    CHECK(sent.seen.size() == 2);
}

TEST_CASE("who answers after another has taken over is fenced") {
    clocked_store s;
    const auto id = declare(*s, 1, mail());
    recorder second;
    second.outcome = effect_outcome::done("second");
    bool told = false;
    idem::dispatch_options options;
    options.answered = [&](const idem::effect_answer& a) { told = a.fenced; };
    const auto first = s.effects().dispatch(
        [&](const idem::effect_delivery& d) {
            s.pass(31s);
            idem::store other(s.path, s.with_clock());
            CHECK(other.effects().dispatch(second.handler()).done == 1);
            CHECK(second.seen.at(0).attempt == d.attempt + 1);
            CHECK(second.seen.at(0).id == d.id);
            return effect_outcome::done("first");
        },
        options);
    CHECK(first.fenced == 1);
    CHECK(first.done == 0);
    CHECK(told);
    CHECK(s.effects().find(id)->result == "second");
}

TEST_CASE("an answer after the lease counts where nobody has taken over") {
    clocked_store s;
    auto e = mail();
    e.delivery = idem::delivery::at_most_once;
    const auto id = declare(*s, 1, e);
    s.effects().dispatch([&](const idem::effect_delivery&) {
        s.pass(1h);
        return effect_outcome::done("late");
    });
    CHECK(s.effects().find(id)->result == "late");
}

TEST_CASE("dispatchers take the names that they ask for, and as many as they ask for") {
    clocked_store s;
    for (std::uint64_t i = 0; i < 6; ++i) {
        auto e = mail(std::to_string(i));
        e.name = i % 3 == 0 ? "mail" : i % 3 == 1 ? "call" : "ship";
        declare(*s, i, e);
        s.pass(1ms);
    }
    recorder sent;
    CHECK(s.effects().dispatch(sent.handler(), {.names = {"ship", "call"}}).done == 4);
    CHECK(sent.payloads() == "1 2 4 5 ");
    CHECK(s.effects().dispatch(sent.handler(), {.limit = 1}).done == 1);
    CHECK(s.effects().dispatch(sent.handler()).done == 1);
    CHECK(sent.payloads() == "1 2 4 5 0 3 ");
    CHECK(s.effects().list({.name = "call"}).size() == 2);
    CHECK_THROWS_AS(s.effects().dispatch({}), idem::error);
    CHECK_THROWS_AS(s.effects().dispatch(sent.handler(), {.lease = 0ms}), idem::error);
}

TEST_CASE("a dispatcher that waits hears of effects that others declare, and of their time") {
    const scratch_folder folder;  // with the system's clock
    idem::store store(folder / "s.idem");
    recorder sent;
    std::stop_source stop;
    std::atomic<int> done = 0;
    std::thread dispatcher([&] {
        idem::dispatch_options options{.stop = stop.get_token()};
        options.answered = [&](const idem::effect_answer&) {
            if (++done == 2) stop.request_stop();
            done.notify_all();
        };
        store.effects().run(sent.handler(), options);
    });
    idem::store other(folder / "s.idem");
    declare(other, 1, mail("now"));
    done.wait(0);
    auto later = mail("later");
    later.delay = 20ms;
    declare(other, 2, later);
    dispatcher.join();
    CHECK(sent.payloads() == "now later ");
}

TEST_CASE("a backoff that was imported and is beyond all bounds is a long one, and not none") {
    clocked_store s;
    s->append(numbered_event(1));
    idem::event e;
    e.id = idem::effect_id(numbered_id(1), "mail");
    e.stream = "$effects";
    e.type = "idem.EffectDeclared";
    e.data = R"({"event":")" + to_string(numbered_id(1)) +
             R"(","name":"mail","index":0,"payload":"","delivery":"at_least_once",)"
             R"("attempts_max":5,"backoff_first":18446744073709551615,)"
             R"("backoff_max":18446744073709551615,"delay":0})";
    s->append(e);
    recorder sent;
    sent.outcome = idem::effect_outcome::retry("not now");
    CHECK(s.effects().dispatch(sent.handler()).attempts == 1);
    s.pass(std::chrono::hours(24 * 364));
    CHECK(s.effects().dispatch(sent.handler()).attempts == 0);
    s.pass(std::chrono::hours(24));
    CHECK(s.effects().dispatch(sent.handler()).attempts == 1);
}
