// The kit finds every wrong projection, shrinks what it finds, and lets the right ones pass.
#include <doctest/doctest.h>

#include <filesystem>

#include "error_code.hpp"
#include "idem/testing.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "wrong_projections.hpp"

namespace testing = idem::testing;
using testing::finding_kind;

namespace {

std::vector<idem::event> log_of(std::size_t events) {
    std::vector<idem::event> log;
    for (std::size_t n = 1; n <= events; ++n) {
        auto e = numbered_event(n, "s" + std::to_string(n % 7));
        e.data = R"({"n":)" + std::to_string(n) + "}";
        log.push_back(std::move(e));
    }
    return log;
}

struct caught {
    testing::finding finding;
    std::size_t events;
    std::size_t steps;
};

caught catch_one(const idem::projection& p, testing::options options = {},
                 const std::vector<idem::event>& log = log_of(60)) {
    options.seed = 20261125;
    const auto report = testing::converge(p, log, options);
    REQUIRE_MESSAGE(report.findings.size() == 1, p.name << ": " << report.message());
    const auto& f = report.findings[0];
    CAPTURE(f.message);
    CHECK(f.reproduced);
    return {f, f.scenario.events.size(), f.scenario.schedule.steps.size()};
}

// Shown again by what was printed.
void check_printed(const idem::projection& p, const testing::finding& f) {
    const auto again = testing::parse_scenario(to_string(f.scenario));
    CHECK(again.schedule == f.scenario.schedule);
    const auto found = testing::run(p, again);
    REQUIRE(found.has_value());
    CHECK(found->kind == f.kind);
}

std::size_t scratch_folders() {
    std::size_t count = 0;
    for (const auto& e :
         std::filesystem::directory_iterator(std::filesystem::temp_directory_path())) {
        count += e.path().filename().string().starts_with("idem-testing-");
    }
    return count;
}

auto counts() {
    return idem::keyed_fold<std::string, std::uint64_t>("counts")
        .on("Happened", wrong::stream_of,
            [](std::uint64_t n, const idem::event_view&) { return n + 1; })
        .commutative();
}

auto balances() {
    return idem::keyed_fold<std::string, std::int64_t>("balances")
        .on("Happened", wrong::stream_of,
            [](std::int64_t sum, const idem::event_view& e) { return sum + wrong::amount(e); })
        .commutative();
}

auto latest() {
    return idem::keyed_fold<std::string, std::string>("latest").on(
        "Happened", wrong::stream_of,
        [](std::string, const idem::event_view& e) { return std::string(e.data()); });
}

}  // namespace

TEST_CASE("folds that are what they declare pass every schedule, and leave nothing behind") {
    const auto before = scratch_folders();
    for (const idem::projection& p :
         {idem::projection(counts()), idem::projection(balances()), idem::projection(latest()),
          idem::projection(latest().canonical())}) {
        const auto report = testing::converge(p, log_of(100), {.schedules = 100});
        CHECK_MESSAGE(report.converges(), report.message());
        CHECK(report.schedules == 100);
        CHECK(report.deliveries > 200);
        CHECK(report.crashes > 10);
    }
    CHECK(scratch_folders() == before);
}

TEST_CASE("the last arrival that is declared commutative is shrunk to two events") {
    const auto p = wrong::last_arrival_wins();
    const auto [f, events, steps] = catch_one(p);
    CHECK(f.kind == finding_kind::diverges);
    CHECK(events == 2);
    CHECK(steps == 1);
    CHECK(f.scenario.schedule.steps[0].events == std::vector<std::size_t>{2, 1});
    CHECK(f.rows.size() == 1);
    check_printed(p, f);
    const auto test = to_test(f, "wrong::last_arrival_wins()");
    CHECK(test.find("deliver 0 2,1\n") != test.npos);
    CHECK(test.find("idem::testing::run(wrong::last_arrival_wins(), scenario)") != test.npos);
}

TEST_CASE("the same fold in canonical order converges, but for what is of one copy alone") {
    const auto report = testing::converge(wrong::last_arrival_wins(), log_of(60),
                                          {.schedules = 100, .order = testing::order::canonical});
    CHECK_MESSAGE(report.converges(), report.message());
    CHECK(report.order == testing::order::canonical);
    idem::projection p = wrong::adds_positions();
    p.order = idem::fold_order::canonical;
    const auto [f, events, steps] = catch_one(p);
    CHECK(f.kind == finding_kind::diverges);
    CHECK(f.scenario.schedule.order == testing::order::canonical);
    check_printed(p, f);
    p.keys_of = nullptr;
    p.apply_row = nullptr;
    CHECK_THROWS_AS(testing::converge(p, log_of(2)), idem::error);
}

TEST_CASE("a clock that is read is named, whatever its resolution") {
    const auto p = wrong::reads_the_clock();
    const auto [f, events, steps] = catch_one(p);
    CHECK(f.kind == finding_kind::impure);
    CHECK(events == 1);
    CHECK(steps == 2);
    CHECK(f.message.find("asked for the time") != f.message.npos);
    check_printed(p, f);
    CHECK(catch_one(p, {.processes = false}).finding.kind == finding_kind::impure);
}

TEST_CASE("random numbers and global state are found") {
    for (const auto& p :
         {wrong::draws_random_numbers(), wrong::counts_globally(), wrong::has_a_side_table()}) {
        CAPTURE(p.name);
        const auto [f, events, steps] = catch_one(p);
        CHECK(f.kind == finding_kind::impure);
        CHECK(events == 1);
        CHECK(f.message.find("asked for the time") == f.message.npos);
        check_printed(p, f);
    }
}

TEST_CASE("without processes of its own the kit finds global state all the same") {
    for (const auto& p :
         {wrong::draws_random_numbers(), wrong::counts_globally(), wrong::has_a_side_table()}) {
        CHECK(catch_one(p, {.processes = false}).finding.kind == finding_kind::impure);
    }
}

TEST_CASE("what is other only in the first call of a process is found") {
    const auto report = testing::converge(wrong::knows_the_first_call(), log_of(20), {.seed = 3});
    REQUIRE(report.findings.size() == 1);
    CHECK(report.findings[0].kind == finding_kind::impure);
}

TEST_CASE("a handler that throws on what it has seen is found") {
    const auto [f, events, steps] = catch_one(wrong::throws_on_duplicates());
    CHECK(f.kind == finding_kind::fails);
    CHECK(events == 1);
    CHECK(f.message.find("a duplicate") != f.message.npos);
}

TEST_CASE("sums of floating-point numbers depend on the order") {
    const auto p = wrong::sums_floats();
    const auto [f, events, steps] = catch_one(p);
    CHECK(f.kind == finding_kind::diverges);
    CHECK(events <= 3);
    check_printed(p, f);
}

TEST_CASE("positions are no part of an event") {
    const auto [f, events, steps] = catch_one(wrong::adds_positions());
    CHECK(f.kind == finding_kind::diverges);
    CHECK(events == 2);
}

TEST_CASE("an upcaster that counts is found before the folds that rest on it") {
    const auto p = wrong::upcasts_by_a_counter();
    const auto [f, events, steps] = catch_one(p);
    CHECK(f.kind == finding_kind::impure_upcaster);
    CHECK(events == 1);
    CHECK(f.message.find("from version 1") != f.message.npos);
    check_printed(p, f);
}

TEST_CASE("rows that are named otherwise than they are touched are found") {
    const auto p = wrong::names_other_rows();
    const auto [f, events, steps] = catch_one(p);
    CHECK(f.kind == finding_kind::rows_disagree);
    CHECK(events == 1);
    CHECK(f.scenario.events[0].data.ends_with("0}"));
    REQUIRE(f.rows.size() == 1);
    CHECK(f.rows[0].key == "tens");
    check_printed(p, f);
}

TEST_CASE("a handler that throws in another order is found with the two events") {
    std::vector<idem::event> log;
    for (std::size_t n = 1; n <= 40; ++n) {
        auto e = numbered_event(n, "s" + std::to_string(n / 2 % 5));
        e.data = R"({"n":)" + std::to_string(n % 2 == 0 ? 10 : -10) + "}";
        log.push_back(std::move(e));
    }
    log.erase(log.begin());
    const auto p = wrong::refuses_overdrafts();
    const auto [f, events, steps] = catch_one(p, {}, log);
    CHECK(f.kind == finding_kind::fails);
    CHECK(events == 2);
    check_printed(p, f);
}

TEST_CASE("any order can be asked of a projection that does not declare it") {
    CHECK(testing::converge(latest(), log_of(30), {.schedules = 20}).converges());
    const auto asked = catch_one(latest(), {.order = testing::order::commutative});
    CHECK(asked.finding.kind == finding_kind::diverges);
}

TEST_CASE("the log of a store is read and left as it is, with its schemas") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append(log_of(1000));
    const auto head = store.head();
    std::size_t left_out = 7;
    const auto taken = testing::sample(store, {.seed = 5, .events_max = 90}, &left_out);
    CHECK(taken.events.size() == 90);
    CHECK(left_out == 0);
    const auto report = testing::converge(counts(), store, {.schedules = 20});
    CHECK_MESSAGE(report.converges(), report.message());
    CHECK(report.events == 200);
    CHECK(store.head() == head);
    CHECK(store.projections().empty());
}

TEST_CASE("data of people takes part when it is asked for") {
    auto log = log_of(10);
    for (std::size_t i = 0; i < 4; ++i) log[i].data_subject = "ann";
    const auto without = testing::converge(counts(), log, {.schedules = 5});
    CHECK(without.events == 6);
    CHECK(without.left_out == 4);
    const auto with = testing::converge(counts(), log, {.schedules = 5, .personal = true});
    CHECK(with.events == 10);
    CHECK_MESSAGE(with.converges(), with.message());
}

TEST_CASE("the same seed makes the same schedules, and another makes others") {
    const auto report = [](std::uint64_t seed) {
        return testing::converge(counts(), log_of(50), {.seed = seed, .schedules = 10});
    };
    CHECK(report(1).deliveries == report(1).deliveries);
    CHECK(report(1).deliveries != report(2).deliveries);
    CHECK(report(9).seed == 9);
}

TEST_CASE("scenarios that do not fit together are refused") {
    const auto refuses = [](const std::string& text) {
        return code_of([&] { testing::run(counts(), testing::parse_scenario(text)); }) ==
               idem::errc::invalid_input;
    };
    CHECK(refuses("deliver 0 1\n"));
    CHECK(refuses("stores 0\n"));
    CHECK(refuses("stores 17\n"));
    CHECK(refuses("sync 0 1\n"));
    CHECK(refuses("deliver 0 0\n"));
    CHECK(refuses("deliver 0 3-1\n"));
    CHECK(refuses("deliver 0\n"));
    CHECK(refuses("deliver 0 1-1000000\n"));
    CHECK(refuses("jump 0\n"));
    CHECK(refuses("reopen 0 0\n"));
    CHECK(refuses("order backwards\n"));
    CHECK(refuses("events\nnot json\n"));
    CHECK(code_of([] {
              idem::projection p;
              testing::converge(p, log_of(1));
          }) == idem::errc::invalid_input);
}
