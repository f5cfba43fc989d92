// Every store on the same events, one axis at a time around one middle: a table, a line of JSON for
// each trial, and a plot for each axis.
#include "compare.hpp"

#include <fmt/format.h>
#include <fmt/os.h>

#include <cstdlib>
#include <map>

#include "subjects/subject.hpp"
#include "trial.hpp"

namespace bench {
namespace {

struct point {
    std::string at;
    workload w;
    trial_options options;
};
struct axis {
    std::string name;
    std::vector<point> points;
};

// A trial takes as many events as this lets it, and as many seconds: slow stores get fewer events.
constexpr std::uint64_t commits_max = 3000;
constexpr double seconds_max = 15;

workload middle() {
    workload w;
    w.duplicates = 1;
    return w;
}

template <class Set>
axis vary(std::string name, const std::vector<std::uint64_t>& values, Set&& set) {
    axis a{std::move(name), {}};
    for (const std::uint64_t value : values) {
        point p{std::to_string(value), middle(), {false, false, seconds_max}};
        set(p, value);
        if (p.w.batch < 1000)
            p.w.events = std::min(p.w.events, commits_max * p.w.batch * p.w.writers);
        a.points.push_back(std::move(p));
    }
    return a;
}

std::vector<axis> axes(std::uint64_t events_max) {
    std::vector<std::uint64_t> sizes{1'000'000};
    for (const std::uint64_t more : {10'000'000ULL, 30'000'000ULL}) {
        if (more <= events_max) sizes.push_back(more);
    }
    return {
        vary("events", sizes,
             [](point& p, std::uint64_t n) {
                 p.w.events = n;
                 p.options = {true, true, n > 1'000'000 ? 10 * seconds_max : seconds_max};
             }),
        vary("id version", {4, 7},
             [](point& p, std::uint64_t n) { p.w.version = static_cast<int>(n); }),
        vary("events a commit", {1, 10, 100, 1000},
             [](point& p, std::uint64_t n) { p.w.batch = n; }),
        vary("writers of single events", {1, 16},
             [](point& p, std::uint64_t n) {
                 p.w.batch = 1;
                 p.w.duplicates = 0;
                 p.w.writers = static_cast<unsigned>(n);
             }),
        vary("duplicates in a hundred", {1, 50},
             [](point& p, std::uint64_t n) { p.w.duplicates = static_cast<unsigned>(n); }),
        vary("bytes of payload", {128, 1024},
             [](point& p, std::uint64_t n) {
                 p.w.payload = n;
                 p.w.events = 500'000;
             }),
        vary("streams", {1, 1000, 1'000'000}, [](point& p, std::uint64_t n) { p.w.streams = n; }),
    };
}

void print_head() {
    fmt::print(
        "{:<24} {:>8} {:<20} {:>10} {:>10} {:>6} {:>8} {:>8} {:>7} {:>7} {:>10} {:>10} {:>10}\n",
        "axis", "at", "store", "events", "events/s", "last", "worst", "to disk", "on disk", "heap",
        "again/s", "scan/s", "rebuild/s");
    fmt::print(
        "{:<24} {:>8} {:<20} {:>10} {:>10} {:>6} {:>8} {:>8} {:>7} {:>7} {:>10} {:>10} {:>10}\n",
        "", "", "", "", "", "/first", "ms", "/payload", "B/event", "MiB", "", "", "");
}

void print(const axis& a, const point& p, const contestant& who, const measurement& m) {
    const bool whole = m.given == p.w.events && p.w.writers == 1;
    fmt::print(
        "{:<24} {:>8} {:<20} {:>10} {:>10.0f} {:>6} {:>8} {:>8.2f} {:>7.0f} {:>7.1f} {:>10.0f} "
        "{:>10.0f} "
        "{:>10.0f}\n",
        a.name, p.at, who.name, m.given, m.rate,
        whole ? fmt::format("{:.2f}", m.last_rate / m.first_rate) : "",
        p.w.writers == 1 ? fmt::format("{:.1f}", m.worst_ms) : "", m.sectors, m.on_disk, m.heap_mib,
        m.again, m.scan, m.rebuild);
    std::fflush(stdout);
}

std::string as_json(const axis& a, const point& p, const contestant& who, const measurement& m) {
    return fmt::format(
        R"({{"axis":"{}","at":{},"store":"{}","events":{},"events_per_second":{:.0f},)"
        R"("last_per_second":{:.0f},"first_per_second":{:.0f},"worst_ms":{:.2f},)"
        R"("written_per_payload":{:.3f},"sectors_per_payload":{:.3f},)"
        R"("disk_bytes_per_event":{:.1f},"heap_mib":{:.1f},)"
        R"("duplicates_per_second":{:.0f},"scan_per_second":{:.0f},"rebuild_per_second":{:.0f}}})"
        "\n",
        a.name, p.at, who.name, m.given, m.rate, m.last_rate, m.first_rate, m.worst_ms, m.written,
        m.sectors, m.on_disk, m.heap_mib, m.again, m.scan, m.rebuild);
}

// By point, then by store.
using rates_of_axis = std::vector<std::map<std::string, double>>;

void plot(const axis& a, const rates_of_axis& rates, const std::filesystem::path& folder) {
    const auto data = folder / (a.name + ".dat");
    {
        auto out = fmt::output_file(data.string());
        out.print("at");
        for (const contestant& c : contestants()) out.print("\t\"{}\"", c.name);
        out.print("\n");
        for (std::size_t i = 0; i < a.points.size(); ++i) {
            out.print("{}", a.points[i].at);
            for (const contestant& c : contestants()) {
                const auto found = rates[i].find(c.name);
                if (found == rates[i].end()) {
                    out.print("\t?");
                } else {
                    out.print("\t{:.0f}", found->second);
                }
            }
            out.print("\n");
        }
    }
    FILE* const gnuplot = ::popen("gnuplot", "w");
    if (gnuplot == nullptr) return;
    fmt::print(
        gnuplot,
        "set terminal svg size 900,420 font 'sans-serif,12'\n"
        "set output '{}'\n"
        "set logscale y\nset grid y\nset datafile separator '\\t'\nset datafile missing '?'\n"
        "set style data histogram\nset style histogram clustered gap 1\n"
        "set style fill solid\nset key outside\n"
        "set xlabel '{}'\nset ylabel 'events/s'\n"
        "plot for [c=2:{}] '{}' using c:xtic(1) title columnheader(c)\n",
        (folder / (a.name + ".svg")).string(), a.name, contestants().size() + 1, data.string());
    ::pclose(gnuplot);
    std::filesystem::remove(data);
}

}  // namespace

void compare(const settings& s, const std::filesystem::path& out) {
    std::filesystem::create_directories(out);
    auto json = fmt::output_file((out / "compare.jsonl").string());
    print_head();
    for (const axis& a : axes(s.events)) {
        rates_of_axis rates(a.points.size());
        for (std::size_t i = 0; i < a.points.size(); ++i) {
            const point& p = a.points[i];
            for (const contestant& who : contestants()) {
                // What does not know ids takes duplicates for new events: its times are the limit.
                workload w = p.w;
                trial_options options = p.options;
                if (!who.rejects_duplicates) {
                    w.duplicates = 0;
                    options.again = false;
                }
                try {
                    const measurement m = run_trial(who, w, options, s.folder / "trial");
                    rates[i][who.name] = m.rate;
                    print(a, p, who, m);
                    json.print("{}", as_json(a, p, who, m));
                    json.flush();
                } catch (const std::exception& e) {
                    fmt::print("{:<24} {:>8} {:<20} failed: {}\n", a.name, p.at, who.name,
                               e.what());
                }
            }
        }
        plot(a, rates, out);
    }
}

}  // namespace bench
