#include <doctest/doctest.h>

#include <thread>

#include "idem/store.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

namespace {

using idem::direction;
using positions = std::vector<std::uint64_t>;

positions read(const idem::store& store, const idem::query& select) {
    positions found;
    store.read(select, [&](const idem::event_view& e) { found.push_back(e.position()); });
    return found;
}

positions read_by_pages(const idem::store& store, const idem::query& select) {
    positions found;
    for (std::optional<idem::query> next = select; next;) {
        const auto page = store.read_page(*next);
        for (const auto& e : page.events) found.push_back(e.position);
        next = page.next;
    }
    return found;
}

// Six events: types a,c,e Some; b,f Other; d Third. Tags: b,c foo:bar; the rest foo:bar and
// baz:foos.
idem::store six_events(const std::filesystem::path& folder) {
    idem::store store(folder);
    const char* const types[] = {"Some", "Other", "Some", "Third", "Some", "Other"};
    std::vector<idem::event> batch;
    for (std::uint64_t i = 0; i < 6; ++i) {
        idem::event e = numbered_event(i, i % 2 ? "odd" : "even");
        e.type = types[i];
        e.tags = {"foo:bar"};
        if (i != 1 && i != 2) e.tags.push_back("baz:foos");
        e.time = idem::timestamp(std::chrono::seconds(100 * i));
        e.correlation_id = i < 3 ? "first" : "second";
        batch.push_back(e);
    }
    store.append(batch);
    return store;
}

}  // namespace

TEST_CASE("queries select by type, tag, correlation, time and stream") {
    const scratch_folder folder;
    const idem::store store = six_events(folder / "s.idem");
    CHECK(read(store, {}) == positions{1, 2, 3, 4, 5, 6});
    CHECK(read(store, {.tags = {"baz:foos"}}) == positions{1, 4, 5, 6});
    CHECK(read(store, {.types = {"Some"}, .tags = {"baz:foos"}}) == positions{1, 5});
    CHECK(read(store, {.types = {"Other", "Third"}}) == positions{2, 4, 6});
    CHECK(read(store, {.tags = {"foo:bar", "baz:foos"}}) == positions{1, 4, 5, 6});
    CHECK(read(store, {.tags = {"baz:foo"}}).empty());
    CHECK(read(store, {.correlation_id = "second"}) == positions{4, 5, 6});
    CHECK(read(store, {.since = idem::timestamp(std::chrono::seconds(200)),
                       .until = idem::timestamp(std::chrono::seconds(400))}) == positions{3, 4});
    CHECK(read(store, {.stream = "odd"}) == positions{2, 4, 6});
    CHECK(read(store, {.stream = "odd", .from_revision = 1}) == positions{4, 6});
    CHECK(read(store, {.stream = "odd", .types = {"Other"}}) == positions{2, 6});
    CHECK(read(store, {.stream = "od"}).empty());
    CHECK(read(store, {.stream = "odd2"}).empty());
    CHECK_THROWS_AS(read(store, {.from_revision = 1}), idem::error);
}

TEST_CASE("ranges go both ways and end where they should") {
    const scratch_folder folder;
    const idem::store store = six_events(folder / "s.idem");
    CHECK(read(store, {.from = 2, .to = 4}) == positions{2, 3, 4});
    CHECK(read(store, {.from = 0, .to = 1}) == positions{1});
    CHECK(read(store, {.from = 5, .to = 99}) == positions{5, 6});
    CHECK(read(store, {.from = 7}).empty());
    CHECK(read(store, {.from = 4, .to = 3}).empty());
    CHECK(read(store, {.to = 4, .direction = direction::backwards, .limit = 3}) ==
          positions{4, 3, 2});
    CHECK(read(store, {.direction = direction::backwards}) == positions{6, 5, 4, 3, 2, 1});
    CHECK(read(store, {.from = 3, .direction = direction::backwards}) == positions{6, 5, 4, 3});
    CHECK(read(store, {.to = 0, .direction = direction::backwards}).empty());
    CHECK(read(store, {.limit = 0}).empty());
    CHECK(read(store, {.limit = 2}) == positions{1, 2});
    CHECK(read(store, {.to = 5, .stream = "odd", .direction = direction::backwards}) ==
          positions{4, 2});
    CHECK(read(store, {.to = 1, .stream = "odd", .direction = direction::backwards}).empty());
    CHECK(read(store, {.stream = "even", .from_revision = 1, .direction = direction::backwards}) ==
          positions{5, 3});
    CHECK(read(store, {.from = 3, .stream = "odd"}) == positions{4, 6});
    CHECK(read(store, {.from = 2, .to = 2, .stream = "odd"}) == positions{2});
    const idem::store empty(folder / "e.idem");
    CHECK(read(empty, {}).empty());
    CHECK(read(empty, {.direction = direction::backwards}).empty());
    CHECK(read(empty, {.stream = "odd", .direction = direction::backwards}).empty());
}

TEST_CASE("a long read does not keep old snapshots: no more of them than one slice lasts") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    std::vector<idem::event> batch;
    for (std::uint64_t i = 0; i < 10'000; ++i) batch.push_back(numbered_event(i));
    store.append(batch);
    constexpr std::uint64_t between = 50;  // events, from one commit to the next
    std::uint64_t commits = 0;
    std::uint64_t oldest = 0;
    store.read({.to = 10'000}, [&](const idem::event_view& e) {
        if (e.position() % between != 0) return;
        std::thread([&] { store.append(numbered_event(10'000 + ++commits)); }).join();
        oldest = std::max(oldest, store.stats().oldest_reader_lag);
    });
    CHECK(commits == 200);
    CHECK(oldest > 0);
    CHECK(oldest <= 4096 / between + 1);
}

TEST_CASE("pages put together are the whole, for every selection and direction") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    for (std::uint64_t i = 0; i < 10; ++i) {
        std::vector<idem::event> batch;
        for (std::uint64_t k = 0; k < 1000; ++k) {
            idem::event e = numbered_event(i * 1000 + k, k % 3 ? "common" : "third");
            e.data = "\"" + std::string(400, 'x') + "\"";
            batch.push_back(e);
        }
        store.append(batch);
    }
    for (const auto way : {direction::forwards, direction::backwards}) {
        for (const auto& stream :
             {std::optional<std::string>(), std::optional<std::string>("third")}) {
            const idem::query all{.from = 17, .to = 9900, .stream = stream, .direction = way};
            const positions whole = read(store, all);
            CHECK(whole.size() > 3000);
            CHECK(read_by_pages(store, all) == whole);
            idem::query some = all;
            some.limit = 2500;
            CHECK(read_by_pages(store, some).size() == 2500);
        }
    }
}

TEST_CASE("an event is found by id and by position with everything it was given") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    idem::event e = numbered_event(1);
    e.data = R"({"ü": 1})";
    e.tags = {"z", "a"};
    e.time = idem::timestamp(std::chrono::nanoseconds(-5));
    e.correlation_id = "c";
    e.causation_id = "d";
    e.metadata = {{"k2", "v"}, {"k1", ""}, {"k2", "again"}};
    e.schema_version = 7;
    const auto result = store.append({numbered_event(9), e});
    const auto found = store.find(e.id);
    REQUIRE(found);
    idem::event expected = e;
    expected.tags = {"a", "z"};
    CHECK(static_cast<const idem::event&>(*found) == expected);
    CHECK(found->position == 2);
    CHECK(found->revision == 1);
    CHECK(found->stamp.counter == 2);
    CHECK(store.at(2) == found);
    CHECK_FALSE(store.at(0));
    CHECK_FALSE(store.at(3));
    CHECK_FALSE(store.find(numbered_id(3)));
    CHECK(store.at(1)->time.has_value());  // given by the store
}

TEST_CASE("stamps rise with the log, across reopens") {
    const scratch_folder folder;
    idem::stamp last;
    for (int round = 0; round < 3; ++round) {
        idem::store store(folder / "s.idem");
        for (std::uint64_t i = 0; i < 5; ++i) {
            store.append(numbered_event(static_cast<std::uint64_t>(round) * 5 + i));
            const auto stamp = store.at(store.head())->stamp;
            CHECK(stamp.counter == last.counter + 1);
            CHECK(stamp.clock > last.clock);
            if (last.counter) CHECK(stamp.origin == last.origin);
            last = stamp;
        }
    }
}

TEST_CASE("streams are listed by name, page by page, however alike their names") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const std::vector<std::string> names{"a", "a b", "ab", "b", "b\xc3\xbc", std::string(255, 'z')};
    for (std::uint64_t i = 0; i < 30; ++i) store.append(numbered_event(i, names[i % names.size()]));
    std::vector<std::string> listed;
    for (std::string after;;) {
        const auto page = store.streams(after, 2);
        for (const auto& s : page) {
            listed.push_back(s.name);
            CHECK(s.last_revision == 4);
        }
        if (page.size() < 2) break;
        after = page.back().name;
    }
    CHECK(listed == names);
    CHECK(store.find_stream("a")->last_position == 25);
    CHECK_FALSE(store.find_stream("c"));
    CHECK(store.stats().streams == names.size());
}

TEST_CASE("types are counted by schema version") {
    const scratch_folder folder;
    const idem::store store = six_events(folder / "s.idem");
    const auto types = store.types();
    REQUIRE(types.size() == 3);
    CHECK(types[0].type == "Other");
    CHECK(types[0].events == 2);
    CHECK(types[1].events == 3);
}

TEST_CASE("a follower sees what is there and what comes, from this handle and another") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    idem::store other(folder / "s.idem");
    store.append(numbered_event(0));
    positions seen;
    std::thread follower([&] {
        store.follow({.select = {.stream = "stream"}}, [&](const idem::recorded_event& e) {
            seen.push_back(e.position);
            return seen.size() < 21;
        });
    });
    for (std::uint64_t i = 1; i <= 20; ++i) {
        (i % 2 ? store : other).append({numbered_event(i), numbered_event(100 + i, "elsewhere")});
    }
    follower.join();
    REQUIRE(seen.size() == 21);
    CHECK(seen[20] == 40);
}

TEST_CASE("a waiting follower can be stopped") {
    const scratch_folder folder;
    const idem::store store(folder / "s.idem");
    std::stop_source stop;
    std::uint64_t covered = 99;
    std::thread follower([&] {
        covered = store.follow({.stop = stop.get_token()}, [](const auto&) { return true; });
    });
    stop.request_stop();
    follower.join();
    CHECK(covered == 0);
    CHECK(store.follow({.wait = false}, [](const auto&) { return true; }) == 0);
}
