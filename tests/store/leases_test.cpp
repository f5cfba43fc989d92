// Work that leaves the process: one at a time has a lease on its key, and whoever comes next goes
// on where the one before stopped, or is told that nobody knows.
#include "idem/lease.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "idem/error.hpp"
#include "idem/store.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "turned_clock.hpp"

using namespace std::chrono_literals;
using idem::key_outcome;
using idem::key_state;
using idem::probe_answer;

namespace {

const idem::key_scope scope{"customer-7", "charge"};

// A store and a clock, and one key "k".
struct bench {
    scratch_folder folder;
    turned_clock clock;
    std::optional<idem::store> store{std::in_place, folder / "s.idem", clock.options()};

    void reopen() {
        store.reset();
        store.emplace(folder / "s.idem", clock.options());
    }
    idem::claimed claim(const idem::claim_options& options = {}) {
        return store->keys().claim(scope, "k", idem::request().with("cents", 5), options);
    }
    idem::lease granted(const idem::claim_options& options = {}) {
        auto answer = claim(options);
        REQUIRE(answer.outcome == key_outcome::granted);
        REQUIRE(answer.lease);
        return *answer.lease;
    }
    idem::key_answer once(int* runs = nullptr) {
        return store->once(scope, "k", idem::request().with("cents", 5), [&](idem::transaction&) {
            if (runs) ++*runs;
            return "by once";
        });
    }
    idem::key_info info() { return store->keys().find(scope, "k").value(); }
    // The holder makes an external call, and is never heard of again.
    void die_within_call(const idem::claim_options& options = {}) {
        CHECK(granted(options).calling("charge") == key_outcome::granted);
        clock.turn(31s);
    }
};

idem::claim_options probing(probe_answer answer) {
    idem::claim_options options;
    options.probe = [answer](std::string_view, const idem::uuid&) { return answer; };
    return options;
}

}  // namespace

TEST_CASE("a claim grants a lease, and is in progress for all others while it lives") {
    bench b;
    const auto first = b.claim();
    REQUIRE(first.outcome == key_outcome::granted);
    CHECK_FALSE(first.completed());
    CHECK(first.leased_until == b.clock.now() + 30s);
    CHECK(first.lease->fence() == 1);
    CHECK(first.lease->attempt() == 1);
    CHECK(first.lease->point().empty());
    b.clock.turn(29'999ms);
    b.reopen();
    const auto second = b.claim();
    CHECK(second.outcome == key_outcome::in_progress);
    CHECK(second.leased_until == first.leased_until);
    CHECK_FALSE(second.lease);
    CHECK(b.once().outcome == key_outcome::in_progress);
    b.clock.turn(1ms);
    CHECK(b.granted().fence() == 2);
}

TEST_CASE("once another has taken over, the first holder is fenced and changes nothing") {
    bench b;
    auto first = b.granted();
    CHECK(first.checkpoint("reserved", "r-1") == key_outcome::granted);
    b.clock.turn(30s);
    auto second = b.granted();
    CHECK(second.fence() == first.fence() + 1);
    CHECK(second.attempt() == 2);
    for (const bool finished : {false, true}) {
        if (finished) CHECK(second.complete("by the second").completed());
        const auto before = b.info();
        const auto head = b.store->head();
        CHECK(first.calling("charge") == key_outcome::fenced);
        CHECK(first.checkpoint("charged") == key_outcome::fenced);
        CHECK(first.renew(1min) == key_outcome::fenced);
        CHECK(first.abandon("late") == key_outcome::fenced);
        CHECK(first.complete("late", numbered_batch(1, 2)).outcome == key_outcome::fenced);
        CHECK(first.reject("late").outcome == key_outcome::fenced);
        CHECK(b.store->head() == head);
        const auto after = b.info();
        CHECK(after.state == before.state);
        CHECK(after.fence == 2);
        CHECK(after.point == before.point);
        CHECK(after.result == before.result);
    }
    CHECK(b.once().result == "by the second");
}

TEST_CASE("a recovery point and its data are handed to whoever takes over, after a reopen too") {
    bench b;
    const std::string data("\0\xff\x01 data", 8);
    {
        auto first = b.granted();
        CHECK(first.checkpoint("one", "x") == key_outcome::granted);
        CHECK(first.checkpoint("two", data) == key_outcome::granted);
        CHECK(first.point() == "two");
    }
    b.reopen();
    b.clock.turn(1min);
    auto second = b.granted();
    CHECK(second.point() == "two");
    CHECK(second.data() == data);
    CHECK(second.checkpoint("three") == key_outcome::granted);
    CHECK(b.info().point == "three");
    CHECK(second.complete("done").completed());
    CHECK(b.claim().result == "done");
    CHECK(b.claim().replayed);
}

TEST_CASE("a renewed lease lives longer, and one that nobody took over can be renewed late") {
    bench b;
    auto lease = b.granted({.lease = 10s});
    b.clock.turn(9s);
    CHECK(lease.renew(10s) == key_outcome::granted);
    b.clock.turn(9s);
    CHECK(b.claim().outcome == key_outcome::in_progress);
    b.clock.turn(1s);
    CHECK(lease.renew(10s) == key_outcome::granted);
    CHECK(b.claim().outcome == key_outcome::in_progress);
    CHECK_THROWS_AS(lease.renew(0s), idem::error);
    CHECK_THROWS_AS(lease.renew(24h * 366), idem::error);
    CHECK_THROWS_AS(b.claim({.lease = -1s}), idem::error);
    CHECK_THROWS_AS(b.claim({.attempts_max = 0}), idem::error);
}

TEST_CASE("the next claim need not wait for a lease that was given back") {
    bench b;
    auto first = b.granted();
    CHECK(first.checkpoint("one", "x") == key_outcome::granted);
    CHECK(first.abandon("the provider is closed") == key_outcome::granted);
    CHECK(first.checkpoint("two") == key_outcome::fenced);
    CHECK(b.info().state == key_state::abandoned);
    CHECK(b.info().reason == "the provider is closed");
    const auto second = b.granted();
    CHECK(second.point() == "one");
    CHECK(second.fence() == 2);
    CHECK(b.info().reason.empty());
}

TEST_CASE("a lease ends with its result and its events in one commit, or not at all") {
    bench b;
    b.store->append(numbered_event(7));
    auto lease = b.granted();
    auto other = numbered_event(7);
    other.data = "{}";
    const std::vector<idem::event> conflicting{numbered_event(8), other};
    const auto refused = lease.complete("done", conflicting);
    CHECK(refused.outcome == key_outcome::not_appended);
    REQUIRE(refused.rejection);
    CHECK(refused.rejection->index == 1);
    CHECK(b.info().state == key_state::running);
    CHECK_FALSE(b.store->find(numbered_id(8)));
    const auto done = lease.complete("done", numbered_batch(8, 2));
    CHECK(done.outcome == key_outcome::completed);
    CHECK_FALSE(done.replayed);
    REQUIRE(done.receipts.size() == 2);
    CHECK(done.receipts[1].id == numbered_id(9));
    CHECK(b.store->head() == done.receipts[1].position + 1);
    b.reopen();
    const auto again = b.claim();
    CHECK(again.completed());
    CHECK(again.replayed);
    REQUIRE(again.receipts.size() == 2);
    CHECK(again.receipts[1].position == done.receipts[1].position);
}

TEST_CASE("a rejection ends a lease for good") {
    bench b;
    CHECK(b.granted().reject("no funds").outcome == key_outcome::rejected);
    CHECK(b.claim().outcome == key_outcome::rejected);
    CHECK(b.claim().result == "no funds");
    CHECK(b.once().outcome == key_outcome::rejected);
}

TEST_CASE("after so many attempts a key is dead, until a person resumes or discards it") {
    bench b;
    const idem::claim_options twice{.attempts_max = 2};
    for (int i = 0; i < 2; ++i)
        CHECK(b.granted(twice).abandon("no answer") == key_outcome::granted);
    const auto dead = b.claim(twice);
    CHECK(dead.outcome == key_outcome::dead);
    CHECK(dead.reason.find("no answer") != std::string::npos);
    CHECK(b.once().outcome == key_outcome::dead);
    CHECK(b.claim({.attempts_max = 100}).outcome == key_outcome::dead);
    CHECK(b.store->keys().stats().dead == 1);
    b.reopen();
    const std::string id = b.info().id;
    SUBCASE("resumed") {
        b.store->keys().resume(id, "the provider is back");
        auto lease = b.granted(twice);
        CHECK(lease.attempt() == 1);
        CHECK(lease.fence() == 3);
        CHECK(lease.complete("done").completed());
    }
    SUBCASE("discarded") {
        b.store->keys().discard(id, "a test");
        CHECK(b.claim(twice).outcome == key_outcome::rejected);
        CHECK(b.once().result == "a test");
    }
    SUBCASE("completed") {
        b.store->keys().complete(id, "by hand");
        CHECK(b.claim(twice).result == "by hand");
        CHECK_THROWS_AS(b.store->keys().discard(id, "too late"), idem::error);
    }
    CHECK_THROWS_AS(b.store->keys().resume(std::string(32, '0'), "x"), idem::error);
    CHECK_THROWS_AS(b.store->keys().resume("no id", "x"), idem::error);
}

TEST_CASE("whether a call was made when its holder died is unknown, before and after a reopen") {
    bench b;
    b.die_within_call();
    SUBCASE("to a claim") {
        const auto answer = b.claim();
        CHECK(answer.outcome == key_outcome::unknown);
        CHECK(answer.reason == "charge");
    }
    SUBCASE("to once") {
        int runs = 0;
        CHECK(b.once(&runs).outcome == key_outcome::unknown);
        CHECK(runs == 0);
    }
    CHECK(b.info().state == key_state::in_doubt);
    CHECK(b.info().calling == "charge");
    b.reopen();
    CHECK(b.claim().outcome == key_outcome::unknown);
    CHECK(b.once().outcome == key_outcome::unknown);
    CHECK(b.store->keys().stats().in_doubt == 1);
}

TEST_CASE("a probe resolves a call in doubt") {
    bench b;
    b.die_within_call();
    SUBCASE("it was made") {
        auto lease = b.granted(probing(probe_answer::done));
        CHECK(lease.call_was_done());
        CHECK(lease.fence() == 2);
    }
    SUBCASE("it was not made") {
        auto lease = b.granted(probing(probe_answer::not_done));
        CHECK_FALSE(lease.call_was_done());
        CHECK(b.info().calling.empty());
    }
    SUBCASE("it does not know either") {
        CHECK(b.claim(probing(probe_answer::unknown)).outcome == key_outcome::unknown);
        CHECK(b.info().state == key_state::in_doubt);
    }
    SUBCASE("it does not know, and the call may be made again") {
        auto options = probing(probe_answer::unknown);
        options.retry_unknown = true;
        CHECK_FALSE(b.granted(options).call_was_done());
    }
    SUBCASE("it is asked for the call by name, with the key that was given away") {
        auto options = probing(probe_answer::done);
        idem::uuid given;
        std::string name;
        options.probe = [&](std::string_view call, const idem::uuid& key) {
            name = call;
            given = key;
            return probe_answer::done;
        };
        const auto lease = b.granted(options);
        CHECK(name == "charge");
        CHECK(given == lease.downstream_key("charge"));
    }
}

TEST_CASE("what a probe found out is not taken for granted when its asker dies too") {
    bench b;
    b.die_within_call();
    CHECK(b.granted(probing(probe_answer::done)).call_was_done());
    b.clock.turn(31s);
    CHECK(b.claim().outcome == key_outcome::unknown);
    CHECK(b.granted(probing(probe_answer::done)).call_was_done());
}

TEST_CASE("a call that was to be made again stays in doubt when its holder dies before it") {
    bench b;
    b.die_within_call();
    auto second = b.granted({.retry_unknown = true});
    const auto key = second.downstream_key("charge");
    CHECK(key.version() == 5);
    b.clock.turn(31s);
    b.reopen();
    CHECK(b.claim().outcome == key_outcome::unknown);
    auto third = b.granted({.retry_unknown = true});
    CHECK(third.downstream_key("charge") == key);
    CHECK(third.downstream_key("refund") != key);
    CHECK(third.calling("charge") == key_outcome::granted);
    CHECK(third.checkpoint("charged") == key_outcome::granted);
    b.clock.turn(31s);
    CHECK(b.granted().point() == "charged");
}

TEST_CASE("who gives a key back within a call leaves it in doubt; behind a checkpoint it is not") {
    bench b;
    auto first = b.granted();
    CHECK(first.calling("charge") == key_outcome::granted);
    CHECK(first.abandon("timeout") == key_outcome::granted);
    CHECK(b.claim().outcome == key_outcome::unknown);
    CHECK(b.info().state == key_state::in_doubt);
    auto second = b.granted(probing(probe_answer::not_done));
    CHECK(second.calling("charge") == key_outcome::granted);
    CHECK(second.checkpoint("refused by the provider") == key_outcome::granted);
    CHECK(second.abandon("try tomorrow") == key_outcome::granted);
    CHECK(b.granted().attempt() == 3);
}

TEST_CASE("a person resolves a call in doubt, whether or not anybody has asked since") {
    bench b;
    b.die_within_call();
    bool asked = false;
    SUBCASE("nobody has") {}
    SUBCASE("somebody has") {
        asked = true;
        CHECK(b.claim().outcome == key_outcome::unknown);
    }
    CAPTURE(asked);
    const std::string id = b.info().id;
    SUBCASE("it was made") {
        b.store->keys().complete(id, "charged, says the bank");
        CHECK(b.claim().result == "charged, says the bank");
    }
    SUBCASE("it is to be dropped") {
        b.store->keys().discard(id, "the customer left");
        CHECK(b.once().outcome == key_outcome::rejected);
    }
    SUBCASE("it was not made") {
        b.store->keys().resume(id, "not made, says the bank");
        auto lease = b.granted();
        CHECK(lease.fence() == 2);
        CHECK_FALSE(lease.call_was_done());
    }
}

TEST_CASE("nobody settles a key behind the back of who has a lease on it") {
    bench b;
    auto lease = b.granted();
    const std::string id = b.info().id;
    CHECK_THROWS_AS(b.store->keys().resume(id, "x"), idem::error);
    CHECK_THROWS_AS(b.store->keys().discard(id, "x"), idem::error);
    CHECK_THROWS_AS(b.store->keys().complete(id, "x"), idem::error);
    b.clock.turn(30s);
    b.store->keys().discard(id, "too slow");
    CHECK(lease.complete("done").outcome == key_outcome::fenced);
    CHECK(b.claim().outcome == key_outcome::rejected);
}

TEST_CASE("a probe whose finding is always out of date is given up, and nothing is granted") {
    bench b;
    b.die_within_call();
    int probes = 0;
    idem::claim_options options;
    options.probe = [&](std::string_view, const idem::uuid&) {
        ++probes;
        b.die_within_call({.attempts_max = 100, .retry_unknown = true});  // another takes over
        return probe_answer::done;
    };
    try {
        b.claim(options);
        FAIL("granted on a finding about another holder's call");
    } catch (const idem::error& e) {
        CHECK(e.code() == idem::errc::busy);
    }
    CHECK(probes > 1);
    CHECK(probes < 10);
    CHECK(b.claim().outcome == key_outcome::unknown);
}

TEST_CASE("once does the work of a key whose lease is over, and the holder is fenced") {
    bench b;
    auto lease = b.granted();
    int runs = 0;
    CHECK(b.once(&runs).outcome == key_outcome::in_progress);
    b.clock.turn(30s);
    CHECK(b.once(&runs).result == "by once");
    CHECK(runs == 1);
    CHECK(lease.complete("late").outcome == key_outcome::fenced);
    CHECK(b.claim().result == "by once");
}

TEST_CASE("names of points and calls that could not be kept as they are are refused") {
    bench b;
    auto lease = b.granted();
    CHECK_THROWS_AS(lease.calling(""), idem::error);
    CHECK_THROWS_AS(lease.calling("\xff"), idem::error);
    CHECK_THROWS_AS(lease.calling(std::string(256, 'c')), idem::error);
    CHECK_THROWS_AS(lease.checkpoint("\xff"), idem::error);
    CHECK_THROWS_AS(lease.checkpoint(std::string(256, 'p')), idem::error);
    CHECK_THROWS_AS(lease.checkpoint("p", std::string((128 << 10) + 1, 'd')), idem::error);
    CHECK_THROWS_AS(lease.abandon(std::string((128 << 10) + 1, 'r')), idem::error);
    CHECK_THROWS_AS(lease.complete(std::string((128 << 10) + 1, 'r')), idem::error);
    CHECK(lease.checkpoint("", std::string(128 << 10, '\x01')) == key_outcome::granted);
    CHECK(lease.abandon(std::string(128 << 10, '\x01')) == key_outcome::granted);
}

TEST_CASE("threads race one claim, and one gets the lease") {
    bench b;
    for (int round = 0; round < 20; ++round) {
        std::atomic<int> granted = 0;
        std::atomic<int> waiting = 0;
        std::atomic<std::uint64_t> fence = 0;
        std::vector<std::thread> all;
        for (int n = 0; n < 8; ++n) {
            all.emplace_back([&] {
                const auto answer = b.claim({.attempts_max = 100});
                if (answer.outcome == key_outcome::in_progress) ++waiting;
                if (!answer.lease) return;
                ++granted;
                fence = answer.lease->fence();
            });
        }
        for (auto& t : all) t.join();
        CHECK(granted == 1);
        CHECK(waiting == 7);
        CHECK(fence == static_cast<std::uint64_t>(round) + 1);
        b.clock.turn(30s);
    }
}
