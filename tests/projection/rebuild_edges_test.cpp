// Rebuilds at the edges: nothing to fold, nothing to write to, and others at work.
#include <doctest/doctest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "counts.hpp"
#include "idem/verify.hpp"
#include "scratch_folder.hpp"

namespace {

using idem::projection_mode;
using phase = idem::rebuild_progress::phase;

std::filesystem::path rebuild_folder(const idem::store& store) {
    for (const auto& entry : std::filesystem::directory_iterator(store.path())) {
        if (entry.path().filename().string().starts_with("rebuild-")) return entry.path();
    }
    return {};
}

bool stop_in(idem::store& store, const idem::projection& p, phase where) {
    return !store
                .rebuild(p, {.events_per_second_max = 10'000,
                             .progress = [where](const auto& now) { return now.now != where; }})
                .complete;
}

void check_rebuilt(idem::store& store, const idem::projection& p) {
    const auto result = store.rebuild(p);
    CHECK(result.complete);
    CHECK(result.digest == store.replay(p).digest());
    CHECK(idem::diff(store.state(p), store.replay(p)).none());
    CHECK(rebuild_folder(store).empty());
    CHECK(idem::verify(store.path()).sound());
}

}  // namespace

TEST_CASE("a store that is open for reading refuses a rebuild, and nothing is left") {
    const scratch_folder folder;
    {
        idem::store store(folder / "s.idem");
        append_some(store, 0, 10);
    }
    idem::store store(folder / "s.idem", {.read_only = true});
    CHECK(code_of([&] { store.rebuild(counts()); }) == idem::errc::read_only);
    CHECK(rebuild_folder(store).empty());
    CHECK(code_of([&] { store.keep_checkpoint(counts()); }) == idem::errc::read_only);
}

TEST_CASE("an empty log and a projection without rows are rebuilt like any other") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    check_rebuilt(store, counts());
    CHECK(store.state("counts").position() == 0);
    check_rebuilt(store, counts());
    check_rebuilt(store, counts(2));
    store.append(numbered_event(1));  // of a type that is not handled
    check_rebuilt(store, counts(2));
    CHECK(store.state("counts").row_count() == 0);
    CHECK(store.state("counts").position() == 1);
}

TEST_CASE("rows larger than a step of loading, and names of 255 bytes") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    append_some(store, 0, 20);
    const auto fold =
        idem::keyed_fold<std::string, std::string>(std::string(255, 'n'), 4'294'967'295)
            .on(
                "Numbered", [](const idem::event_view& e) { return std::string(e.stream()); },
                [](std::string row, const idem::event_view& e) {
                    row.assign(1 << 20, static_cast<char>('a' + e.position() % 26));
                    return row;
                });
    check_rebuilt(store, fold);
    check_rebuilt(store, fold);
    CHECK(store.keep_checkpoint(fold, 10));
    CHECK(store.state_at(fold, 12).digest() == store.replay(fold, 12).digest());
}

TEST_CASE("a rebuild that was stopped is not gone on with by another definition") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    append_some(store, 0, 3000);
    idem::projection first = counts(2);
    first.definition = "adds 2";
    idem::projection second =
        idem::keyed_fold<std::string, std::uint64_t>("counts", 2)
            .on(
                "Numbered", [](const idem::event_view& e) { return std::string(e.stream()); },
                [](std::uint64_t n, const idem::event_view&) { return n + 3; });
    second.definition = "adds 3";
    for (const auto where : {phase::replay, phase::catch_up}) {
        REQUIRE(stop_in(store, first, where));
        check_rebuilt(store, second);
        store.drop_projection("counts", 2);
    }
}

TEST_CASE("what is half removed or damaged of a rebuild is made anew") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    append_some(store, 0, 3000);
    REQUIRE(stop_in(store, counts(), phase::replay));
    const auto left = rebuild_folder(store);
    REQUIRE_FALSE(left.empty());
    SUBCASE("without its data") {
        std::filesystem::remove(left / "data.mdb");
    }
    SUBCASE("without its lock file") {
        std::filesystem::remove(left / "lock.mdb");
    }
    SUBCASE("empty") {
        std::filesystem::remove(left / "data.mdb");
        std::filesystem::remove(left / "lock.mdb");
    }
    SUBCASE("cut off") {
        std::filesystem::resize_file(left / "data.mdb", 8192);
    }
    SUBCASE("nothing in its file") {
        std::filesystem::resize_file(left / "data.mdb", 0);
    }
    SUBCASE("no store") {
        std::ofstream(left / "data.mdb") << std::string(100'000, 'x');
    }
    check_rebuilt(store, counts());
}

TEST_CASE("a projection that is run for the first time while it is rebuilt keeps rows of its own") {
    for (const auto when : {phase::replay, phase::load, phase::catch_up}) {
        CAPTURE(to_string(when));
        const scratch_folder folder;
        idem::store store(folder / "s.idem");
        append_some(store, 0, 1000);
        for (std::uint64_t i = 1; i < 30; ++i) append_some(store, 1000 * i, 1000, 50'000);
        idem::store other(folder / "s.idem");
        bool run = false;
        const auto result = store.rebuild(
            counts(), {.progress = [&](const auto& p) {
                if (p.now != when || run) return true;
                run = true;
                append_some(other, 100'000, 5);
                other.run(counts(), projection_mode::inline_);
                CHECK(other.state(counts()).digest() == other.replay(counts()).digest());
                append_some(other, 100'005, 5);
                return true;
            }});
        CHECK(result.complete);
        if (!run) CHECK(when == phase::load);
        append_some(other, 200'000, 10);
        store.run(counts(), projection_mode::manual);
        store.catch_up("counts");
        CHECK(idem::diff(store.state("counts"), store.replay(idem::projection(counts()))).none());
        CHECK(store.state("counts").digest() == store.replay(counts()).digest());
        CHECK(idem::verify(folder / "s.idem").sound());
    }
}

TEST_CASE("versions that are dropped, run, switched and rebuilt at once never mix their rows") {
    const scratch_folder folder;
    {
        idem::store store(folder / "s.idem");
        for (std::uint64_t i = 0; i < 10; ++i) append_some(store, 1000 * i, 1000, 10'000);
    }
    std::vector<std::thread> threads;
    std::atomic<int> unexpected = 0;
    const auto often = [&](auto&& work) {
        threads.emplace_back([&, work] {
            idem::store store(folder / "s.idem");
            for (int n = 0; n < 12; ++n) {
                try {
                    work(store, n);
                } catch (const idem::error& e) {
                    using idem::errc;
                    const bool expected = e.code() == errc::busy || e.code() == errc::not_found ||
                                          e.code() == errc::stale ||
                                          e.code() == errc::invalid_input;
                    if (!expected) ++unexpected;
                    if (!expected) MESSAGE(std::string(e.what()));
                }
            }
        });
    };
    const auto version = [](int n) { return static_cast<std::uint32_t>(1 + n % 2); };
    often([&](idem::store& s, int n) { s.rebuild(counts(version(n))); });
    often([&](idem::store& s, int n) {
        s.rebuild(counts(version(n + 1)), {.make_current = n % 3 == 0});
    });
    often([&](idem::store& s, int n) {
        s.drop_projection("counts", version(n));
        idem::store fresh(folder / "s.idem");
        fresh.run(counts(version(n)), projection_mode::manual);
        fresh.catch_up("counts");
    });
    often([&](idem::store& s, int n) { s.switch_projection(counts(version(n))); });
    often([&](idem::store& s, int n) {
        append_some(s, 100'000 + 10 * static_cast<std::uint64_t>(n), 10, 10'000);
        s.projections();
    });
    for (auto& thread : threads) thread.join();
    CHECK(unexpected == 0);
    const idem::store store(folder / "s.idem");
    for (const auto& kept : store.projections()) {
        const idem::projection p = counts(kept.version);
        CHECK(idem::diff(store.state(p), store.replay(p, kept.position)).none());
    }
    CHECK(idem::verify(folder / "s.idem").sound());
}

TEST_CASE("a rebuild that was stopped is listed until it has come to its end") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    append_some(store, 0, 100);
    const auto told = [&] {
        std::string all;
        for (const auto& r : idem::unfinished_rebuilds(store.path())) {
            all += r.name + " " + std::to_string(r.version) + " " +
                   (r.position ? std::to_string(*r.position) : "beside") + ";";
        }
        return all;
    };
    CHECK(told().empty());
    CHECK(stop_in(store, counts(2), phase::replay));
    CHECK(told() == "counts 2 beside;");
    CHECK(stop_in(store, counts(3), phase::catch_up));
    CHECK(told() == "counts 2 beside;counts 3 100;");
    CHECK(store.projections().empty());
    // What is called so, but was not made by a rebuild.
    std::filesystem::create_directory(store.path() / "rebuild-counts@4-0000000000000000");
    std::filesystem::create_directory(store.path() / "rebuild-@-");
    CHECK(told() == "counts 2 beside;counts 3 100;");
    CHECK(store.rebuild(counts(3)).complete);
    CHECK(told() == "counts 2 beside;");
    // A name that its folder does not tell whole is known by its rows.
    idem::projection p = counts();
    p.name = std::string(200, 'n');
    CHECK(stop_in(store, p, phase::catch_up));
    CHECK(told() == "counts 2 beside;" + p.name + " 1 100;");
}
