// kill -9 at any moment of a rebuild, while another process appends: readers have the old rows or
// the new, whole, and the next rebuild completes.
//
// IDEM_REBUILD_KILLS sets how many rebuilds are killed on the way; without it 100 are, or 25 under
// a sanitizer, which makes each ten times as slow.
#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <sstream>

#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "many_rows_fold.hpp"
#include "rebuilt_store.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "victim_process.hpp"

namespace {

std::uint64_t kills() {
    const char* const wanted = std::getenv("IDEM_REBUILD_KILLS");
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    constexpr std::uint64_t usual = 25;
#else
    constexpr std::uint64_t usual = 100;
#endif
    return wanted ? std::stoull(wanted) : usual;
}

// What a kill fell into: the phase of the last line, where the swap has been told "clear_up".
std::string phase_of(const std::string& lines) {
    std::istringstream in(lines);
    std::string last = "start";
    std::string phase;
    for (std::uint64_t position = 0, whole = 0; in >> phase && phase != "done";) {
        in >> position >> whole;
        last = phase == "swap" && position == whole ? "clear_up" : phase;
    }
    return phase == "done" ? phase : last;
}

struct random_rebuild {
    std::uint32_t version;
    bool make_current;
    std::uint64_t rate;
    std::uint64_t nap_ms;
};

// Starts it, lets it come as far as `phase`, and a little further.
std::string kill_in(const std::string& path, const random_rebuild& r, const std::string& phase,
                    std::chrono::microseconds further) {
    victim_process victim({path, "rebuild", std::to_string(r.version), r.make_current ? "1" : "0",
                           std::to_string(r.rate), std::to_string(r.nap_ms)});
    victim.read_until_line(phase);
    const auto moment = std::chrono::steady_clock::now() + further;
    while (std::chrono::steady_clock::now() < moment) {
    }
    victim.kill_hard();
    victim.read_to_end();
    return phase_of(victim.lines());
}

}  // namespace

TEST_CASE("kills during a rebuild: the old rows or the new, whole, and the next one completes") {
    const scratch_folder folder(fast_folder());
    const std::string path = folder / "s.idem";
    std::uint64_t number = 0;
    {
        idem::store store(path);
        for (; number < 12'000; number += 1000) store.append(numbered_batch(number, 1000));
        store.run(many_rows(1), idem::projection_mode::manual);
        store.catch_up("rows");
    }
    const unsigned seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const std::array<std::string, 5> targets{"replay", "load", "catch_up", "catch_up", "swap"};
    std::uint64_t on_the_way = 0;
    std::map<std::string, int> hit;
    int swapped = 0;
    std::uint32_t current = 1;
    for (std::uint64_t round = 0; on_the_way < kills() && round < 10 * kills(); ++round) {
        CAPTURE(round);
        const random_rebuild r{.version = current + (round % 2 == 0 ? 1 : 0),
                               .make_current = round % 4 < 2,
                               .rate = random() % 3 == 0 ? 200'000U : 0U,
                               .nap_ms = random() % 2 == 0 ? 0U : 2U};
        number += 1'000'000;
        victim_process appender({path, "trickle", std::to_string(number)});
        appender.read_until(1);
        // A rebuild is told of its phase at its start or its end, so what comes next is hit too.
        const auto phase = kill_in(path, r, targets[round % targets.size()],
                                   std::chrono::microseconds(random() % 2500));
        appender.kill_hard();
        appender.read_to_end();
        ++hit[phase];
        on_the_way += phase != "done" && phase != "start";
        CAPTURE(phase);

        idem::store store(path);
        check_acknowledged(store, appender.lines());
        const auto now = store.find_projection("rows");
        REQUIRE(now);
        const bool new_one = now->version == r.version && r.version != current;
        CHECK((now->version == current || (new_one && r.make_current)));
        if (phase == "clear_up" && r.make_current) CHECK(now->version == r.version);
        swapped += new_one;
        check_whole(store);
        REQUIRE(store.append(numbered_batch(number + 500'000, 10)).accepted());
        const auto result = store.rebuild(many_rows(r.version), {.make_current = r.make_current});
        CHECK(result.complete);
        CHECK(result.digest == store.replay(many_rows(r.version), result.position).digest());
        CHECK(result.position == store.head());
        check_whole(store);
        CHECK_FALSE(has_leftovers(path));
        if (round % 10 == 9) CHECK(idem::verify(path).sound());
        if (!r.make_current && r.version != current) store.switch_projection(many_rows(r.version));
        if (r.version != current) store.drop_projection("rows", current);
        current = r.version;
    }
    for (const auto& [phase, times] : hit) MESSAGE(phase << ": " << times);
    MESSAGE("swapped: " << swapped);
    if (kills() < 100) return;
    for (const char* phase : {"replay", "load", "catch_up", "clear_up"}) {
        CAPTURE(phase);
        CHECK(hit[phase] > 0);
    }
    CHECK(swapped > 0);
}
