// Events that a person let a projection go past stay out of its rows when they are made anew.
#include <doctest/doctest.h>

#include <stdexcept>

#include "counts.hpp"
#include "idem/verify.hpp"
#include "scratch_folder.hpp"

namespace {

using idem::projection_mode;

constexpr std::uint64_t bad_position = 40;
constexpr std::uint64_t later_bad_position = 70;

// Counts by stream, and fails at two events.
auto fragile(std::uint32_t version = 1, std::string code = {}) {
    return idem::keyed_fold<std::string, std::uint64_t>("fragile", version)
        .on(
            "Numbered", [](const idem::event_view& e) { return std::string(e.stream()); },
            [](std::uint64_t n, const idem::event_view& e) {
                if (e.position() == bad_position || e.position() == later_bad_position) {
                    throw std::runtime_error("no such event, please");
                }
                return n + 1;
            })
        .code(std::move(code));
}

void skip(idem::store& store) {
    CHECK(code_of([&] { store.catch_up("fragile"); }) == idem::errc::handler_failed);
    store.skip_failed_event("fragile", "a test event");
}

}  // namespace

TEST_CASE("a rebuild of the same version by the same code skips what was skipped") {
    for (const unsigned threads : {1U, 3U}) {
        CAPTURE(threads);
        const scratch_folder folder;
        idem::store store(folder / "s.idem", {.replay_threads = threads});
        append_some(store, 0, 50);
        store.run(fragile(), projection_mode::manual);
        skip(store);
        CHECK(store.catch_up("fragile") == 50);
        const auto before = store.state(fragile()).digest();
        for (int i = 0; i < 2; ++i) {  // the rows made anew know of it too
            const auto result = store.rebuild(fragile(), {.resume = i == 0});
            CHECK(result.complete);
            CHECK(to_string(result.digest) == to_string(before));
        }
        append_some(store, 50, 30);
        CHECK(code_of([&] { store.rebuild(fragile()); }) == idem::errc::handler_failed);
        skip(store);
        CHECK(store.rebuild(fragile()).position == 80);
        CHECK(store.catch_up("fragile") == 80);
        CHECK(idem::verify(folder / "s.idem").sound());
    }
}

TEST_CASE("what is skipped while a rebuild is stopped is skipped when it goes on") {
    using phase = idem::rebuild_progress::phase;
    for (const phase at : {phase::replay, phase::catch_up}) {
        CAPTURE(to_string(at));
        const scratch_folder folder;
        idem::store store(folder / "s.idem");
        append_some(store, 0, bad_position - 1);
        store.run(fragile(), projection_mode::manual);
        store.catch_up("fragile");
        const auto stopped =
            store.rebuild(fragile(), {.progress = [at](const auto& p) { return p.now != at; }});
        CHECK_FALSE(stopped.complete);
        append_some(store, bad_position, 20);
        skip(store);
        CHECK(store.rebuild(fragile()).complete);
        CHECK(store.find_projection("fragile")->position == store.head());
        CHECK(idem::verify(folder / "s.idem").sound());
    }
}

TEST_CASE("another version and other code begin without skips") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    append_some(store, 0, 50);
    store.run(fragile(), projection_mode::manual);
    skip(store);
    CHECK(code_of([&] { store.rebuild(fragile(2)); }) == idem::errc::handler_failed);
    CHECK(code_of([&] { store.rebuild(fragile(1, "other")); }) == idem::errc::handler_failed);
    CHECK(store.rebuild(fragile()).complete);
}
