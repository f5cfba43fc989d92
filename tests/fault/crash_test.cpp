// kill -9 at any moment: what was acknowledged is there, once; what was not is there whole or not
// at all.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>
#include <sstream>

#include "counting_fold.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "victim_process.hpp"

namespace {

constexpr int rounds = 100;  // of each kind

void check_sound(const std::filesystem::path& path, const idem::projection& fold) {
    const auto report = idem::verify(path, {.projections = {&fold, 1}});
    for (const auto& f : report.findings) FAIL_CHECK(f.kind << ": " << f.message);
}

// The batches of one thread have 1, 2, ... 23, 1, ... events: where a thread's events end, a batch
// ends.
bool ends_with_a_batch(std::uint64_t events) {
    for (std::uint64_t size = 1; events > 0; size = size % 23 + 1) {
        if (events < size) return false;
        events -= size;
    }
    return true;
}

}  // namespace

TEST_CASE(
    "100 kills during append: nothing acknowledged is lost, nothing doubled, no part of a batch") {
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    const idem::projection fold = counting_fold();
    std::mt19937_64 random(20261123);
    std::map<std::uint64_t, std::uint64_t> acknowledged;
    for (int round = 0; round < rounds; ++round) {
        CAPTURE(round);
        const std::uint64_t first = static_cast<std::uint64_t>(round) * 3'000'000;
        {
            victim_process victim({path, "append", std::to_string(first)});
            victim.read_until(random() % 4000);
            victim.kill_hard();
            victim.read_to_end();
            std::istringstream lines(victim.lines());
            for (std::uint64_t number = 0, position = 0; lines >> number >> position;) {
                acknowledged[number] = position;
            }
        }
        const idem::store store(path);
        std::map<std::uint64_t, std::uint64_t> events_of_thread;
        std::set<idem::uuid> ids;
        bool doubled = false;
        store.read({}, [&](const idem::event_view& e) {
            doubled = doubled || !ids.insert(e.id()).second;
            const auto data = e.data();  // {"number":N}
            const auto number = std::stoull(std::string(data.substr(10, data.size() - 11)));
            if (number >= first) ++events_of_thread[(number - first) / 1'000'000];
        });
        CHECK_FALSE(doubled);
        for (const auto& [thread, events] : events_of_thread) CHECK(ends_with_a_batch(events));
        std::uint64_t lost = 0;
        for (const auto& [number, position] : acknowledged) {
            if (number < first) continue;  // seen in its own round, and the log only grows
            const auto found = store.find(numbered_id(number));
            lost += !found || found->position != position;
        }
        CHECK(lost == 0);
        CHECK(store.head() == ids.size());
    }
    CHECK(acknowledged.size() > rounds);
    std::uint64_t lost = 0;
    idem::store store(path);
    for (const auto& [number, position] : acknowledged) {
        const auto again = store.find(numbered_id(number));
        lost += !again || again->position != position;
    }
    CHECK(lost == 0);
    check_sound(path, fold);
}

// A run is written every 65,536 events and runs are merged in between, so some of the kills fall
// into that.
TEST_CASE("kills while the indexes are written and merged: each acknowledged event is known") {
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    std::mt19937_64 random(20261125);
    std::uint64_t first = 0;
    std::uint64_t acknowledged = 0;
    for (int round = 0; round < 12; ++round) {
        CAPTURE(round);
        victim_process victim({path, "fill", std::to_string(first)});
        victim.read_until(200 + random() % 2000);
        victim.kill_hard();
        victim.read_to_end();
        std::istringstream lines(victim.lines());
        idem::store store(path);
        std::uint64_t wrong = 0;
        for (std::uint64_t number = 0, position = 0; lines >> number >> position;) {
            const auto again = store.append(numbered_batch(number - 999, 1000)).receipts;
            for (const auto& r : again) wrong += r.outcome != idem::outcome::duplicate;
            wrong += again.back().position != position;
            acknowledged += 1000;
        }
        CHECK(wrong == 0);
        CHECK(store.head() % 1000 == 0);
        first += 10'000'000;
    }
    CHECK(acknowledged > 3 * 65'536);
    const auto report = idem::verify(path);
    for (const auto& f : report.findings) FAIL_CHECK(f.kind << ": " << f.message);
    CHECK(report.events >= acknowledged);
}

TEST_CASE("kills while the index of tags is written: it is in step with the log") {
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    std::mt19937_64 random(20261126);
    std::uint64_t acknowledged = 0;
    for (std::uint64_t round = 0; round < 12; ++round) {
        CAPTURE(round);
        victim_process victim({path, "tag", std::to_string(round * 10'000'000)});
        victim.read_until(200 + random() % 1000);
        victim.kill_hard();
        victim.read_to_end();
        std::istringstream lines(victim.lines());
        idem::store store(path);
        std::uint64_t wrong = 0;
        for (std::uint64_t number = 0, position = 0; lines >> number >> position;) {
            const std::string tag = "batch:" + std::to_string(number - 999);
            const auto e = numbered_event(900'000'000);
            const auto again = store.append({&e, 1}, {.unless = {{.tags = {tag}}}});
            wrong += again.accepted() || again.rejection->match != position;
            std::uint64_t events = 0;
            idem::query select;
            select.tags = {"some:3", tag};
            store.read(select, [&](const idem::event_view&) { ++events; });
            wrong += events != 143;
            acknowledged += 1000;
        }
        CHECK(wrong == 0);
    }
    CHECK(acknowledged > 2 * 65'536);
    const auto report = idem::verify(path);
    for (const auto& f : report.findings) FAIL_CHECK(f.kind << ": " << f.message);
    CHECK(report.events >= acknowledged);
}

TEST_CASE("100 kills during catch-up: the rows are those of a full replay") {
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    const idem::projection fold = counting_fold();
    std::mt19937_64 random(20261124);
    std::uint64_t number = 0;
    for (int round = 0; round < rounds; ++round) {
        CAPTURE(round);
        victim_process victim({path, "catch-up"});
        victim.read_until(1);
        {
            idem::store store(path);
            const std::uint64_t batches = 1 + random() % 6;
            for (std::uint64_t b = 0; b < batches; ++b) {
                std::vector<idem::event> batch;
                for (std::uint64_t i = 0; i < 200; ++i, ++number) {
                    batch.push_back(numbered_event(number, "s" + std::to_string(number % 400)));
                }
                store.append(batch);
            }
        }
        victim.kill_hard();
        if (round % 10 == 9) check_sound(path, fold);
    }
    idem::store store(path);
    store.run(fold, idem::projection_mode::manual);
    CHECK(store.catch_up("counts") == number);
    CHECK(store.state("counts").digest() == store.replay(fold).digest());
    CHECK(store.state(counting_fold()).find("s7").row->events == (number + 392) / 400);
    check_sound(path, fold);
}
