// Projections in canonical order: rows depend on the set of events, not on how they came.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>

#include "error_code.hpp"
#include "foreign_events.hpp"
#include "idem/verify.hpp"
#include "log/catalog.hpp"
#include "projection/catalog.hpp"
#include "storage/cursor.hpp"

namespace {

using idem::projection_mode;

// What the rows of `events` must be: an arrival fold of a store that got them in their order.
struct wanted {
    explicit wanted(std::vector<idem::recorded_event> events) {
        std::sort(events.begin(), events.end(), stands_before);
        const scratch_folder folder;
        idem::store store(folder / "s.idem", told_time());
        for (const auto& e : events) store.append(idem::event(e));
        std::map<idem::uuid, idem::stamp> stamps;
        for (const auto& e : events) stamps.emplace(e.id, e.stamp);
        auto fold = traces([&](const idem::event_view& e) { return stamps.at(e.id()); });
        fold.order = idem::fold_order::arrival;
        const auto folded = store.replay(fold);
        digest = folded.digest();
        folded.for_each(
            [&](std::string_view key, std::string_view row) { this->rows.emplace(key, row); });
    }
    idem::state_digest digest;
    std::map<std::string, std::string> rows;
};

// An event, and a wall clock that has come so far.
idem::recorded_event at(std::uint64_t origin, std::uint64_t counter, std::uint64_t ms) {
    wall_clock_ms = std::max<std::uint64_t>(wall_clock_ms, ms);
    return foreign_event(origin, counter, ms << 16);
}

void check_rows(const idem::store& store, const wanted& expected) {
    const auto kept = store.state("traces");
    std::map<std::string, std::string> rows;
    kept.for_each([&](std::string_view key, std::string_view row) { rows.emplace(key, row); });
    CHECK(rows == expected.rows);
    CHECK(kept.digest() == expected.digest);
}

void check_everything(const idem::store& store, const wanted& expected) {
    check_rows(store, expected);
    CHECK(store.state("traces").position() == store.head());
    CHECK(store.replay(traces()).digest() == expected.digest);
    CHECK(store.check_projection(traces()).empty());
    idem::verify_options options;
    const std::vector<idem::projection> known{traces()};
    options.projections = known;
    CHECK(idem::verify(store.path(), options).findings.empty());
}

// The table of undo, as another hand would find it.
void change_undo(const std::filesystem::path& path,
                 const std::function<void(std::string& value)>& change) {
    const auto env = idem::storage::environment::open(path, {});
    const auto table = env->find_table(idem::undo_table_name("traces", 1, 0)).value();
    idem::storage::write(*env, [&](idem::storage::write_transaction& txn) {
        std::vector<std::pair<std::string, std::string>> entries;
        {
            idem::storage::cursor cursor(txn, table);
            for (auto e = cursor.first(); e; e = cursor.next()) entries.emplace_back(*e);
        }
        REQUIRE_FALSE(entries.empty());
        for (auto& [key, value] : entries) {
            change(value);
            txn.put(table, key, value);
        }
    });
}

}  // namespace

TEST_CASE("any order of arrival gives the rows of the events in their own order") {
    for (const std::uint64_t seed : seeds(300)) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        const auto events = foreign_history(random, 1 + random() % 150, 1 + random() % 4);
        const wanted expected(events);
        const auto mode = static_cast<projection_mode>(random() % 3);
        const scratch_folder folder;
        std::optional<idem::store> store(std::in_place, folder / "s.idem", told_time());
        store->run(traces(), mode);
        for (const auto& batch : deal(events, random)) {
            accept_all(*store, batch);
            if (mode == projection_mode::manual && random() % 2 == 0) store->catch_up("traces");
            if (random() % 10 == 0) {
                store.reset();
                store.emplace(folder / "s.idem", told_time());
                store->run(traces(), mode);
            }
        }
        REQUIRE(store->replica().parked().empty());
        if (mode == projection_mode::manual) store->catch_up("traces");
        REQUIRE(store->wait_for("traces", store->head(), std::chrono::seconds(60)));
        check_everything(*store, expected);
        store->rebuild(traces());
        check_everything(*store, expected);
        CHECK(store->find_projection("traces")->refolds == 0);
    }
}

TEST_CASE("rows of the past are those of the events that had come by then") {
    for (const std::uint64_t seed : seeds(8)) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        const auto events = foreign_history(random, 60, 3);
        const scratch_folder folder;
        idem::store store(folder / "s.idem", told_time());
        for (const auto& batch : deal(events, random)) accept_all(store, batch);
        for (int i = 0; i < 5; ++i) {
            const std::uint64_t position = 1 + random() % store.head();
            std::vector<idem::recorded_event> there;
            for (std::uint64_t p = 1; p <= position; ++p) {
                auto e = store.at(p).value();
                if (e.stream != "$local") there.push_back(std::move(e));
            }
            const wanted expected(there);
            CHECK(store.replay(traces(), position).digest() == expected.digest);
            CHECK(store.state_at(traces(), position).digest() == expected.digest);
        }
        CHECK(code_of([&] { store.keep_checkpoint(traces(), store.head()); }) ==
              idem::errc::invalid_input);
    }
}

TEST_CASE("an event of before the horizon makes the projection be folded anew") {
    const std::uint64_t day = idem::limits::horizon_ms;
    for (const auto mode : {projection_mode::background, projection_mode::manual}) {
        wall_clock_ms = 2'000'000;
        const scratch_folder folder;
        idem::store store(folder / "s.idem", told_time());
        store.run(traces(), mode);
        std::vector<idem::recorded_event> events;
        const auto take = [&](std::uint64_t origin, std::uint64_t counter, std::uint64_t ms) {
            events.push_back(at(origin, counter, ms));
            accept_all(store, {events.back()});
            if (mode == projection_mode::manual) store.catch_up("traces");
            REQUIRE(store.wait_for("traces", store.head(), std::chrono::seconds(60)));
        };
        take(1, 1, 10 * day);
        take(2, 1, 11 * day - 1000);
        take(3, 1, 10 * day - 1);  // just within
        CHECK(store.find_projection("traces")->refolds == 0);
        take(1, 2, 12 * day);
        take(2, 2, 13 * day);
        CHECK(store.find_projection("traces")->floor > 0);
        take(4, 1, 9 * day);  // an origin that was away
        CHECK(store.find_projection("traces")->refolds == 1);
        check_everything(store, wanted(events));
        take(4, 2, 13 * day - 5);
        CHECK(store.find_projection("traces")->refolds == 1);
        check_everything(store, wanted(events));
    }
}

// Two stores that imported the same events each for itself, and then met.
TEST_CASE("an event that comes again with a lower stamp goes to the place of that") {
    for (const std::uint64_t seed : seeds(100)) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        wall_clock_ms = 2'000'000;
        auto events = foreign_history(random, 2 + random() % 100, 1 + random() % 3);
        const auto mode = static_cast<projection_mode>(random() % 3);
        const scratch_folder folder;
        idem::store store(folder / "s.idem", told_time());
        store.run(traces(), mode);
        // The same events under stamps of two further origins, in orders of their own.
        std::vector<std::vector<idem::recorded_event>> copies;
        for (std::uint64_t origin = 10; origin < 12; ++origin) {
            auto copy = events;
            std::shuffle(copy.begin(), copy.end(), random);
            copy.resize(1 + random() % copy.size());
            std::uint64_t clock = (std::uint64_t{2'000'000} << 16) + random() % 50;
            std::uint64_t counter = 0;
            for (auto& e : copy) {
                e.stamp = {clock += 1 + random() % 3, origin_of(origin), ++counter};
            }
            copies.push_back(std::move(copy));
        }
        if (random() % 2 == 0) std::swap(events, copies[0]);  // one of the copies comes first
        std::vector<std::vector<idem::recorded_event>> batches = deal(events, random);
        for (const auto& copy : copies) {
            for (auto& batch : deal(copy, random)) batches.push_back(std::move(batch));
        }
        std::map<idem::uuid, idem::recorded_event> least;
        for (const auto& batch : batches) {
            for (const auto& e : batch) {
                const auto [found, added] = least.emplace(e.id, e);
                if (!added && stands_before(e, found->second)) found->second = e;
            }
            for (const auto& answer : store.replica().accept(batch)) {
                CAPTURE(answer.reason);
                REQUIRE(answer.position != 0);
            }
            if (mode == projection_mode::manual && random() % 2 == 0) store.catch_up("traces");
        }
        if (mode == projection_mode::manual) store.catch_up("traces");
        REQUIRE(store.wait_for("traces", store.head(), std::chrono::seconds(60)));
        std::vector<idem::recorded_event> all;
        for (const auto& [id, e] : least) all.push_back(e);
        check_everything(store, wanted(all));
        CHECK(store.find_projection("traces")->refolds == 0);
    }
}

// Which rows an event touches is not told by its first stamp alone.
TEST_CASE("rows that are named by the stamp are folded anew when it becomes another") {
    const auto by_clock = [](const idem::event_view& e) {
        return std::to_string(e.stamp().clock >> 16 & 7);
    };
    const idem::projection fold =
        idem::keyed_fold<std::string, std::uint64_t>("by_clock")
            .on("Numbered", by_clock,
                [](std::uint64_t n, const idem::event_view&) { return n + 1; })
            .canonical();
    for (const auto mode :
         {projection_mode::inline_, projection_mode::background, projection_mode::manual}) {
        wall_clock_ms = 2'000'000;
        const scratch_folder folder;
        idem::store store(folder / "s.idem", told_time());
        store.run(fold, mode);
        accept_all(store, {at(1, 1, 2'000'001), at(1, 2, 2'000'002)});
        if (mode == projection_mode::manual) store.catch_up("by_clock");
        auto again = at(1, 2, 2'000'002);
        again.stamp = {std::uint64_t{1'999'996} << 16, origin_of(2), 1};
        REQUIRE(store.replica().accept({&again, 1}).front().position != 0);
        if (mode == projection_mode::manual) store.catch_up("by_clock");
        REQUIRE(store.wait_for("by_clock", store.head(), std::chrono::seconds(60)));
        CHECK(store.find_projection("by_clock")->refolds == 1);
        CHECK(store.state("by_clock").row_count() == 2);
        CHECK(store.state("by_clock").find("1").row);
        CHECK(store.state("by_clock").find("4").row);
        CHECK(store.state("by_clock").digest() == store.replay(fold).digest());
    }
}

TEST_CASE("who is told of each event of a canonical fold sees late ones change rows before them") {
    for (const std::uint64_t seed : seeds(20)) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        wall_clock_ms = 2'000'000;
        const auto events = foreign_history(random, 40, 3);
        const scratch_folder folder;
        idem::store store(folder / "s.idem", told_time());
        for (const auto& batch : deal(events, random)) accept_all(store, batch);
        const std::uint64_t from = random() % (store.head() + 1);
        std::map<std::string, std::string> rows;
        std::uint64_t last = 0;
        store.trace(traces(), from, [&](const idem::event_view* e, const auto& changed) {
            if (e) {
                CHECK(e->position() > std::max(from, last));
                last = e->position();
            }
            for (const auto& row : changed) {
                rows.erase(std::string(row.key));
                if (row.after) rows.emplace(row.key, *row.after);
            }
            return true;
        });
        CHECK(rows == wanted(events).rows);
    }
}

TEST_CASE("an inline projection rests when an event comes too late, and is folded anew beside") {
    const std::uint64_t day = idem::limits::horizon_ms;
    wall_clock_ms = 2'000'000;
    const scratch_folder folder;
    idem::store store(folder / "s.idem", told_time());
    store.run(traces(), projection_mode::inline_);
    std::vector<idem::recorded_event> events;
    const auto take = [&](std::uint64_t origin, std::uint64_t counter, std::uint64_t ms) {
        events.push_back(at(origin, counter, ms));
        accept_all(store, {events.back()});
    };
    take(1, 1, 10 * day);
    take(1, 2, 13 * day);
    take(1, 3, 13 * day + 1);
    take(2, 1, 9 * day);
    take(1, 4, 13 * day + 2);  // appends go on
    REQUIRE(store.wait_for("traces", store.head(), std::chrono::seconds(60)));
    CHECK(store.find_projection("traces")->refolds == 1);
    take(1, 5, 13 * day + 3);
    check_everything(store, wanted(events));
    CHECK(store.find_projection("traces")->stale.empty());
}

// As another process leaves them that ends there.
TEST_CASE("rows for which an event came too late stay as they were, and say so") {
    const std::uint64_t day = idem::limits::horizon_ms;
    wall_clock_ms = 2'000'000;
    const scratch_folder folder;
    std::vector<idem::recorded_event> events{at(1, 1, 10 * day), at(1, 2, 13 * day)};
    {
        idem::store store(folder / "s.idem", told_time());
        store.run(traces(), projection_mode::manual);
        accept_all(store, events);
        store.catch_up("traces");
    }
    {
        const auto env = idem::storage::environment::open(folder / "s.idem", {});
        const auto catalog = env->find_table(idem::catalog_name).value();
        const auto key = idem::catalog_key("traces", 1);
        idem::storage::write(*env, [&](idem::storage::write_transaction& txn) {
            auto record = idem::read_projection(txn, catalog, key).value();
            record.late = "event E came too late";
            idem::write_projection(txn, catalog, key, record);
        });
    }
    idem::store store(folder / "s.idem", told_time());
    store.run(traces(), projection_mode::manual);
    check_rows(store, wanted(events));
    CHECK(store.find_projection("traces")->stale.find("came too late") != std::string::npos);
    store.catch_up("traces");
    CHECK(store.find_projection("traces")->stale.empty());
    check_everything(store, wanted(events));
}

TEST_CASE("an entry of undo that was changed is found, and the rows are folded anew") {
    const scratch_folder folder;
    std::vector<idem::recorded_event> events;
    {
        idem::store store(folder / "s.idem", told_time());
        store.run(traces(), projection_mode::inline_);
        for (std::uint64_t n = 1; n <= 20; ++n) events.push_back(at(1, n, 2'000'000 + 100 * n));
        accept_all(store, events);
    }
    change_undo(folder / "s.idem", [](std::string& value) { value.back() ^= 1; });
    idem::store store(folder / "s.idem", told_time());
    const auto found = idem::verify(store.path(), {}).findings;
    REQUIRE(found.size() == 1);
    CHECK(found.front().kind == "undo_damaged");
    store.run(traces(), projection_mode::manual);
    events.push_back(at(2, 1, 2'000'550));
    accept_all(store, {events.back()});
    store.catch_up("traces");
    CHECK(store.find_projection("traces")->refolds == 1);
    check_everything(store, wanted(events));
}

TEST_CASE("what lies behind the horizon is dropped") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem", told_time());
    store.run(traces(), projection_mode::inline_);
    const std::uint64_t day = idem::limits::horizon_ms;
    wall_clock_ms = 2'000'000;
    std::vector<idem::recorded_event> events;
    std::uint64_t entries_max = 0;
    for (std::uint64_t n = 1; n <= 400; ++n) {
        events.push_back(at(1, n, 10 * day + n * (day / 20)));
        accept_all(store, {events.back()});
        for (const auto& t : store.stats().tables) {
            if (t.name == "undo/traces@1") entries_max = std::max(entries_max, t.entries);
        }
    }
    CHECK(entries_max < 120);  // of 20 events in a day, each of which touches two rows
    check_everything(store, wanted(events));
}

TEST_CASE("a projection of a whole table cannot be canonical") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem", told_time());
    idem::projection p = traces();
    p.keys_of = nullptr;
    p.apply_row = nullptr;
    CHECK(code_of([&] { store.run(p, projection_mode::manual); }) == idem::errc::invalid_input);
    CHECK(code_of([&] { store.replay(p); }) == idem::errc::invalid_input);
}

TEST_CASE("another order makes the rows stale") {
    const scratch_folder folder;
    {
        idem::store store(folder / "s.idem", told_time());
        auto p = traces();
        p.order = idem::fold_order::arrival;
        store.run(p, projection_mode::inline_);
        store.append(idem::event(foreign_event(1, 1, 1)));
    }
    idem::store store(folder / "s.idem", told_time());
    store.run(traces(), projection_mode::manual);
    CHECK(store.find_projection("traces")->stale.find("arrival order") != std::string::npos);
    store.rebuild(traces());
    CHECK(store.find_projection("traces")->stale.empty());
    CHECK(store.find_projection("traces")->order == idem::fold_order::canonical);
}
