// Measures the store against the limit of what it stands on and against others, in one run.
//
//     idem_bench                      # 10 M events, some minutes; most of them are the peers'
//     idem_bench --quick              # 500,000 events, under a minute
//     idem_bench --only rebuild       # one part; --help lists them
//     TMPDIR=/data idem_bench --events 30000000 --json figures.jsonl
//     idem_bench --lines 1000000 > lines.jsonl          # for import.sh
//     servers.sh idem_bench --compare build/compare     # every store, one axis at a time, plots
#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "compare.hpp"
#include "measure.hpp"
#include "workload.hpp"

namespace {

constexpr struct {
    std::string_view name;
    void (*measure)(const bench::settings& s, bench::report& r);
} parts[] = {{"flat", bench::measure_flat_cost},       {"rising", bench::measure_rising},
             {"single", bench::measure_single},        {"reading", bench::measure_reading},
             {"condition", bench::measure_conditions}, {"keys", bench::measure_keys},
             {"effects", bench::measure_effects},      {"sagas", bench::measure_sagas},
             {"sealed", bench::measure_sealed},        {"order", bench::measure_order},
             {"sync", bench::measure_sync},            {"rebuild", bench::measure_rebuild},
             {"canonical", bench::measure_canonical}};

bool is_part(std::string_view name) {
    return std::any_of(std::begin(parts), std::end(parts),
                       [&](const auto& part) { return part.name == name; });
}

}  // namespace

int main(int argc, char** argv) {
    bench::settings settings;
    std::filesystem::path json;
    std::filesystem::path compared;
    std::string_view only;
    bool sized = false;
    for (int i = 1; i < argc; ++i) {
        const std::string_view option = argv[i];
        if (option == "--quick") {
            settings.quick = true;
            settings.events = 500'000;
            settings.single_events = 16'000;
            settings.rebuilt_events = 4'000'000;
            settings.typed_events = 1'000'000;
            settings.swept_keys = 100'000;
            settings.peer_seconds_max = 6;
        } else if (option == "--events" && i + 1 < argc) {
            settings.events = std::stoull(argv[++i]);
            settings.rebuilt_events = settings.typed_events = settings.events;
            sized = true;
        } else if (option == "--only" && i + 1 < argc && is_part(argv[i + 1])) {
            only = argv[++i];
        } else if (option == "--json" && i + 1 < argc) {
            json = argv[++i];
        } else if (option == "--lines" && i + 1 < argc) {
            bench::workload w;
            w.events = std::stoull(argv[++i]);
            bench::print_lines(w, stdout);
            return 0;
        } else if (option == "--compare" && i + 1 < argc) {
            compared = argv[++i];
        } else {
            fmt::print(stderr,
                       "usage: idem_bench [--quick] [--events N] [--only PART] [--json FILE]\n"
                       "       idem_bench [--events N] --compare FOLDER\n"
                       "       idem_bench --lines N\n"
                       "parts: flat, rising, single, reading, condition, keys, effects, sagas, "
                       "sealed, order, rebuild, canonical\n");
            return option == "--help" ? 0 : 2;
        }
    }
    std::string name = (std::filesystem::temp_directory_path() / "idem-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
        std::perror(name.c_str());
        return 1;
    }
    settings.folder = name;
    if (!compared.empty() && !sized) settings.events = 1'000'000;
    if (!compared.empty()) {
        bench::compare(settings, compared);
    } else {
        bench::report report(settings);
        for (const auto& part : parts) {
            if (only.empty() || part.name == only) part.measure(settings, report);
        }
        if (!json.empty()) report.write_json(json);
    }
    std::filesystem::remove_all(settings.folder);
    return 0;
}
