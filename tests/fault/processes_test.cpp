#include <doctest/doctest.h>

#include <map>
#include <sstream>

#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "scratch_folder.hpp"
#include "victim_process.hpp"

TEST_CASE("two processes and this one race the same ids: each is appended once") {
    constexpr std::uint64_t ids = 300;
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    victim_process one({path, "race", std::to_string(ids)});
    victim_process two({path, "race", std::to_string(ids)});
    one.read_to_end();
    two.read_to_end();
    CHECK(one.wait() == 0);
    CHECK(two.wait() == 0);
    std::map<std::uint64_t, std::uint64_t> positions;
    std::uint64_t appended = 0;
    std::istringstream lines(one.lines() + two.lines());
    std::string outcome;
    for (std::uint64_t number = 0, position = 0; lines >> number >> outcome >> position;) {
        appended += outcome == "appended";
        CHECK(positions.emplace(number, position).first->second == position);
    }
    CHECK(positions.size() == ids);
    CHECK(appended == ids);
    CHECK(idem::store(path).head() == ids);
}

TEST_CASE("two processes make the same decisions under a condition: each is made once") {
    constexpr std::uint64_t decisions = 300;
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    victim_process one({path, "decide", std::to_string(decisions), "0"});
    victim_process two({path, "decide", std::to_string(decisions), "1000000"});
    one.read_to_end();
    two.read_to_end();
    CHECK(one.wait() == 0);
    CHECK(two.wait() == 0);
    std::map<std::uint64_t, std::uint64_t> positions;
    std::uint64_t appended = 0;
    std::uint64_t failed = 0;
    std::istringstream lines(one.lines() + two.lines());
    std::string outcome;
    for (std::uint64_t number = 0, position = 0; lines >> number >> outcome >> position;) {
        appended += outcome == "appended";
        failed += outcome == "condition_failed";
        CHECK(positions.emplace(number, position).first->second == position);
    }
    CHECK(appended == decisions);
    CHECK(failed == decisions);
    CHECK(idem::store(path).head() == decisions);
}

// Runs of the indexes are written, and merged, by whichever process passes their end. The second
// begins in the middle, so what it finds known the other has appended, and the other way round.
TEST_CASE("two processes deliver the same events while the indexes are written and merged") {
    constexpr std::uint64_t events = 300'000;
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    victim_process one({path, "deliver", std::to_string(events), "0"});
    victim_process two({path, "deliver", std::to_string(events), std::to_string(events / 2)});
    one.read_to_end();
    two.read_to_end();
    CHECK(one.wait() == 0);
    CHECK(two.wait() == 0);
    std::map<std::uint64_t, std::uint64_t> appended;
    std::istringstream lines(one.lines() + two.lines());
    for (std::uint64_t first = 0, count = 0; lines >> first >> count;) appended[first] += count;
    CHECK(appended.size() == events / 1000);
    for (const auto& [first, count] : appended) CHECK(count == 1000);
    CHECK(idem::store(path).head() == events);
    const auto report = idem::verify(path);
    for (const auto& f : report.findings) FAIL_CHECK(f.kind << ": " << f.message);
}

TEST_CASE("16 threads of each of two processes race the same keys: the work of each ran once") {
    constexpr std::uint64_t keys = 25;
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    victim_process one({path, "once", std::to_string(keys)});
    victim_process two({path, "once", std::to_string(keys)});
    one.read_to_end();
    two.read_to_end();
    CHECK(one.wait() == 0);
    CHECK(two.wait() == 0);
    std::map<std::uint64_t, std::uint64_t> ran;
    std::map<std::uint64_t, std::string> results;
    std::uint64_t answers = 0;
    std::istringstream lines(one.lines() + two.lines());
    std::string what;
    for (std::uint64_t key = 0; lines >> key >> what;) {
        if (what == "ran") {
            ++ran[key];
        } else {
            ++answers;
            CHECK(results.emplace(key, what).first->second == what);
        }
    }
    CHECK(answers == 2 * 16 * keys);
    CHECK(ran.size() == keys);
    idem::store store(path);
    for (std::uint64_t key = 0; key < keys; ++key) {
        CHECK(ran[key] == 1);
        CHECK(store.find_stream("work-" + std::to_string(key))->last_revision == 0);
    }
    CHECK(store.head() == 2 * keys);
    CHECK(idem::verify(path).sound());
}

TEST_CASE("two processes race the same claims: one gets each lease") {
    constexpr std::uint64_t keys = 200;
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    victim_process one({path, "claim", std::to_string(keys)});
    victim_process two({path, "claim", std::to_string(keys)});
    one.read_to_end();
    two.read_to_end();
    CHECK(one.wait() == 0);
    CHECK(two.wait() == 0);
    std::map<std::uint64_t, std::uint64_t> ran;
    std::istringstream lines(one.lines() + two.lines());
    std::string what;
    for (std::uint64_t key = 0; lines >> key >> what;) ++ran[key];
    CHECK(ran.size() == keys);
    for (const auto& [key, times] : ran) CHECK(times == 1);
    CHECK(idem::store(path).keys().stats().completed == keys);
}
