// Measures the store against the bare limit of what it stands on, in one run.
//
//     idem_bench                      # 1 M events, on the disk of the temporary folder
//     idem_bench --quick              # 200,000 events
//     TMPDIR=/data idem_bench --events 10000000 --json figures.jsonl
#include <fmt/format.h>
#include <stdlib.h>

#include <cstdio>
#include <string_view>

#include "measure.hpp"

int main(int argc, char** argv) {
    bench::settings settings;
    std::filesystem::path json;
    for (int i = 1; i < argc; ++i) {
        const std::string_view option = argv[i];
        if (option == "--quick") {
            settings.events = 200'000;
            settings.single_events = 8'000;
        } else if (option == "--events" && i + 1 < argc) {
            settings.events = std::stoull(argv[++i]);
        } else if (option == "--json" && i + 1 < argc) {
            json = argv[++i];
        } else {
            fmt::print(stderr, "usage: idem_bench [--quick] [--events N] [--json FILE]\n");
            return option == "--help" ? 0 : 2;
        }
    }
    std::string name = (std::filesystem::temp_directory_path() / "idem-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
        std::perror(name.c_str());
        return 1;
    }
    settings.folder = name;
    auto figures = bench::append_figures(settings);
    for (auto& f : bench::read_figures(settings)) figures.push_back(std::move(f));
    std::filesystem::remove_all(settings.folder);
    bench::print(figures);
    if (!json.empty()) bench::write_json(figures, json);
    return 0;
}
