// What a store knows of schemas changes while it is used: each event is checked by the schemas of
// the log that it joins, and rows are made by one knowledge or not at all.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "bank_events.hpp"
#include "error_code.hpp"

namespace {

constexpr const char* by_2 = R"({"type":"T","from":1,"do":[{"scale":"x","by":2}]})";
constexpr const char* by_100 = R"({"type":"T","from":1,"do":[{"scale":"x","by":100}]})";

idem::event of_t(std::uint64_t number, const std::string& data = R"({"x":1})") {
    auto e = numbered_event(number, "s");
    e.type = "T";
    e.data = data;
    return e;
}

// All data of T, one after the other, in one row.
idem::projection lister() {
    idem::projection p;
    p.name = "lister";
    p.reads_json = true;
    p.apply = [](const idem::event_view& e, idem::state_table& table) {
        if (e.type() != "T") return;
        const auto row = table.find("all");
        table.put("all", (row ? std::string(*row) : "") + std::string(e.data()) + ";");
    };
    return p;
}

}  // namespace

TEST_CASE("no payload gets in behind the registration of a schema that it does not fit") {
    for (std::uint64_t round = 0; round < 5; ++round) {
        scratch_folder folder;
        idem::store store(folder / "s.idem");
        std::atomic<bool> go = false;
        std::vector<std::thread> threads;
        for (std::uint64_t t = 0; t < 3; ++t) {
            threads.emplace_back([&, t] {
                while (!go) std::this_thread::yield();
                for (std::uint64_t i = 0; i < 40; ++i) {
                    try {
                        store.append(of_t(t * 1000 + i, R"({"nonsense":[1,2]})"));
                    } catch (const idem::error&) {
                        break;  // refused from now on
                    }
                }
            });
        }
        go = true;
        store.add_schema(idem::schema::from_text("table T { x:int; }"));
        for (auto& thread : threads) thread.join();
        const auto registered = store.schemas().types().at(0).position;
        std::uint64_t behind = 0;
        store.read({.from = registered, .types = {"T"}}, [&](const auto&) { ++behind; });
        CHECK(behind == 0);
    }
}

TEST_CASE("an upcaster that is replaced stops who has read through the old one, until a rebuild") {
    for (const auto mode : {idem::projection_mode::inline_, idem::projection_mode::manual}) {
        scratch_folder folder;
        idem::store store(folder / "s.idem");
        store.add_upcasters(by_2);
        store.run(lister(), mode);
        store.append(of_t(1));
        store.catch_up("lister");
        store.add_upcasters(by_100);
        store.append(of_t(2));
        CHECK(store.find_projection("lister")->stale == "the upcasters of 'T' have changed");
        CHECK(code_of([&] { store.catch_up("lister"); }) == idem::errc::stale);
        CHECK(store.state("lister").find("all").row == R"({"x":2};)");
        SUBCASE("it comes back") {
            store.add_upcasters(by_2);
            store.append(of_t(3));
            store.catch_up("lister");
            CHECK(store.state("lister").find("all").row == R"({"x":2};{"x":2};{"x":2};)");
        }
        SUBCASE("a rebuild, on the same handle, and it goes on") {
            CHECK(store.rebuild(lister()).complete);
            store.append(of_t(3));
            store.catch_up("lister");
            CHECK(store.find_projection("lister")->stale.empty());
            CHECK(store.state("lister").find("all").row == R"({"x":100};{"x":100};{"x":100};)");
        }
        CHECK(store.replay(lister()).digest() == store.state("lister").digest());
    }
}

TEST_CASE("the registration in a batch that is rejected is forgotten with it") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.add_upcasters(by_2);
    store.run(lister(), idem::projection_mode::inline_);
    idem::projection strict;  // refuses what the batch holds besides
    strict.name = "strict";
    strict.apply = [](const idem::event_view& e, idem::state_table&) {
        if (e.data() == "17") throw std::runtime_error("not this one");
    };
    store.run(strict, idem::projection_mode::inline_);
    auto registration = numbered_event(50, "$schemas");
    registration.type = "idem.UpcasterAdded";
    registration.data = by_100;
    std::atomic<bool> stop = false;
    std::thread rejected([&] {
        while (!stop) {
            try {
                store.append({registration, of_t(51, "17")});
                break;
            } catch (const idem::error&) {
            }
        }
    });
    std::vector<std::thread> others;
    for (std::uint64_t t = 0; t < 3; ++t) {
        others.emplace_back([&, t] {
            for (std::uint64_t i = 0; i < 60; ++i) store.append(of_t(1000 * (t + 1) + i));
        });
    }
    for (auto& thread : others) thread.join();
    stop = true;
    rejected.join();
    CHECK_FALSE(store.find(numbered_id(51)));
    CHECK(store.replay(lister()).digest() == store.state("lister").digest());
}

TEST_CASE("what is older than its schema is given as it is, by whomever it is read and when") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto schema = idem::schema::from_text("table T { x:int; }");
    auto bytes = of_t(1, schema.from_json("T", R"({"x":7})"));
    bytes.content_type = idem::flatbuffers_content_type;
    store.append(bytes);
    store.run(lister(), idem::projection_mode::manual);
    store.catch_up("lister");
    store.add_schema(schema);
    store.append(of_t(2, R"({"x":8})"));
    store.catch_up("lister");
    const auto row = store.state("lister").find("all").row.value();
    CHECK(row == bytes.data + R"(;{"x":8};)");
    CHECK(store.replay(lister()).digest() == store.state("lister").digest());
}

TEST_CASE("a snapshot of a stream's fold is not gone on from with other upcasters") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.add_upcasters(by_2);
    std::vector<idem::event> batch;
    for (std::uint64_t i = 0; i < 300; ++i) batch.push_back(of_t(i));
    store.append(batch);
    const idem::stream_fold<std::uint64_t> sum{
        .name = "sum",
        .apply =
            [](std::uint64_t n, const idem::event_view& e) {
                return n + std::stoull(std::string(e.data().substr(5)));
            },
        .reads = {{"T", 2}}};
    CHECK(store.fold(sum, "s").value == 600);
    store.add_upcasters(by_100);
    CHECK(store.fold(sum, "s").value == 30'000);
}

TEST_CASE("a change in a table that is only nested in bytes is a change") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto schema = [](const std::string& field) {
        return idem::schema::from_text("table Inner { " + field +
                                       "; } table T { in:[ubyte] (nested_flatbuffer:\"Inner\"); } "
                                       "root_type T;");
    };
    store.add_schema(schema("a:int"));
    CHECK(code_of([&] { store.add_schema(schema("a:double")); }) == idem::errc::invalid_input);
    bool t_changed = false;
    for (const auto& t : store.add_schema(schema("b:int")).added) t_changed |= t.type == "T";
    CHECK(t_changed);
}

TEST_CASE("of two upcasters of one version in one file nobody could say which one counts") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    const std::string both = "[" + std::string(by_2) + "," + by_100 + "]";
    CHECK(code_of([&] { store.add_upcasters(both); }) == idem::errc::invalid_input);
    CHECK(store.head() == 0);
}

TEST_CASE("a listing that a rebuild overtakes says so, and mixes nothing") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto rows = [](std::uint32_t version) {
        return idem::keyed_fold<std::uint64_t, std::uint64_t>("rows", version)
            .on(
                "T", [](const idem::event_view& e) { return e.position(); },
                [version](std::uint64_t, const idem::event_view&) { return version; });
    };
    std::vector<idem::event> batch;
    for (std::uint64_t i = 0; i < 3000; ++i) batch.push_back(of_t(i));
    store.append(batch);
    store.rebuild(rows(1));
    std::uint64_t seen = 0;
    CHECK(code_of([&] {
              store.state("rows").for_each([&](std::string_view, std::string_view) {
                  if (++seen == 500) store.rebuild(rows(1));
              });
          }) == idem::errc::busy);
    CHECK(seen == 1000);
}
