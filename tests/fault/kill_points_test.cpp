// A kill at each disk operation in turn, before it, midway and after it: the swap of a rebuild is
// there or not, and nothing lies between.
//
// IDEM_KILL_POINTS=all visits every operation of the phases before the swap too, and of each kind
// of rebuild every moment; without it a choice of them, and under a sanitizer a smaller one.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <sstream>
#include <vector>

#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "many_rows_fold.hpp"
#include "rebuilt_store.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "victim_process.hpp"

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t events_before = 3000;
constexpr std::uint64_t first_meanwhile = 1'000'000;
constexpr std::uint64_t first_after = 2'000'000;
constexpr std::size_t page_bytes = 4096;  // LMDB writes less only of a meta page: the commit

bool all_points() {
    const char* const wanted = std::getenv("IDEM_KILL_POINTS");
    return wanted != nullptr && std::string(wanted) == "all";
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

// What a victim has said.
struct account {
    std::string lines;
    std::map<std::string, std::uint64_t> sections = {};  // operations in each
    bool done = false;
    bool swap_took_several_steps = false;
    std::string when = {};  // "" if it was not killed
    std::string call = {};
    std::size_t bytes = 0;

    explicit account(std::string said) : lines(std::move(said)) {
        std::istringstream in(lines);
        for (std::string line; std::getline(in, line);) {
            std::istringstream words(line);
            std::string first;
            words >> first;
            if (first == "section") {
                std::string name;
                words >> name;
                words >> sections[name];
            } else if (first == "swap") {
                std::uint64_t position = 0;
                std::uint64_t whole = 0;
                words >> position >> whole;
                swap_took_several_steps = swap_took_several_steps || position != whole;
            } else if (first == "killed") {
                words >> when >> call >> bytes;
            }
            done = done || line == "done";
        }
    }
    bool committed() const { return when == "after" && call == "pwrite" && bytes < page_bytes; }
};

account run_victim(std::vector<std::string> arguments) {
    victim_process victim(std::move(arguments));
    victim.read_to_end();
    victim.wait();
    return account(victim.lines());
}

struct rebuild_kind {
    std::uint32_t version;
    bool make_current;
};

struct kill_point {
    std::string section;
    std::string what;  // operations or commits
    std::uint64_t number = 0;
    std::string when = "before";
};

// A store with version 1 of the rows, and copies of it to be killed.
class killed_store {
public:
    killed_store() {
        idem::store store(original_);
        for (std::uint64_t n = 0; n < events_before; n += 1000) {
            store.append(numbered_batch(n, 1000));
        }
        store.run(many_rows(1), idem::projection_mode::manual);
        store.catch_up("rows");
    }
    const fs::path& path() const { return path_; }

    account rebuild(const rebuild_kind& kind, const kill_point& at) {
        fs::remove_all(path_);
        fs::copy(original_, path_, fs::copy_options::recursive);
        return run_victim({path_, "rebuild-until", std::to_string(kind.version),
                           kind.make_current ? "1" : "0", at.section, at.what,
                           std::to_string(at.number), at.when, std::to_string(first_meanwhile)});
    }

private:
    const scratch_folder folder_{fast_folder()};
    const fs::path original_ = folder_ / "original.idem";
    const fs::path path_ = folder_ / "s.idem";
};

bool is_swapped(const idem::store& store, const rebuild_kind& kind) {
    const auto now = store.find_projection("rows");
    REQUIRE(now);
    if (kind.version == 1) return now->position != events_before;
    if (kind.make_current) return now->version == kind.version;
    CHECK(now->version == 1);
    return store.projections().size() == 2;
}

// The old rows or the new, whole, all events, and a way on.
bool check_survivor(const fs::path& path, const rebuild_kind& kind, const account& told) {
    idem::store store(path, {.replay_threads = 1});
    check_acknowledged(store, told.lines);
    const bool swapped = is_swapped(store, kind);
    const auto rows = store.find_projection("rows");
    if (!swapped || !kind.make_current) {
        CHECK(rows->version == 1);
        CHECK(rows->position == events_before);
    }
    check_whole(store);
    REQUIRE(store.append(numbered_batch(first_after, 10)).accepted());
    const auto result = store.rebuild(many_rows(kind.version));
    CHECK(result.complete);
    CHECK(result.position == store.head());
    check_whole(store);
    CHECK(store.find_projection("rows")->version == kind.version);
    CHECK_FALSE(has_leftovers(path));
    return swapped;
}

// Whether it was killed there, with the new rows in place; nullopt: it came to its end before.
std::optional<bool> kill_at(killed_store& store, const rebuild_kind& kind, const kill_point& at) {
    CAPTURE(at.section);
    CAPTURE(at.what);
    CAPTURE(at.number);
    CAPTURE(at.when);
    const account told = store.rebuild(kind, at);
    if (told.done) return std::nullopt;
    CAPTURE(told.call);
    CAPTURE(told.bytes);
    REQUIRE(told.when == at.when);
    const bool swapped = check_survivor(store.path(), kind, told);
    if (at.section != "swap") {
        CHECK(swapped == (at.section == "clear_up"));
    } else if (!told.swap_took_several_steps) {
        CHECK(swapped == told.committed());
    }
    if (at.number % 8 == 1) CHECK(idem::verify(store.path()).sound());
    return swapped;
}

struct tally {
    int old_rows = 0;
    int new_rows = 0;
};

// How pages lie, and so how many writes they take, differs a little from time to time: the end is
// where several in a row were not reached.
tally kill_in(killed_store& store, const rebuild_kind& kind, const std::string& section,
              std::uint64_t step, const std::vector<std::string>& moments) {
    tally seen;
    for (const auto& when : moments) {
        int misses = 0;
        for (std::uint64_t n = 1; misses < 3; n += step) {
            const auto swapped = kill_at(store, kind, {section, "operations", n, when});
            misses = swapped ? 0 : misses + 1;
            if (swapped) ++(*swapped ? seen.new_rows : seen.old_rows);
        }
    }
    return seen;
}

// The write that makes the swap's commit, on either side: the first of the phase, unless the last
// events took longer than one step may.
void check_deciding_write(killed_store& store, const rebuild_kind& kind) {
    constexpr std::uint64_t steps_max = 20;
    bool swapped = false;
    for (std::uint64_t n = 1; !swapped && n <= steps_max; ++n) {
        CHECK(kill_at(store, kind, {"swap", "commits", n, "before"}) != true);
        swapped = kill_at(store, kind, {"swap", "commits", n, "after"}) == true;
    }
    CHECK(swapped);
}

void kill_everywhere(const rebuild_kind& kind) {
    killed_store store;
    const account whole = store.rebuild(kind, {"none", "operations"});
    REQUIRE(whole.done);
    for (const std::string section : {"replay", "load", "swap", "clear_up"}) {
        const auto count = whole.sections.find(section);
        REQUIRE(count != whole.sections.end());
        const bool swap = section == "swap";
        constexpr std::uint64_t chosen = 6;
        const std::uint64_t step =
            swap || all_points() ? 1 : std::max<std::uint64_t>(count->second / chosen, 1);
        std::vector<std::string> moments{"after"};
        if ((swap && !sanitized) || all_points()) {
            moments.insert(moments.end(), {"before", "midway"});
        }
        const tally seen = kill_in(store, kind, section, step, moments);
        MESSAGE(section << ": " << count->second << " operations; killed with the old rows: "
                        << seen.old_rows << ", with the new: " << seen.new_rows);
        CHECK(seen.old_rows + seen.new_rows >= 2);
    }
    check_deciding_write(store, kind);
}

}  // namespace

TEST_CASE("a kill at each disk operation of a rebuild: new version") {
    kill_everywhere({.version = 2, .make_current = true});
}

TEST_CASE("a kill at each disk operation of a rebuild: the same version anew") {
    kill_everywhere({.version = 1, .make_current = true});
}

TEST_CASE("a kill at each disk operation of a rebuild: new version, kept beside") {
    kill_everywhere({.version = 2, .make_current = false});
}

TEST_CASE("a kill at each disk operation of appends: batches are there whole or not at all") {
    constexpr std::uint64_t batches = 8;
    std::uint64_t killed = 0;
    for (const char* when : {"before", "midway", "after"}) {
        for (std::uint64_t n = 1;; ++n) {
            CAPTURE(when);
            CAPTURE(n);
            const scratch_folder folder(fast_folder());
            const fs::path path = folder / "s.idem";
            idem::store(path).append(numbered_batch(first_after, 1));
            const account told = run_victim(
                {path, "append-until", "0", std::to_string(batches), std::to_string(n), when});
            if (told.done) break;
            REQUIRE(told.when == when);
            ++killed;
            idem::store store(path);
            check_acknowledged(store, told.lines);
            std::uint64_t end = 1;
            for (std::uint64_t i = 0; i < batches && end < store.head(); ++i) end += 1 + i % 4 * 50;
            CHECK(store.head() == end);
            REQUIRE(store.append(numbered_batch(0, end)).accepted());
            CHECK(idem::verify(path).sound());
        }
    }
    MESSAGE("killed: " << killed);
    CHECK(killed >= 3 * 3 * batches);
}
