// What an append condition promises: streams, events and rows on which a decision rests are as they
// were when the batch joins the log, or it does not join.
#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>

#include "idem/error.hpp"
#include "idem/store.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

namespace {

using idem::expected_revision;
using idem::outcome;

idem::event tagged(std::uint64_t number, const std::string& type, std::vector<std::string> tags) {
    auto e = numbered_event(number, "s" + std::to_string(number));
    e.type = type;
    e.tags = std::move(tags);
    return e;
}

// Events a to f at 1 to 6, as the suites of the Dynamic Consistency Boundary have them.
void fill(idem::store& to) {
    const std::vector<std::string> both{"baz:foos", "foo:bar"};
    const std::vector<std::string> one{"foo:bar"};
    to.append({tagged(1, "Some", both), tagged(2, "Other", one), tagged(3, "Some", one),
               tagged(4, "Third", both), tagged(5, "Some", both), tagged(6, "Other", both)});
}

struct condition_case {
    const char* name;
    idem::append_condition condition;
    outcome expected;
    std::uint64_t match = 0;
};

const idem::event_match some_foos{.types = {"Some"}, .tags = {"baz:foos"}};
const idem::event_match foos{.tags = {"baz:foos"}};

const std::vector<condition_case> cases{
    {"after its last match", {.unless = {some_foos}, .after = 5}, outcome::appended},
    {"after an older match", {.unless = {foos}, .after = 5}, outcome::condition_failed, 6},
    {"an older match of a type", {.unless = {some_foos}, .after = 1}, outcome::condition_failed, 5},
    {"no after", {.unless = {some_foos}}, outcome::condition_failed, 5},
    {"beyond the head", {.unless = {foos}, .after = 100}, outcome::appended},
    {"no match at all", {.unless = {{.tags = {"nobody"}}}}, outcome::appended},
    {"a type alone", {.unless = {{.types = {"Third"}}}}, outcome::condition_failed, 4},
    {"a type alone, after it", {.unless = {{.types = {"Third"}}}, .after = 4}, outcome::appended},
    {"either of two types",
     {.unless = {{.types = {"Third", "None"}}}},
     outcome::condition_failed,
     4},
    {"both of two tags",
     {.unless = {{.types = {"Other"}, .tags = {"foo:bar", "baz:foos"}}}},
     outcome::condition_failed,
     6},
    {"tags of which no event has both",
     {.unless = {{.tags = {"foo:bar", "nobody"}}}},
     outcome::appended},
    {"either of two matches",
     {.unless = {{.tags = {"nobody"}}, {.types = {"Third"}}}},
     outcome::condition_failed,
     4},
};

}  // namespace

TEST_CASE("events that match behind a position stand against a batch, before and after a reopen") {
    for (const bool reopen : {false, true}) {
        for (const auto& c : cases) {
            CAPTURE(c.name);
            CAPTURE(reopen);
            const scratch_folder folder;
            auto store = std::make_unique<idem::store>(folder / "s.idem");
            fill(*store);
            if (reopen) store.reset();
            if (reopen) store = std::make_unique<idem::store>(folder / "s.idem");
            const auto fresh = tagged(7, "Some", {"foo:bar"});
            const auto result = store->append({&fresh, 1}, c.condition);
            CHECK(result.outcome() == c.expected);
            CHECK(store->head() == (c.expected == outcome::appended ? 7 : 6));
            if (c.match != 0) {
                REQUIRE(result.rejection);
                CHECK(result.rejection->match == c.match);
                CHECK(result.rejection->message().find(std::to_string(c.match)) !=
                      std::string::npos);
            }
        }
    }
}

TEST_CASE("events are read by tags and types, in both directions, before and after a reopen") {
    const scratch_folder folder;
    auto store = std::make_unique<idem::store>(folder / "s.idem");
    fill(*store);
    const auto read = [&](const idem::query& select) {
        std::vector<std::uint64_t> found;
        store->read(select, [&](const idem::event_view& e) { found.push_back(e.position()); });
        return found;
    };
    using positions = std::vector<std::uint64_t>;
    for (const bool reopen : {false, true}) {
        CAPTURE(reopen);
        if (reopen) store.reset();
        if (reopen) store = std::make_unique<idem::store>(folder / "s.idem");
        CHECK(read({.tags = {"baz:foos"}}) == positions{1, 4, 5, 6});
        CHECK(read({.types = {"Some"}, .tags = {"baz:foos"}}) == positions{1, 5});
        const auto back = idem::direction::backwards;
        CHECK(read({.to = 4, .direction = back, .limit = 3}) == positions{4, 3, 2});
        CHECK(read({.to = 4, .tags = {"foo:bar"}, .direction = back, .limit = 3}) ==
              positions{4, 3, 2});
        CHECK(read({.tags = {"baz:foos", "foo:bar"}, .direction = back}) == positions{6, 5, 4, 1});
        CHECK(read({.from = 2, .to = 5, .tags = {"baz:foos"}}) == positions{4, 5});
        CHECK(read({.tags = {"nobody"}}).empty());
        CHECK(read({.tags = {"baz:foos", "nobody"}}).empty());
    }
}

TEST_CASE("a batch that is known is a duplicate, whatever its condition says by now") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto fresh = tagged(7, "Some", {"baz:foos"});
    const idem::append_condition condition{.streams = {{"s7", expected_revision::no_stream()}},
                                           .unless = {foos}};
    CHECK(store.append({&fresh, 1}, condition).outcome() == outcome::appended);
    CHECK(store.append(fresh, condition).outcome() == outcome::duplicate);
    const std::vector mixed{fresh, tagged(8, "Some", {})};
    const auto result = store.append(mixed, condition);
    CHECK(result.outcome() == outcome::partial_duplicate);
    REQUIRE(result.rejection->known.size() == 1);
    CHECK(result.rejection->known[0].position == 1);
}

TEST_CASE("a batch can rest on streams that it does not write to") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append({numbered_event(1, "a"), numbered_event(2, "a"), numbered_event(3, "b")});
    const std::vector batch{numbered_event(4, "b"), numbered_event(5, "c")};
    const auto at = [](std::uint64_t last) { return expected_revision::exactly(last); };
    const auto wrong = store.append(batch, {.streams = {{"b", at(0)}, {"a", at(0)}}});
    CHECK(wrong.outcome() == outcome::wrong_revision);
    CHECK(wrong.rejection->stream == "a");
    CHECK(wrong.rejection->actual == 1);
    CHECK(store.append(batch, {.streams = {{"a", expected_revision::no_stream()}}}).outcome() ==
          outcome::wrong_revision);
    const auto right = store.append(
        batch, {.streams = {{"b", at(0)}, {"a", at(1)}, {"c", expected_revision::no_stream()}}});
    CHECK(right.outcome() == outcome::appended);
    CHECK(store.head() == 5);
}

TEST_CASE("a batch can rest on a row of an inline projection") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto counts = idem::keyed_fold<std::string, std::uint64_t>("counts").on(
        "Happened", [](const idem::event_view& e) { return std::string(e.stream()); },
        [](std::uint64_t n, const idem::event_view&) { return n + 1; });
    using row = std::optional<std::uint64_t>;
    const auto append = [&](std::uint64_t number, const row& read) {
        const auto e = numbered_event(number, "a");
        return store.append({&e, 1}, {.rows = {row_is(counts, std::string("a"), read)}});
    };
    CHECK_THROWS_AS(append(1, row()), idem::error);  // it does not run here
    store.run(counts, idem::projection_mode::inline_);
    CHECK(append(1, row()).outcome() == outcome::appended);
    const auto stale = append(2, row());
    CHECK(stale.outcome() == outcome::condition_failed);
    CHECK(stale.rejection->projection == "counts");
    CHECK(append(2, row(1)).outcome() == outcome::appended);
    CHECK(store.state(counts).find("a").row == 2);
}

TEST_CASE("of writers that saw the same, one appends") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    constexpr int rounds = 20;
    constexpr int writers = 8;
    for (int round = 0; round < rounds; ++round) {
        const std::string tag = "round:" + std::to_string(round);
        std::atomic<int> appended = 0;
        std::atomic<int> failed = 0;
        std::vector<std::thread> threads;
        for (int w = 0; w < writers; ++w) {
            threads.emplace_back([&, w] {
                const auto e = tagged(1000 + round * writers + w, "Some", {tag});
                const auto result = store.append({&e, 1}, {.unless = {{.tags = {tag}}}});
                ++(result.outcome() == outcome::appended ? appended : failed);
            });
        }
        for (auto& t : threads) t.join();
        CHECK(appended == 1);
        CHECK(failed == writers - 1);
    }
}

TEST_CASE("a condition that says nothing, or too much, is refused before anything is written") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto e = numbered_event(1);
    const std::vector<idem::append_condition> refused{
        {.unless = {idem::event_match{}}},
        {.after = 3},
        {.unless = {{.tags = {""}}}},
        {.unless = {{.types = {std::string(256, 'x')}}}},
        {.streams = {{"", expected_revision::no_stream()}}},
        {.unless = std::vector<idem::event_match>(257, foos)},
        {.rows = {{.projection = "counts"}}},
    };
    for (const auto& condition : refused) {
        try {
            store.append({&e, 1}, condition);
            FAIL("was not refused");
        } catch (const idem::error& fault) {
            CHECK(fault.code() == idem::errc::invalid_input);
            CHECK_FALSE(fault.place().field.empty());
        }
    }
    CHECK(store.head() == 0);
}
