// Idempotency keys with stored results: the work of a key is done once, and its answer is the same
// for ever.
#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <stdexcept>
#include <thread>

#include "idem/error.hpp"
#include "idem/store.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

using namespace std::chrono_literals;
using idem::key_outcome;
using idem::key_state;

namespace {

const idem::key_scope scope{"customer-7", "charge"};

idem::request amount(int cents) {
    return idem::request().with("cents", cents);
}

// The message with which it is refused.
std::string refusal(const std::function<void()>& what) {
    try {
        what();
    } catch (const idem::error& e) {
        CHECK(e.code() == idem::errc::invalid_input);
        return e.what();
    }
    return {};
}

idem::key_answer charge(idem::store& s, const std::string& key, int cents, int& runs,
                        const std::string& result = "ok") {
    return s.once(scope, key, amount(cents), [&](idem::transaction& t) {
        ++runs;
        t.append(numbered_event(static_cast<std::uint64_t>(runs), "account"));
        return result;
    });
}

}  // namespace

TEST_CASE("the work of a key runs once, and its answer comes again, before and after a reopen") {
    const scratch_folder folder;
    int runs = 0;
    idem::key_answer first;
    {
        idem::store store(folder / "s.idem");
        first = charge(store, "k1", 100, runs, "charged");
        CHECK(first.outcome == key_outcome::completed);
        CHECK_FALSE(first.replayed);
        REQUIRE(first.receipts.size() == 1);
        const auto again = charge(store, "k1", 100, runs);
        CHECK(again.replayed);
        CHECK(again.result == "charged");
        CHECK(again.receipts[0].position == first.receipts[0].position);
    }
    idem::store store(folder / "s.idem");
    const auto again = charge(store, "k1", 100, runs);
    CHECK(again.completed());
    CHECK(again.replayed);
    CHECK(again.result == "charged");
    REQUIRE(again.receipts.size() == 1);
    CHECK(again.receipts[0].id == first.receipts[0].id);
    CHECK(runs == 1);
    CHECK(store.find_stream("account")->last_revision == 0);
}

TEST_CASE("a key that comes with another request is a mismatch, on every path") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    int runs = 0;
    charge(store, "k1", 100, runs);
    CHECK(charge(store, "k1", 101, runs).outcome == key_outcome::key_mismatch);
    CHECK(store.keys().claim(scope, "k1", amount(101)).outcome == key_outcome::key_mismatch);
    const auto running = store.keys().claim(scope, "k2", amount(1));
    CHECK(running.outcome == key_outcome::granted);
    CHECK(charge(store, "k2", 2, runs).outcome == key_outcome::key_mismatch);
    CHECK(store.keys().claim(scope, "k2", amount(2)).outcome == key_outcome::key_mismatch);
    CHECK(runs == 1);
}

TEST_CASE("the same key in another scope is another key") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto answer = [&](const idem::key_scope& in) {
        return store.once(in, "k", {}, [&](idem::transaction&) { return in.owner; }).result;
    };
    CHECK(answer({"a", "b"}) == "a");
    CHECK(answer({"ab", "b"}) == "ab");
    CHECK(answer({"a", "bb"}) == "a");
    CHECK(store.keys().list().size() == 3);
}

template <class Value>
concept field_value = requires(idem::request r, Value v) {
    idem::request().with("x", v);
};
template <class Value>
concept lvalue_field_value = requires(idem::request r, Value v) {
    r.with("x", v);
};

TEST_CASE("requests are built a field at a time, of values that cannot be taken for others") {
    static_assert(field_value<const char*> && field_value<std::string> && field_value<bool> &&
                  field_value<int> && field_value<std::uint64_t>);
    static_assert(!field_value<double> && !field_value<float> && !field_value<void*> &&
                  !field_value<int*> && !field_value<std::nullptr_t>);
    static_assert(!lvalue_field_value<double> && !lvalue_field_value<void*> &&
                  !lvalue_field_value<std::nullptr_t>);
    idem::request asked;
    asked.with("cents", 5);
    asked.with("to", std::string("ann")).with("now", false).with("cents", 6);
    CHECK(asked.fingerprint() ==
          idem::request::json(R"({"cents":6,"to":"ann","now":false})").fingerprint());
}

TEST_CASE("a refused key or owner is named") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto why = [&](const idem::key_scope& in, const std::string& key) {
        return refusal([&] { store.keys().find(in, key); });
    };
    CHECK(why({"", "pay"}, "k") == "owner is empty");
    CHECK(why({"ann", ""}, "k") == "operation is empty");
    CHECK(why({"ann", "pay"}, "") == "key is empty");
    CHECK(refusal([&] {
              store.consumers().create("c", {.limit = 0});
          }).starts_with("limit is 0: give 1 to"));
}

TEST_CASE("an answer that gives nothing back says what to do") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    int runs = 0;
    charge(store, "k", 5, runs);
    const auto mismatch = charge(store, "k", 6, runs);
    CHECK(mismatch.outcome == key_outcome::key_mismatch);
    CHECK(mismatch.reason.find("ask the same as then") != std::string::npos);
    const auto ended = [&](const std::string& key, std::chrono::milliseconds horizon) {
        const auto work = [](idem::transaction&) { return "ok"; };
        const idem::key_options options{.keep_result = 0ms, .horizon = horizon};
        store.once(scope, key, amount(5), work, options);
        return store.once(scope, key, amount(5), work, options);
    };
    const auto expired = ended("expired", 1h);
    CHECK(expired.outcome == key_outcome::expired);
    CHECK(expired.reason.find("no longer") != std::string::npos);
    const auto old = ended("old", 0ms);
    CHECK(old.outcome == key_outcome::too_old);
    CHECK(old.reason.find("horizon") != std::string::npos);
}

TEST_CASE("requests are the same whatever the order of their fields and the spelling of values") {
    const auto json = [](const char* text) {
        return idem::request::json(text, {"sent_at"}).fingerprint();
    };
    CHECK(json(R"({"a":1,"b":"x"})") == json(R"({ "b": "\u0078", "a": 1.0, "sent_at": 5 })"));
    CHECK(json(R"({"a":1,"b":"x"})") == idem::request().with("b", "x").with("a", 1).fingerprint());
    CHECK(json(R"({"a":1})") != json(R"({"a":"1"})"));
    CHECK(json(R"({"a":1})") != json(R"({"b":1})"));
    CHECK(json(R"({"a":true})") == idem::request().with("a", true).fingerprint());
    CHECK(json(R"({"a":true})") != idem::request().with("a", 1).fingerprint());
    CHECK(json(R"({"a":9007199254740993})") != json(R"({"a":9007199254740992})"));
    CHECK_THROWS_AS(idem::request().with("a", "\xff"), idem::error);
    CHECK_THROWS_AS(idem::request().with("\xff", "a"), idem::error);
    CHECK_THROWS_AS(json("[1]"), idem::error);
    CHECK_THROWS_AS(json(R"({"a":1,"a":2})"), idem::error);
}

TEST_CASE("a rejection is as final as a result, and comes again as such") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    int runs = 0;
    const auto refuse = [&] {
        return store.once(scope, "k", amount(1), [&](idem::transaction&) {
            ++runs;
            return idem::command_result::reject("no funds");
        });
    };
    CHECK(refuse().outcome == key_outcome::rejected);
    const auto again = refuse();
    CHECK(again.outcome == key_outcome::rejected);
    CHECK(again.replayed);
    CHECK(again.result == "no funds");
    CHECK(runs == 1);
}

TEST_CASE("work that throws stores nothing, and a retry runs it") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto fails = [](idem::transaction& t) -> idem::command_result {
        t.append(numbered_event(1));
        throw std::runtime_error("the power went");
    };
    CHECK_THROWS_WITH(store.once(scope, "k", amount(1), fails), "the power went");
    CHECK(store.head() == 0);
    CHECK_FALSE(store.keys().find(scope, "k"));
    int runs = 0;
    CHECK(charge(store, "k", 1, runs).completed());
    CHECK(runs == 1);
}

TEST_CASE("work whose events are rejected stores nothing, and says why") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append(numbered_event(1));
    const auto answer = store.once(scope, "k", amount(1), [](idem::transaction& t) {
        auto e = numbered_event(1);
        e.data = "{}";
        t.append(std::move(e));
        return "ok";
    });
    CHECK(answer.outcome == key_outcome::not_appended);
    REQUIRE(answer.rejection);
    CHECK(answer.rejection->outcome == idem::outcome::id_conflict);
    CHECK_FALSE(store.keys().find(scope, "k"));
}

TEST_CASE("results of every kind are kept, and an empty or overlong key is refused") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const std::vector<std::string> results{"", "0", "false", std::string("\0\xff\x80", 3)};
    for (std::size_t i = 0; i < results.size(); ++i) {
        for (const bool again : {false, true}) {
            const auto answer = store.once(scope, std::to_string(i), {},
                                           [&](idem::transaction&) { return results[i]; });
            CHECK(answer.result == results[i]);
            CHECK(answer.replayed == again);
        }
    }
    const auto work = [](idem::transaction&) { return "x"; };
    CHECK_THROWS_AS(store.once(scope, "", {}, work), idem::error);
    CHECK_THROWS_AS(store.once(scope, std::string(4097, 'k'), {}, work), idem::error);
    CHECK_THROWS_AS(store.once({"", "op"}, "k", {}, work), idem::error);
    const auto large = [](idem::transaction&) { return std::string((128 << 10) + 1, 'r'); };
    CHECK_THROWS_AS(store.once(scope, "large", {}, large), idem::error);
    const std::string longest(4096, 'k');
    CHECK(store.once(scope, longest, {}, work).completed());
    CHECK(store.once(scope, longest, {}, work).replayed);
    CHECK_FALSE(store.once(scope, longest.substr(1) + "l", {}, work).replayed);
}

TEST_CASE("work decides on what stands when its events join the log") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    constexpr int threads = 8;
    constexpr int each = 25;
    std::vector<std::thread> all;
    for (int n = 0; n < threads; ++n) {
        all.emplace_back([&, n] {
            for (int i = 0; i < each; ++i) {
                const std::string key = std::to_string(n) + "/" + std::to_string(i);
                store.once(scope, key, {}, [](idem::transaction& t) {
                    const auto last = t.find_stream("counter");
                    auto e = numbered_event(last ? last->last_revision + 1 : 0, "counter");
                    t.append(std::move(e));
                    return "ok";
                });
            }
        });
    }
    for (auto& t : all) t.join();
    CHECK(store.find_stream("counter")->last_revision == threads * each - 1);
    CHECK(store.keys().stats().completed == threads * each);
}

TEST_CASE("threads race one key, and the work runs once") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    std::atomic<int> runs = 0;
    std::atomic<int> fresh = 0;
    std::vector<std::thread> all;
    for (int n = 0; n < 16; ++n) {
        all.emplace_back([&] {
            const auto answer = store.once(scope, "k", {}, [&](idem::transaction& t) {
                t.append(numbered_event(1));
                return std::to_string(++runs);
            });
            CHECK(answer.result == "1");
            if (!answer.replayed) ++fresh;
        });
    }
    for (auto& t : all) t.join();
    CHECK(runs == 1);
    CHECK(fresh == 1);
}

TEST_CASE("a transaction reads the events of those who share its commit") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const idem::stream_fold<std::uint64_t> count{
        "count", 1, [](std::uint64_t n, const idem::event_view&) { return n + 1; }};
    std::vector<std::thread> all;
    std::atomic<std::uint64_t> wrong = 0;
    for (int n = 0; n < 8; ++n) {
        all.emplace_back([&] {
            for (int i = 0; i < 50; ++i) {
                store.transact([&](idem::transaction& t) {
                    const auto so_far = t.fold(count, "counter");
                    std::uint64_t seen = 0;
                    t.read({.stream = "counter"}, [&](const idem::event_view&) { ++seen; });
                    if (seen != so_far.value) ++wrong;
                    auto e = numbered_event(so_far.value, "counter");
                    t.append(std::move(e));
                });
            }
        });
    }
    for (auto& t : all) t.join();
    CHECK(wrong == 0);
    CHECK(store.fold(count, "counter").value == 400);
}

TEST_CASE("a transaction reads rows of inline projections as of the last event") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto counts = idem::keyed_fold<std::string, std::uint64_t>("counts").on(
        "Happened", [](const idem::event_view& e) { return std::string(e.stream()); },
        [](std::uint64_t n, const idem::event_view&) { return n + 1; });
    store.run(counts, idem::projection_mode::inline_);
    std::vector<std::thread> all;
    for (int n = 0; n < 4; ++n) {
        all.emplace_back([&] {
            for (int i = 0; i < 25; ++i) {
                store.transact([&](idem::transaction& t) {
                    const auto n_so_far = t.row(counts, std::string("a")).value_or(0);
                    t.append(numbered_event(n_so_far, "a"));
                });
            }
        });
    }
    for (auto& t : all) t.join();
    CHECK(store.state(counts).find("a").row == 100);
}

TEST_CASE("keys travel with export and import, and are folded from the log alone") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    int runs = 0;
    charge(store, "k1", 100, runs, "charged");
    store.keys().claim(scope, "k2", amount(5));
    idem::store copy(folder / "copy.idem");
    std::vector<idem::event> all;
    store.read({}, [&](const idem::event_view& e) { all.push_back(e.to_owned()); });
    CHECK(copy.append(all).outcome() == idem::outcome::appended);
    CHECK(copy.append(all).outcome() == idem::outcome::duplicate);
    const auto again = charge(copy, "k1", 100, runs);
    CHECK(again.replayed);
    CHECK(again.result == "charged");
    CHECK(runs == 1);
    const auto a = store.keys().list();
    const auto b = copy.keys().list();
    REQUIRE(a.size() == b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        CHECK(a[i].id == b[i].id);
        CHECK(a[i].state == b[i].state);
        CHECK(a[i].expires == b[i].expires);
    }
    idem::event forged;
    forged.stream = "$keys";
    forged.type = "idem.KeyFinished";
    forged.data = R"({"key":"nonsense"})";
    CHECK_THROWS_AS(copy.append(forged), idem::error);
    CHECK(refusal([&] { copy.append(forged); }).find("names no key") != std::string::npos);
    CHECK(refusal([&] { copy.append(forged); }).find("store's own") != std::string::npos);
    forged.stream = "$others";
    CHECK_THROWS_AS(copy.append(forged), idem::error);
}

TEST_CASE("work may throw every code of error, and it is passed on after one run") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    int runs = 0;
    try {
        store.once(scope, "k", amount(1), [&](idem::transaction&) -> idem::command_result {
            if (++runs > 3) throw std::runtime_error("again and again");
            throw idem::error(idem::errc::map_full, "mine");
        });
        FAIL("passed");
    } catch (const idem::error& e) {
        CHECK(e.code() == idem::errc::map_full);
        CHECK(std::string(e.what()) == "mine");
    }
    CHECK(runs == 1);
    CHECK(store.append(numbered_event(1)).accepted());
    CHECK(charge(store, "k", 1, runs).completed());
}

TEST_CASE("a transaction appends to no stream of the store's own") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    idem::event e;  // such as an import brings
    e.stream = "$keys";
    e.type = "idem.KeyAbandoned";
    e.data = R"({"key":"00000000000000000000000000000000","fence":1,"reason":""})";
    CHECK_THROWS_AS(store.transact([&](idem::transaction& t) { t.append(e); }), idem::error);
    CHECK_THROWS_AS(store.transact([&](idem::transaction& t) { t.append(std::span(&e, 1)); }),
                    idem::error);
    CHECK(store.head() == 0);
    CHECK(store.append(e).accepted());
}
