// What an application tests its own projections with: whether their rows are the same however its
// events are delivered. Link idem::testing, and in a test
//
//     const auto report = idem::testing::converge(bank::balances(), events);
//     CHECK_MESSAGE(report.converges(), report.message());
//
// The events are delivered again and again to stores in scratch folders: permuted as far as the
// order that the projection declares allows, repeated, cut into other batches, to processes that
// are killed, to several stores that exchange what they have; rows are rebuilt and replayed under
// another clock, in another process. What differs is shrunk to the fewest events and steps that
// show it, and told as a test. The user's own store is only read.
//
// In a program that links idem::testing, clock_gettime(), gettimeofday() and time() go through it.
// It passes them on; only a handler under test, while it runs, is told another time now and then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "idem/event.hpp"
#include "idem/projection.hpp"
#include "idem/store.hpp"

namespace idem::testing {

// Which deliveries must give the same rows.
enum class order : std::uint8_t {
    arrival,      // new events in the order of the log; repeats, batches, crashes as they come
    commutative,  // events in any order, and exchanged by stores
    canonical,    // likewise, each with a stamp, by which it has its place among them
};
std::string_view to_string(order value) noexcept;

enum class step_kind : std::uint8_t {
    deliver,   // one batch is appended
    crash,     // one batch is appended by a process that is killed while it applies it
    reopen,    // the store is closed and opened
    catch_up,  // the projection is brought up to the last event
    rebuild,   // the rows are folded anew and swapped
    sync,      // two stores give each other what the other lacks
    replay,    // the log is folded again, in other processes, at other times: the same rows?
    rows,      // apply() and keys_of() with apply_row(): the same rows?
    upcast,    // each upcaster twice: the same data?
};

struct step {
    step_kind kind = step_kind::deliver;
    std::size_t store = 0;  // from 0
    std::size_t other = 0;  // sync: the other store
    std::size_t at = 0;     // crash: killed when so many are applied; beyond: after the commit
    std::vector<std::size_t> events = {};  // deliver, crash: by number from 1, in this order

    friend bool operator==(const step&, const step&) = default;
};

// A value that says all about one run; printed, a step a line (lib/src/testing/TESTING.md).
struct schedule {
    std::uint64_t seed = 0;  // it was made from
    testing::order order = testing::order::arrival;
    std::size_t stores = 1;
    projection_mode mode = projection_mode::manual;  // or inline_
    std::vector<step> steps = {};

    friend bool operator==(const schedule&, const schedule&) = default;
};
std::string to_string(const schedule& s);

// A schedule with its events: a run that anybody can repeat.
struct scenario {
    testing::schedule schedule = {};
    std::vector<event> setup = {};   // registrations of schemas, which every store has first
    std::vector<event> events = {};  // number 1 is the first
};
std::string to_string(const scenario& s);  // the schedule, "events", and a CloudEvent a line
// Throws invalid_input that names the line.
scenario parse_scenario(std::string_view text);

enum class finding_kind : std::uint8_t {
    diverges,         // other deliveries gave other rows
    impure,           // two replays of one log gave other rows
    rows_disagree,    // keys_of() and apply_row() do otherwise than apply()
    impure_upcaster,  // it made two things of one event
    fails,            // the handler throws, or ends the process, in one delivery and not in another
    refused,          // the store did not take an event that it must take
};
std::string_view to_string(finding_kind kind) noexcept;

struct differing_row {
    std::string key;                    // as print_key() prints it
    std::optional<std::string> wanted;  // as JSON; nullopt: no such row
    std::optional<std::string> found;
};

struct finding {
    finding_kind kind = finding_kind::diverges;
    std::string message = {};              // what, and what to do about it
    std::vector<differing_row> rows = {};  // at most 20
    testing::scenario scenario = {};       // the least that shows it
    bool reproduced = true;                // it showed again when the same was done again
    std::size_t shrunk_from_events = 0;
    std::size_t shrunk_from_steps = 0;
};

// A doctest test case in C++ that fails as long as the finding is there. `projection` is the C++
// expression that makes it.
std::string to_test(const finding& f, std::string_view projection);

struct options {
    std::uint64_t seed = 0;        // 0: chosen at random; the report tells it
    std::size_t schedules = 500;   // made at random, at most a million
    std::size_t events_max = 200;  // of the log; a sample of whole streams where it is longer
    std::optional<testing::order> order = {};  // in place of what the projection declares
    // false: nothing is forked, and a crash is a commit that is given up. For programs in which a
    // child of fork() cannot work, such as those with sanitizers of threads.
    bool processes = true;
    std::size_t shrink_runs_max = 2000;  // how much work goes into shrinking one finding
    bool personal = false;  // events with a data subject too: findings print their data
    // Told now and then how many schedules are done; false: stop.
    std::function<bool(std::size_t done)> progress = {};
};

struct report {
    std::uint64_t seed = 0;
    testing::order order = testing::order::arrival;
    std::size_t events = 0;     // of the log that took part
    std::size_t left_out = 0;   // that could not: without data, or personal
    std::size_t schedules = 0;  // done
    std::size_t deliveries = 0;
    std::size_t crashes = 0;
    bool complete = true;  // false: progress() stopped it
    std::vector<finding> findings = {};

    bool converges() const noexcept { return findings.empty(); }
    std::string message() const;  // the findings with their scenarios; else one line
};

// Runs the checks and then schedules until there is a finding. Throws what opening stores in the
// system's temporary folder may throw, and invalid_input for options out of bounds, for a
// projection without a handler, and for events that no store takes.
report converge(const projection& p, std::span<const event> log, const options& options = {});
report converge(const projection& p, const store& from, const options& options = {});

// The sample of a log that converge() would take.
scenario sample(const store& from, const options& options, std::size_t* left_out = nullptr);

// Does what the scenario says, and compares. Throws invalid_input where it does not fit together.
std::optional<finding> run(const projection& p, const scenario& s, const options& options = {});

}  // namespace idem::testing
