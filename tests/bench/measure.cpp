#include "measure.hpp"

#include <fmt/format.h>
#include <fmt/os.h>

#include <cstdio>
#include <thread>

namespace bench {

std::string rate(double a_second) {
    constexpr double rounded_up = 999.5;  // from here three digits would be 1.00 of the next unit
    if (a_second >= rounded_up * 1e3) return fmt::format("{:.3g} M/s", a_second / 1e6);
    if (a_second >= rounded_up) return fmt::format("{:.3g} k/s", a_second / 1e3);
    return fmt::format("{:.3g}/s", a_second);
}

std::string rates(double ours, double theirs) {
    return rate(ours) + " against " + rate(theirs);
}

report::report(const settings& s) {
    fmt::print(
        "idem_bench{}: {} events of 128 bytes, {} for the catch-up, {} typed ones for the rebuild, "
        "{} of single events; {} cores\n"
        "stores in {}; ratios are of two measurements of this run\n"
        "wanted: what this project asks of itself; ! where this run did not reach it\n\n",
        s.quick ? " --quick" : "", s.events, s.rebuilt_events, s.typed_events, s.single_events,
        std::thread::hardware_concurrency(), s.folder.string());
    fmt::print("{:<76} {:>8} {:>10}\n", "what", "measured", "wanted");
    std::fflush(stdout);
}

void report::add(figure f) {
    fmt::print("{:<76} {:>8.2f} {:>2}{:>8.2f} {} {}\n", f.what, f.ratio,
               f.at_most ? "<=" : ">=", f.wanted, f.reached() ? " " : "!", f.detail);
    std::fflush(stdout);
    figures_.push_back(std::move(f));
}

void report::write_json(const std::filesystem::path& file) const {
    auto out = fmt::output_file(file.string());
    for (const figure& f : figures_) {
        out.print("{{\"what\":\"{}\",\"ratio\":{:.4f},\"{}\":{}}}\n", f.what, f.ratio,
                  f.at_most ? "at_most" : "at_least", f.wanted);
    }
}

}  // namespace bench
