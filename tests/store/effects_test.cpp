// Effects: declared with their event, once, whatever comes again.
#include "idem/effects.hpp"

#include <doctest/doctest.h>

#include <set>
#include <stdexcept>
#include <thread>

#include "clocked_store.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"

using namespace std::chrono_literals;
using idem::effect_outcome;
using idem::effect_state;

namespace {

idem::effect_rule mail_rule() {
    return {"welcome", {"Happened"}, [](const idem::event_view& e, idem::effect_sink& sink) {
                sink.declare(mail(std::string(e.data())));
            }};
}

std::vector<idem::event> whole_log(const idem::store& s) {
    std::vector<idem::event> all;
    s.read({}, [&](const idem::event_view& e) { all.push_back(e.to_owned()); });
    return all;
}

}  // namespace

TEST_CASE("an effect's id follows from event, name and index, and from nothing else") {
    clocked_store s;
    std::vector<idem::uuid> ids;
    const auto receipts = s->transact([&](idem::transaction& t) {
        ids.clear();
        t.append(numbered_event(1));
        t.append(numbered_event(2));
        ids.push_back(t.declare(numbered_id(1), mail("a")));
        ids.push_back(t.declare(numbered_id(1), mail("a")));
        ids.push_back(t.declare(numbered_id(2), mail("a")));
    });
    CHECK(ids[0] == idem::effect_id(numbered_id(1), "mail", 0));
    CHECK(ids[1] == idem::effect_id(numbered_id(1), "mail", 1));
    CHECK(ids[2] == idem::effect_id(numbered_id(2), "mail"));
    CHECK(ids[0].version() == 5);
    CHECK(std::set<idem::uuid>(ids.begin(), ids.end()).size() == 3);
    CHECK(receipts.receipts.size() == 2);
    CHECK(s->head() == 5);
    CHECK(s->find(ids[1])->causation_id == to_string(numbered_id(1)));
}

TEST_CASE("an effect is declared with its event or not at all") {
    clocked_store s;
    CHECK_THROWS_AS(declare(*s, 1, {}), idem::error);
    auto large = mail(std::string(idem::limits::result_bytes_max + 1, 'x'));
    CHECK_THROWS_AS(declare(*s, 1, large), idem::error);
    auto never = mail();
    never.attempts_max = 0;
    CHECK_THROWS_AS(declare(*s, 1, never), idem::error);
    CHECK_THROWS_AS(s->transact([](idem::transaction& t) { t.declare(numbered_id(1), mail()); }),
                    idem::error);
    s->append(numbered_event(1));
    CHECK_THROWS_AS(s->transact([](idem::transaction& t) {
        t.append(numbered_event(2));
        t.declare(numbered_id(1), mail());
    }),
                    idem::error);
    CHECK(s->head() == 1);
    CHECK(s.effects().stats().due == 0);
}

TEST_CASE("payloads and results of every kind of bytes come out as they went in") {
    clocked_store s;
    const std::vector<std::string> all{"", "0", std::string("\0\xff\x80", 3), "\n\"\\",
                                       std::string(idem::limits::result_bytes_max, '\x01')};
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto id = declare(*s, i, mail(all[i]));
        CHECK(s.effects().find(id)->payload == all[i]);
        s.effects().dispatch(
            [](const idem::effect_delivery& d) { return effect_outcome::done(d.payload + "x"); });
        const auto done = s.effects().find(id);
        CHECK(done->state == effect_state::done);
        CHECK(done->payload == "");
        CHECK(done->result == (all[i] + "x").substr(0, idem::limits::result_bytes_max));
    }
    CHECK(s.effects().stats().payload_bytes == 0);
}

TEST_CASE("no repetition, import, replay, rebuild or restore makes an effect a second time") {
    clocked_store s;
    s->run(mail_rule());
    recorder sent;
    const std::vector<idem::event> batch{numbered_event(1), numbered_event(2)};
    const auto first = s->append(batch);
    CHECK(first.receipts.size() == 2);
    CHECK(s.effects().dispatch(sent.handler()).done == 2);
    CHECK(s->append(batch).outcome() == idem::outcome::duplicate);
    CHECK(s->append(batch).receipts == s->append(batch).receipts);
    declare(*s, 2, mail());  // with the event that is known by now
    CHECK(s.effects().list().size() == 2);

    s.open();
    s->run(mail_rule());
    const auto counts = idem::keyed_fold<std::string, std::uint64_t>("counts").on(
        "Happened", [](const idem::event_view& e) { return std::string(e.stream()); },
        [](std::uint64_t n, const idem::event_view&) { return n + 1; });
    s->run(counts);
    s->rebuild(counts);
    s->replay(counts);
    CHECK(s.effects().stats().done == 2);
    CHECK(s.effects().dispatch(sent.handler()).attempts == 0);

    const auto log = whole_log(*s);
    idem::store copy(s.folder / "copy.idem", s.with_clock());
    copy.run(mail_rule());  // though it runs there too, what comes with the batch is the same
    copy.append(log);
    CHECK(copy.append(log).outcome() == idem::outcome::duplicate);
    CHECK(copy.head() == s->head());
    s->backup(s.folder / "backup.idem");
    idem::restore(s.folder / "backup.idem", s.folder / "restored.idem");
    idem::store restored(s.folder / "restored.idem", s.with_clock());
    for (idem::store* other : {&copy, &restored}) {
        CHECK(other->effects().stats().done == 2);
        CHECK(other->effects().stats().due == 0);
        CHECK(other->effects().dispatch(sent.handler()).attempts == 0);
        CHECK(other->effects().find(idem::effect_id(numbered_id(1), "mail"))->result == "sent");
    }
    CHECK(sent.seen.size() == 2);
}

TEST_CASE("rules are asked for events that are new, and reject a batch by a throw") {
    clocked_store s;
    s->append(numbered_event(1));
    s->run(mail_rule());
    s->run({"fails", {}, [](const idem::event_view& e, idem::effect_sink&) {
                if (e.type() == "Bad") throw std::runtime_error("no");
            }});
    CHECK_THROWS_AS(s->run(mail_rule()), idem::error);
    CHECK_THROWS_AS(s->run(idem::effect_rule{"empty", {}, {}}), idem::error);
    const auto mixed = s->append({numbered_event(1), numbered_event(2)});
    REQUIRE(mixed.receipts.size() == 2);
    CHECK(mixed.receipts[0].outcome == idem::outcome::duplicate);
    CHECK(mixed.receipts[1].position == 2);
    CHECK(s.effects().list().size() == 1);
    CHECK(s.effects().find(idem::effect_id(numbered_id(2), "mail"))->payload ==
          numbered_event(2).data);

    auto bad = numbered_event(4);
    bad.type = "Bad";
    const auto head = s->head();
    CHECK_THROWS_AS(s->append({numbered_event(3), bad}), idem::error);
    CHECK(s->head() == head);
    CHECK(s.effects().list().size() == 1);

    // A condition is of the caller's events; a rejected batch declares nothing.
    CHECK(s->append(numbered_event(5), idem::expected_revision::exactly(0)).rejection);
    CHECK(s->append(numbered_event(5), idem::expected_revision::exactly(1)).accepted());
    CHECK(s->append(numbered_event(5), idem::expected_revision::exactly(1)).outcome() ==
          idem::outcome::duplicate);
    CHECK(s.effects().stats().due == 2);
    CHECK(s->find_stream("stream")->last_revision == 2);
}

TEST_CASE("a rule, a transaction and a key declare the same effect of an event but once") {
    clocked_store s;
    s->run(mail_rule());
    const auto answer = s->once({"me", "order"}, "k", {}, [](idem::transaction& t) {
        t.append(numbered_event(1));
        t.declare(numbered_id(1), mail("by hand"));
        auto other = mail("other");
        other.name = "invoice";
        t.declare(numbered_id(1), other);
        return "ok";
    });
    CHECK(answer.receipts.size() == 1);
    CHECK(s.effects().list().size() == 2);
    CHECK(s.effects().find(idem::effect_id(numbered_id(1), "mail"))->payload == "by hand");
    auto work = s->keys().claim({"me", "order"}, "leased", {});
    REQUIRE(work.lease);
    const auto ended = work.lease->complete_with("ok", [](idem::transaction& t) {
        t.append(numbered_event(2, "leased"));
        t.declare(numbered_id(2), mail("at the end of a lease"));
    });
    CHECK(ended.completed());
    CHECK(ended.receipts.size() == 1);
    CHECK(s.effects().find(idem::effect_id(numbered_id(2), "mail"))->payload ==
          "at the end of a lease");
    const auto again =
        s->once({"me", "order"}, "k", {}, [](idem::transaction&) { return "never"; });
    CHECK(again.replayed);
    CHECK(again.receipts.size() == 1);
    CHECK(s.effects().stats().due == 3);
}

TEST_CASE("threads append under a rule, and each event has its effect") {
    clocked_store s;
    s->run(mail_rule());
    std::vector<std::thread> all;
    for (std::uint64_t n = 0; n < 8; ++n) {
        all.emplace_back([&, n] {
            for (std::uint64_t i = 0; i < 50; ++i) {
                const std::uint64_t number = n * 25 + i;
                const auto r = s->append(numbered_event(number, "s" + std::to_string(number % 3)));
                CHECK(r.receipts.size() == 1);
            }
        });
    }
    for (auto& t : all) t.join();
    CHECK(s.effects().stats().due == 225);  // of two threads each, but for the first and the last
    CHECK(s->head() == 450);
    for (std::uint64_t i = 0; i < 225; ++i) {
        CHECK(s.effects().find(idem::effect_id(numbered_id(i), "mail")));
    }
}

TEST_CASE("persons settle what the state allows, and are told where it does not") {
    clocked_store s;
    const auto id = declare(*s, 1, mail());
    CHECK_THROWS_AS(s.effects().resume(id, "x"), idem::error);
    CHECK_THROWS_AS(s.effects().compensate(id, "x"), idem::error);
    CHECK_THROWS_AS(s.effects().discard(numbered_id(9), "x"), idem::error);
    s.effects().mark_done(id, "by hand");
    CHECK(s.effects().find(id)->result == "by hand");
    CHECK_THROWS_AS(s.effects().discard(id, "x"), idem::error);
    CHECK_THROWS_AS(s.effects().mark_done(id, "x"), idem::error);
    s.effects().compensate(id, "sent an apology");
    CHECK(state_of(s, id) == effect_state::compensated);
    CHECK(s.effects().find(id)->reason == "sent an apology");
    recorder sent;
    CHECK(s.effects().dispatch(sent.handler()).attempts == 0);
    const auto stats = s.effects().stats();
    CHECK(stats.compensated == 1);
    CHECK(stats.due + stats.done == 0);
}

TEST_CASE("finished effects are swept in bounded steps, and never come back") {
    clocked_store s;
    constexpr std::uint64_t count = 25;
    recorder sent;
    for (std::uint64_t i = 0; i < count; ++i) declare(*s, i, mail());
    s.effects().dispatch(sent.handler());
    const auto log = whole_log(*s);
    const auto open = declare(*s, 100, mail());
    CHECK(s.effects().sweep({.keep = 1h}).forgotten == 0);
    s.pass(2h);
    CHECK(s.effects().sweep({.keep = 1h}).forgotten == 0);  // nothing was appended meanwhile
    s->append(numbered_event(200));
    const auto first = s.effects().sweep({.limit = 10, .keep = 1h});
    CHECK(first.forgotten == 10);
    CHECK(first.more);
    CHECK(s.effects().sweep({.limit = 10, .keep = 1h}).forgotten == 10);
    CHECK_FALSE(s.effects().sweep({.limit = 10, .keep = 1h}).more);
    CHECK(s.effects().stats().done == 0);
    CHECK(s.effects().stats().result_bytes == 0);
    CHECK(s.effects().list().size() == 1);
    CHECK(s->append(log).outcome() == idem::outcome::duplicate);
    for (std::uint64_t i = 0; i < count; ++i) declare(*s, i, mail());
    CHECK(s.effects().list().size() == 1);
    CHECK(s.effects().dispatch(sent.handler()).attempts == 1);
    CHECK(sent.seen.back().id == open);
    CHECK(sent.seen.size() == count + 1);
}

TEST_CASE("a sweep that says it is later than it is forgets no effect ahead of time") {
    clocked_store s;
    const auto id = declare(*s, 1, mail());
    s.effects().discard(id, "x");
    idem::event sweep;
    sweep.stream = "$effects";
    sweep.type = "idem.EffectDiscarded";
    const auto other = declare(*s, 2, mail());
    const std::string later = std::to_string(s.now_ms() + 4'000'000'000'000);
    sweep.data = R"({"effect":")" + to_string(other) + R"(","fence":0,"at":)" + later + "}";
    s->append(sweep);
    sweep.id = idem::make_uuid_v7();
    sweep.type = "idem.EffectsSwept";
    sweep.data = R"({"until":18446744073709551615,"limit":18446744073709551615})";
    s->append(sweep);
    CHECK_FALSE(s.effects().find(id));
    CHECK(s.effects().find(other));
}

TEST_CASE("texts of effects that are longer than the store writes them are refused") {
    clocked_store s;
    const auto id = declare(*s, 1, mail());
    const auto refused = [&](const std::string& type, const std::string& member) {
        idem::event e;
        e.stream = "$effects";
        e.type = type;
        e.data = R"({"effect":")" + to_string(id) + R"(","fence":0,")" + member + R"(":")" +
                 std::string(140'000, 'x') + "\"}";
        CHECK_THROWS_AS(s->append(e), idem::error);
    };
    refused("idem.EffectDone", "result");
    refused("idem.EffectDiscarded", "reason");
}

TEST_CASE("events that contradict, or that nobody can have made, have no effect") {
    clocked_store s;
    const auto id = declare(*s, 1, mail());
    const auto append = [&](const std::string& type, const std::string& data) {
        idem::event e;
        e.stream = "$effects";
        e.type = type;
        e.data = data;
        return s->append(e).outcome();
    };
    const auto of = [&](int fence) {
        return R"({"effect":")" + to_string(id) + R"(","fence":)" + std::to_string(fence) +
               R"(,"leased_until":5,"due":5,"at":5,"result":"x","reason":"r"})";
    };
    const auto ok = idem::outcome::appended;
    CHECK(append("idem.EffectAttempted", of(3)) == ok);    // not the next attempt
    CHECK(append("idem.EffectDone", of(1)) == ok);         // of an attempt that there was not
    CHECK(append("idem.EffectFailed", of(0)) == ok);       // likewise
    CHECK(append("idem.EffectResumed", of(0)) == ok);      // it does not stand still
    CHECK(append("idem.EffectCompensated", of(0)) == ok);  // it is not done
    const auto unchanged = s.effects().find(id);
    CHECK(unchanged->state == effect_state::due);
    CHECK(unchanged->attempt == 0);
    // A declaration under an id that is not its own would be a second effect of the same.
    const auto declared = s->find(id);
    CHECK(append("idem.EffectDeclared", declared->data) == ok);
    CHECK(s.effects().list().size() == 1);
    CHECK_THROWS_AS(append("idem.EffectDone", R"({"fence":1})"), idem::error);
    CHECK_THROWS_AS(append("idem.EffectDone", R"({"effect":")" + to_string(id) + R"("})"),
                    idem::error);
    CHECK_THROWS_AS(append("idem.EffectSent", of(0)), idem::error);
    CHECK_THROWS_AS(append("idem.EffectDeclared", R"({"event":"x"})"), idem::error);
    recorder sent;
    CHECK(s.effects().dispatch(sent.handler()).done == 1);
    const auto log = whole_log(*s);
    idem::store copy(s.folder / "copy.idem", s.with_clock());
    for (const auto& e : log) copy.append(e);
    CHECK(copy.effects().find(id)->state == effect_state::done);
    CHECK(copy.effects().stats().done == 1);
}

TEST_CASE(
    "an event of another kind that has an effect's id is told, and does not hide the effect") {
    clocked_store s;
    auto squatter = numbered_event(7);
    squatter.id = idem::effect_id(numbered_id(1), "mail");
    s->append(squatter);
    try {
        declare(*s, 1, mail());
        FAIL("declared");
    } catch (const idem::error& e) {
        CHECK(e.code() == idem::errc::invalid_input);
        CHECK(std::string(e.what()).find(to_string(squatter.id)) != std::string::npos);
        CHECK(std::string(e.what()).find("position 1 ") != std::string::npos);
    }
    s->run({"all", {}, [](const idem::event_view&, idem::effect_sink& sink) {
                sink.declare(mail());
            }});
    CHECK_THROWS_AS(s->append(numbered_event(1)), idem::error);
    CHECK(s->head() == 1);
    CHECK_FALSE(s->find(numbered_id(1)));
}
