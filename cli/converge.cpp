// idem converge: a projection under other deliveries of the same log, in scratch stores.
#include <fmt/format.h>

#include <fstream>

#include "converge_commands.hpp"
#include "exit_code.hpp"
#include "find_projection.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "idem/testing.hpp"
#include "input.hpp"
#include "interrupt.hpp"
#include "json_line.hpp"
#include "missing_keys.hpp"
#include "open_store.hpp"
#include "progress.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

std::optional<testing::order> order_of(const std::string& word) {
    if (word.empty()) return std::nullopt;
    using testing::order;
    for (const auto known : {order::arrival, order::commutative, order::canonical}) {
        if (testing::to_string(known) == word) return known;
    }
    throw error(errc::invalid_input,
                fmt::format("--order {}: give arrival, commutative or canonical", printable(word)));
}

testing::options to_options(const converge_options& asked) {
    testing::options o;
    o.order = order_of(asked.order);
    if (asked.seed == 0) throw error(errc::invalid_input, "--seed 0: give at least 1");
    o.seed = asked.seed.value_or(0);
    o.schedules = asked.schedules.value_or(o.schedules);
    o.events_max = asked.events.value_or(o.events_max);
    o.personal = asked.with_data;
    return o;
}

void write_file(const std::string& name, const std::string& text) {
    std::ofstream out(name, std::ios::binary | std::ios::trunc);
    out << text;
    out.close();
    if (!out) throw error(errc::io, fmt::format("cannot write {}", printable(name)));
}

std::string rows_json(const testing::finding& f) {
    std::string all;
    for (const auto& row : f.rows) {
        json_line line;
        line.text("key", row.key);
        for (const auto& [name, value] :
             {std::pair("wanted", row.wanted), std::pair("found", row.found)}) {
            if (value) {
                line.json(name, *value);
            } else {
                line.null(name);
            }
        }
        all += (all.empty() ? "" : ",") + line.object();
    }
    return "[" + all + "]";
}

void print(const testing::finding& f, session& s) {
    const std::string scenario = testing::to_string(f.scenario);
    const std::string test = testing::to_test(f, "projection");
    if (s.json) {
        json_line line;
        line.text("kind", testing::to_string(f.kind)).text("message", f.message);
        line.json("rows", rows_json(f)).flag("reproduced", f.reproduced);
        line.number("events", f.scenario.events.size());
        line.number("steps", f.scenario.schedule.steps.size());
        line.text("scenario", scenario).text("test", test);
        s.out.write(line.str());
        return;
    }
    const auto kind = std::string(testing::to_string(f.kind));
    s.out.write(fmt::format("{}: {}\n", s.colour ? "\x1b[31m" + kind + "\x1b[0m" : kind,
                            printable(f.message)));
    for (const auto& row : f.rows) {
        s.out.write(fmt::format("  row {}: wanted {}, found {}\n", printable(row.key),
                                printable(row.wanted.value_or("no row")),
                                printable(row.found.value_or("no row"))));
    }
    if (!f.reproduced) s.out.write("  it did not show again when the same was done again\n");
    s.out.write(
        fmt::format("\n{} events in {} steps show it, for --schedule:\n\n{}\n"
                    "and as a test:\n\n{}",
                    f.scenario.events.size(), f.scenario.schedule.steps.size(), scenario, test));
}

void summarise(const testing::report& r, const projection& p, session& s) {
    if (s.json) {
        json_line line;
        line.text("name", p.name).number("version", p.version);
        line.flag("converges", r.converges()).flag("complete", r.complete);
        line.text("order", testing::to_string(r.order)).number("seed", r.seed);
        line.number("events", r.events).number("left_out", r.left_out);
        line.number("schedules", r.schedules).number("deliveries", r.deliveries);
        line.number("crashes", r.crashes).number("findings", r.findings.size());
        s.out.write(line.str());
        return;
    }
    if (!r.converges()) return;
    s.out.write(
        fmt::format("converges: {} events, {} schedules with {} deliveries and {} crashes "
                    "(order {}, seed {})\n",
                    with_commas(r.events), with_commas(r.schedules), with_commas(r.deliveries),
                    with_commas(r.crashes), testing::to_string(r.order), r.seed));
}

testing::report run_one(const projection& p, const std::string& file, const testing::options& o) {
    constexpr std::size_t bytes_max = 256 << 20;
    const auto scenario = testing::parse_scenario(read_file(file, bytes_max));
    testing::report report;
    report.seed = scenario.schedule.seed;
    report.order = scenario.schedule.order;
    report.events = scenario.events.size();
    report.schedules = 1;
    if (auto found = testing::run(p, scenario, o)) report.findings.push_back(std::move(*found));
    return report;
}

testing::report run_all(const projection& p, const store& from, testing::options o, session& s) {
    const interrupt signals;
    progress shown("schedules", s.json_asked);
    o.progress = [&](std::size_t done) {
        shown.update({done, o.schedules, done});
        return !signals.requested();
    };
    auto report = testing::converge(p, from, o);
    shown.clear();
    return report;
}

}  // namespace

int run(const converge_options& asked, session& s) {
    const auto options = to_options(asked);
    const store from = open_to_read(asked.store);
    const auto p = find_projection(s, from, asked.name);
    require_definition(p);
    const auto report = asked.schedule.empty() ? run_all(p.fold, from, options, s)
                                               : run_one(p.fold, asked.schedule, options);
    for (const auto& f : report.findings) {
        print(f, s);
        if (!asked.save.empty()) write_file(asked.save, testing::to_string(f.scenario));
        if (!asked.test.empty()) write_file(asked.test, testing::to_test(f, "projection"));
    }
    summarise(report, p.fold, s);
    if (report.events == 0) s.tell("there are no events that could be delivered");
    if (report.left_out > 0) {
        s.tell(
            fmt::format("{} events were left out: erased, sealed, or of data subjects, which "
                        "--with-data takes in",
                        with_commas(report.left_out)));
    }
    return report.converges() ? success : findings;
}

}  // namespace idem::cli
