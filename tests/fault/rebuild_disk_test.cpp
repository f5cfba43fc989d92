// A disk that fills up while rows are made anew.
#include <doctest/doctest.h>

#include <optional>

#include "failing_disk.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "many_rows_fold.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "victim_process.hpp"

namespace {

using failing_disk::mode;
using phase = idem::rebuild_progress::phase;

void append_some(idem::store& store, std::uint64_t first, std::uint64_t events = 1000) {
    REQUIRE(store.append(numbered_batch(first, events)).accepted());
}

}  // namespace

TEST_CASE("a disk that is full during a rebuild: an error, the old rows, and later the new ones") {
    for (const mode m : {mode::full_in_one_page, mode::full_in_many_pages, mode::sync_fails}) {
        for (const phase at : {phase::replay, phase::load, phase::catch_up}) {
            for (const std::uint32_t version : {1U, 2U}) {
                CAPTURE(static_cast<int>(m));
                CAPTURE(to_string(at));
                CAPTURE(version);
                const scratch_folder folder;
                idem::store store(folder / "s.idem");
                for (std::uint64_t i = 0; i < 12; ++i) append_some(store, i * 1000);
                store.run(many_rows(1), idem::projection_mode::manual);
                store.catch_up("rows");
                const auto before = store.state("rows").digest();
                append_some(store, 12'000);
                std::optional<failing_disk::failure> failing;
                std::optional<idem::errc> told;
                try {
                    store.rebuild(many_rows(version), {.events_per_second_max = 50'000,
                                                       .memory_bytes_max = 1 << 20,
                                                       .progress = [&](const auto& p) {
                                                           if (p.now == at && !failing) {
                                                               failing.emplace(m);
                                                           }
                                                           return true;
                                                       }});
                } catch (const idem::error& e) {
                    told = e.code();
                }
                CHECK(failing_disk::refused() > 0);
                failing.reset();
                REQUIRE(told);
                CHECK(*told == idem::errc::no_space);
                CHECK(store.state("rows").version() == 1);
                CHECK(store.state("rows").digest() == before);
                append_some(store, 13'000);
                const auto result = store.rebuild(many_rows(version));
                CHECK(result.complete);
                CHECK(result.position == store.head());
                CHECK(result.digest == store.replay(many_rows(version)).digest());
                CHECK(idem::verify(folder / "s.idem").sound());
            }
        }
    }
}

// The table of the new rows is opened within the append that fails, and goes with it.
TEST_CASE("an inline projection whose rows another process has replaced outlives a full disk") {
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    idem::store store(path);
    append_some(store, 0);
    store.run(many_rows(1), idem::projection_mode::inline_);
    victim_process rebuild({path, "rebuild", "1", "1", "0", "0"});
    CHECK(rebuild.wait() == 0);
    {
        const failing_disk::failure failing(mode::full_in_one_page);
        CHECK_THROWS_AS(store.append(numbered_batch(1000, 10)), idem::error);
    }
    // Another table takes the place of the one that went.
    const auto other = idem::keyed_fold<std::string, std::uint64_t>("other").on(
        "Happened", [](const idem::event_view& e) { return std::string(e.stream()); },
        [](std::uint64_t n, const idem::event_view&) { return n + 1; });
    idem::store second(path);
    second.run(other, idem::projection_mode::manual);
    append_some(store, 1000, 10);
    second.catch_up("other");
    CHECK(store.state("rows").position() == 1010);
    CHECK(store.state("rows").digest() == store.replay(many_rows(1)).digest());
    CHECK(idem::diff(store.state("rows"), store.replay(idem::projection(many_rows(1)))).none());
    CHECK(idem::diff(store.state("other"), store.replay(idem::projection(other))).none());
    CHECK(idem::verify(path).sound());
}
