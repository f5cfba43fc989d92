// Consumers and sources whose process is killed, before and after each commit and at any moment,
// or which share their work with another process.
#include <doctest/doctest.h>

#include <set>
#include <sstream>

#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "scratch_folder.hpp"
#include "stream_counts.hpp"
#include "victim_process.hpp"

namespace {

void fill(const std::string& path, std::uint64_t events) {
    idem::store store(path);
    std::vector<idem::event> batch;
    for (std::uint64_t n = 0; n < events; ++n) {
        batch.push_back(numbered_event(n, "s" + std::to_string(n % 7)));
    }
    store.append(batch);
    store.consumers().create("c", counting_options());
}

// The state and what was appended say of each event that it was handled once.
void check_counts(const std::string& path, std::uint64_t events) {
    idem::store store(path);
    stream_counts of_the_log;
    std::set<std::string> caused;
    std::uint64_t made = 0;
    store.read({}, [&](const idem::event_view& e) {
        if (e.type() == "Happened") ++of_the_log[std::string(e.stream())];
        if (e.type() != "Counted") return;
        ++made;
        caused.emplace(e.causation_id());
    });
    const auto info = store.consumers().find("c");
    REQUIRE(info);
    CHECK(parse_counts(info->state) == of_the_log);
    CHECK(info->events == events);
    CHECK(made == events);
    CHECK(caused.size() == events);
    CHECK(info->waiting == 0);
    CHECK(idem::verify(path).findings.empty());
}

}  // namespace

TEST_CASE("killed before and after each commit, a consumer counts each event once") {
    constexpr std::uint64_t events = 200;
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    fill(path, events);
    bool killed = true;
    for (int round = 0; killed; ++round) {
        REQUIRE(round < 100);
        victim_process victim({path, "die-at", round % 2 == 0 ? "before" : "after"});
        victim.read_to_end();
        const int status = victim.wait();
        killed = WIFSIGNALED(status);
        if (!killed) CHECK(WEXITSTATUS(status) == 0);
    }
    check_counts(path, events);
    CHECK(idem::store(path).consumers().find("c")->advances == (events + 12) / 13);
}

TEST_CASE("killed at any moment, a consumer counts each event once") {
    constexpr std::uint64_t events = 3000;
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    fill(path, events);
    for (std::size_t bytes = 5;; bytes = bytes * 3 % 101 + 1) {
        victim_process victim({path, "consume"});
        victim.read_until(bytes);
        if (victim.read_until_line("done") && bytes > 90) break;
        victim.kill_hard();
    }
    victim_process last({path, "consume"});
    CHECK(last.read_until_line("done"));
    check_counts(path, events);
}

TEST_CASE("two processes work as one consumer, and each event counts once") {
    constexpr std::uint64_t events = 3000;
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    fill(path, events);
    victim_process one({path, "consume"});
    victim_process two({path, "consume"});
    CHECK(one.read_until_line("done"));
    CHECK(two.read_until_line("done"));
    check_counts(path, events);
}

TEST_CASE("two processes, one of them killed, take in a source, each position once") {
    constexpr std::uint64_t positions = 400;
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    idem::store(path).head();
    std::string said;
    {
        victim_process one({path, "ingest", std::to_string(positions)});
        victim_process two({path, "ingest", std::to_string(positions)});
        one.read_until(50);
        one.kill_hard();
        two.read_to_end();
        CHECK(two.wait() == 0);
        said = one.lines() + two.lines();
    }
    std::set<std::uint64_t> accepted;
    std::istringstream lines(said);
    for (std::uint64_t position = 0; lines >> position;) CHECK(accepted.insert(position).second);
    idem::store store(path);
    const auto source = store.consumers().find_source("source");
    REQUIRE(source);
    CHECK(source->position == positions);
    CHECK(source->deliveries == positions);
    CHECK(accepted.size() >= positions - 1);  // one may have been killed before it could say so
    CHECK(store.find_stream("stream")->last_revision == positions - 1);
}
