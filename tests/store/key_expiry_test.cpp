// Results of keys expire in the log's own time, and are let go of by sweeps; a key is never taken
// for a new one.
#include <doctest/doctest.h>

#include <fmt/format.h>

#include "idem/error.hpp"
#include "idem/store.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "table_rows.hpp"
#include "turned_clock.hpp"

using namespace std::chrono_literals;
using idem::key_outcome;
using idem::key_state;

namespace {

const idem::key_scope scope{"customer-7", "charge"};
const idem::key_options hour_and_day{.keep_result = 1h, .horizon = 24h};

// A store and a clock.
struct aging_store {
    scratch_folder folder;
    turned_clock clock;
    std::optional<idem::store> store{std::in_place, folder / "s.idem", clock.options()};
    int runs = 0;
    std::uint64_t appended = 0;

    idem::keys keys() { return store->keys(); }
    void reopen() {
        store.reset();
        store.emplace(folder / "s.idem", clock.options());
    }
    idem::key_answer once(const std::string& key, const idem::key_options& options = hour_and_day,
                          int cents = 5, const std::string& result = "charged") {
        return store->once(
            scope, key, idem::request().with("cents", cents),
            [&](idem::transaction&) {
                ++runs;
                return result;
            },
            options);
    }
    // Somebody appends something after such a time.
    void pass(std::chrono::milliseconds time) {
        clock.turn(time);
        store->append(numbered_event(++appended));
    }
    // The sums that are kept are those of the rows.
    void check_sums() {
        idem::key_stats counted;
        for (const auto& key : keys().list({}, {}, 100'000)) {
            counted.result_bytes += key.result.size();
            switch (key.state) {
                case key_state::running:
                    ++counted.running;
                    break;
                case key_state::abandoned:
                    ++counted.abandoned;
                    break;
                case key_state::in_doubt:
                    ++counted.in_doubt;
                    break;
                case key_state::dead:
                    ++counted.dead;
                    break;
                case key_state::completed:
                    ++counted.completed;
                    break;
                case key_state::rejected:
                    ++counted.rejected;
                    break;
                case key_state::expired:
                    ++counted.expired;
                    break;
            }
        }
        const auto kept = keys().stats();
        CHECK(kept.running == counted.running);
        CHECK(kept.abandoned == counted.abandoned);
        CHECK(kept.in_doubt == counted.in_doubt);
        CHECK(kept.dead == counted.dead);
        CHECK(kept.completed == counted.completed);
        CHECK(kept.rejected == counted.rejected);
        CHECK(kept.expired == counted.expired);
        CHECK(kept.result_bytes == counted.result_bytes);
        CHECK(kept.table_bytes > 0);
    }
    // Another store that is given the same events has the same rows.
    void check_replay() {
        idem::store copy(folder / "copy.idem", clock.options());
        copy_events(*store, copy);
        CHECK(table_rows(folder / "copy.idem", "keys") == table_rows(folder / "s.idem", "keys"));
    }
    idem::sweep_result sweep_all(const idem::sweep_options& options = {}) {
        idem::sweep_result sum;
        for (int turn = 0; turn < 1000; ++turn) {
            const auto swept = keys().sweep(options);
            sum.expired += swept.expired;
            sum.evicted += swept.evicted;
            sum.forgotten += swept.forgotten;
            CHECK(swept.expired <= options.limit);
            CHECK(swept.evicted <= options.limit);
            CHECK(swept.forgotten <= options.limit);
            check_sums();
            if (!swept.more) return sum;
        }
        FAIL("a sweep has no end");
        return sum;
    }
};

// A version 7 UUID made at this time.
std::string made_at(idem::timestamp when, int number = 1) {
    const auto ms = std::chrono::floor<std::chrono::milliseconds>(when.time_since_epoch()).count();
    const std::string hex = fmt::format("{:012x}", ms);
    return fmt::format("{}-{}-7000-8000-{:012x}", hex.substr(0, 8), hex.substr(8), number);
}

// As an import may bring it.
idem::event foreign(std::string type, std::string data) {
    idem::event e;
    e.stream = "$keys";
    e.type = std::move(type);
    e.data = std::move(data);
    return e;
}

}  // namespace

TEST_CASE("nothing expires while nothing is appended, whatever the clock does") {
    aging_store s;
    s.once("k");
    s.clock.turn(24h * 1000);
    CHECK(s.once("k").replayed);
    CHECK(s.keys().sweep().expired == 0);
    s.reopen();
    CHECK(s.once("k").result == "charged");
    s.clock.turn(-24h * 2000);
    CHECK(s.once("k").replayed);
    CHECK(s.runs == 1);
    const auto head = s.store->head();
    CHECK(head == 1);
}

TEST_CASE("a result that has expired leaves a key that is known, up to its horizon and beyond") {
    aging_store s;
    s.once("k");
    const auto check = [&](key_outcome outcome) {
        for (const bool reopened : {false, true}) {
            if (reopened) s.reopen();
            const auto answer = s.once("k");
            CHECK(answer.outcome == outcome);
            CHECK(answer.result.empty());
            CHECK(s.keys().claim(scope, "k", idem::request().with("cents", 5)).outcome == outcome);
            CHECK(s.once("k", hour_and_day, 6).outcome == key_outcome::key_mismatch);
        }
    };
    s.pass(1h - 1ms);
    CHECK(s.once("k").replayed);
    s.pass(1ms);
    check(key_outcome::expired);
    CHECK(s.keys().sweep().expired == 1);
    check(key_outcome::expired);
    CHECK(s.keys().find(scope, "k")->state == key_state::expired);
    CHECK(s.keys().find(scope, "k")->key.empty());
    s.pass(23h);
    check(key_outcome::too_old);
    s.sweep_all();
    check(key_outcome::too_old);
    s.pass(24h * 10'000);
    s.sweep_all();
    check(key_outcome::too_old);
    CHECK(s.runs == 1);
    s.check_replay();
}

TEST_CASE("a horizon is never shorter than the time for which a result is kept") {
    aging_store s;
    s.once("k", {.keep_result = 2h, .horizon = 1h});
    CHECK(s.keys().find(scope, "k")->horizon == s.keys().find(scope, "k")->expires);
    s.pass(90min);
    CHECK(s.once("k").replayed);
    s.once("none", {.keep_result = -5h, .horizon = -1h});
    CHECK(s.once("none").outcome == key_outcome::too_old);
    s.once("long", {.keep_result = std::chrono::milliseconds::max(),
                    .horizon = std::chrono::milliseconds::max()});
    s.pass(24h * 365 * 100);
    CHECK(s.once("long").replayed);
    CHECK(s.runs == 3);
}

TEST_CASE("a sweep is bounded, and repeated until nothing is left") {
    aging_store s;
    for (int i = 0; i < 25; ++i) s.once(std::to_string(i));
    s.once("live", {.keep_result = 48h});
    s.pass(2h);
    const auto first = s.keys().sweep({.limit = 10});
    CHECK(first.expired == 10);
    CHECK(first.more);
    CHECK(s.keys().stats().expired == 10);
    CHECK(s.sweep_all({.limit = 10}).expired == 15);
    const auto head = s.store->head();
    const auto none = s.keys().sweep();
    CHECK(none.expired + none.evicted + none.forgotten == 0);
    CHECK_FALSE(none.more);
    CHECK(s.store->head() == head);
    CHECK(s.once("live").replayed);
    CHECK(s.keys().stats().completed == 1);
    s.check_replay();
}

TEST_CASE("keys that bear their own time are forgotten beyond the horizon, and then too old") {
    aging_store s;
    const auto start = s.clock.now();
    const std::string old = made_at(start);
    const std::string older = made_at(start - 1h);
    const std::string ahead = made_at(start + 24h * 10, 2);  // by a clock that is wrong
    for (const auto* key : {&old, &ahead}) s.once(*key);
    s.once("other");
    s.pass(2h);
    s.sweep_all();
    CHECK(s.keys().list().size() == 3);
    s.pass(23h);
    CHECK(s.sweep_all().forgotten == 1);
    CHECK(s.keys().list().size() == 2);
    CHECK(s.once(old).outcome == key_outcome::too_old);
    CHECK(s.once(ahead).outcome == key_outcome::too_old);
    CHECK(s.once("other").outcome == key_outcome::too_old);
    CHECK(s.once(older).outcome == key_outcome::too_old);  // nobody can tell whether it was known
    CHECK(s.store->once({"another", "charge"}, older, {}, [](idem::transaction&) { return "x"; })
              .completed());
    CHECK(s.runs == 3);
    CHECK(s.once(made_at(start + 1ms, 3)).completed());
    s.reopen();
    CHECK(s.once(old).outcome == key_outcome::too_old);
    s.pass(24h * 11);
    CHECK(s.sweep_all().forgotten >= 1);
    CHECK(s.once(ahead).outcome == key_outcome::too_old);
    CHECK(s.once(made_at(start + 24h * 9, 4)).outcome == key_outcome::too_old);
    CHECK(s.once("other").outcome == key_outcome::too_old);
    s.check_replay();
}

TEST_CASE("what has expired and what lies beyond its horizon goes in one repeated sweep") {
    aging_store s;
    for (int i = 0; i < 5; ++i) s.once(made_at(s.clock.now(), i));
    s.pass(48h);
    const auto swept = s.sweep_all();
    CHECK(swept.expired == 5);
    CHECK(swept.forgotten == 5);
    CHECK(s.keys().list().empty());
}

TEST_CASE("a sweep that says it is later than it is lets go of nothing that is alive") {
    aging_store s;
    s.once(made_at(s.clock.now()));
    const auto sweep = foreign("idem.KeysSwept", R"({"until":18446744073709551615,"limit":10000})");
    s.store->append(sweep);
    CHECK(s.once(made_at(s.clock.now())).replayed);
    CHECK(s.keys().stats().completed == 1);
    s.check_replay();
}

TEST_CASE("a key that was forgotten is not taken for a new one when events say so") {
    aging_store s;
    const std::string key = made_at(s.clock.now());
    s.once(key);
    std::vector<idem::event> said;
    s.store->read({.stream = "$keys"}, [&](const idem::event_view& e) {
        said.push_back(foreign(std::string(e.type()), std::string(e.data())));
    });
    REQUIRE(said.size() == 1);
    s.pass(48h);
    CHECK(s.sweep_all().forgotten == 1);
    const auto rows = table_rows(s.folder / "s.idem", "keys");
    s.store->append(said[0]);
    CHECK(table_rows(s.folder / "s.idem", "keys") == rows);
    std::string claim = said[0].data;
    claim.replace(claim.find("\"fence\":0"), 9, "\"fence\":1");
    s.store->append(foreign("idem.KeyClaimed", claim));
    CHECK(table_rows(s.folder / "s.idem", "keys") == rows);
    CHECK(s.once(key).outcome == key_outcome::too_old);
    s.check_replay();
}

TEST_CASE("a key that was forgotten stays so when events name it by its hash alone") {
    aging_store s;
    const std::string key = made_at(s.clock.now());
    s.once(key);
    const std::string id = s.keys().find(scope, key).value().id;
    std::string said;
    s.store->read({.stream = "$keys"}, [&](const idem::event_view& e) { said = e.data(); });
    said.replace(said.find(key), key.size(), "blake2b:" + id);
    said.replace(said.find("charged"), 7, "forged!");
    for (const std::string time : {"\"expires\":", "\"horizon\":"}) {
        said.replace(said.find(time) + time.size(), 1, "9");  // in some centuries
    }
    s.pass(48h);
    CHECK(s.sweep_all().forgotten == 1);
    s.store->append(foreign("idem.KeyFinished", said));
    CHECK(s.keys().find(id).value().result == "forged!");
    CHECK(s.once(key).outcome == key_outcome::too_old);
    CHECK(s.once(key, hour_and_day, 6).outcome == key_outcome::too_old);
    CHECK(s.keys().claim(scope, key, idem::request().with("cents", 5)).outcome ==
          key_outcome::too_old);
    CHECK(s.runs == 1);
    s.check_replay();
}

TEST_CASE("for the sake of space the oldest results go first, and no key does") {
    aging_store s;
    for (int i = 0; i < 10; ++i) {
        s.once(std::to_string(i), {}, 5, std::string(100, 'r'));
        s.pass(1s);
    }
    const auto claimed = s.keys().claim(scope, "running", {});
    CHECK(claimed.outcome == key_outcome::granted);
    const auto swept = s.sweep_all({.limit = 3, .result_bytes_max = 350});
    CHECK(swept.evicted == 7);
    CHECK(swept.expired == 0);
    CHECK(s.keys().stats().result_bytes == 300);
    for (int i = 0; i < 10; ++i) {
        const auto answer = s.once(std::to_string(i));
        CHECK(answer.outcome == (i < 7 ? key_outcome::expired : key_outcome::completed));
    }
    CHECK(s.runs == 10);
    CHECK(s.keys().list().size() == 11);
    CHECK(s.sweep_all({.result_bytes_max = 0}).evicted == 3);
    CHECK(s.keys().stats().result_bytes == 0);
    CHECK(s.keys().list().size() == 11);
    s.check_replay();
}

TEST_CASE("no result that is alive goes for the sake of space before all that have expired") {
    aging_store s;
    for (int i = 0; i < 3; ++i) s.once(fmt::format("live {}", i), {}, 5, std::string(100, 'r'));
    for (int i = 0; i < 5; ++i) {
        s.once(fmt::format("old {}", i), hour_and_day, 5, std::string(100, 'r'));
    }
    s.pass(2h);
    const auto swept = s.sweep_all({.limit = 2, .result_bytes_max = 300});
    CHECK(swept.expired == 5);
    CHECK(swept.evicted == 0);
    for (int i = 0; i < 3; ++i) CHECK(s.once(fmt::format("live {}", i)).replayed);
    s.check_replay();
}

TEST_CASE("sums and replay hold for every state of a key") {
    aging_store s;
    const idem::claim_options once_only{.attempts_max = 1};
    const auto claim = [&](const std::string& key) {
        return s.keys().claim(scope, key, {}, once_only).lease.value();
    };
    claim("running").checkpoint("point", "data");
    claim("abandoned").abandon("x");
    claim("doubt").calling("call");
    claim("dead").abandon("x");
    claim("rejected").reject("no");
    s.once("done");
    s.pass(1min);
    CHECK(s.keys().claim(scope, "doubt", {}).outcome == key_outcome::unknown);
    CHECK(s.keys().claim(scope, "dead", {}, once_only).outcome == key_outcome::dead);
    s.check_sums();
    for (const auto state : {key_state::running, key_state::abandoned, key_state::in_doubt,
                             key_state::dead, key_state::rejected, key_state::completed}) {
        CHECK(s.keys().list(state).size() == 1);
    }
    CHECK(s.keys().list({}, {}, 4).size() == 4);
    CHECK(s.keys().list({}, s.keys().list({}, {}, 4).back().id).size() == 2);
    s.check_replay();
}
