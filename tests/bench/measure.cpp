#include "measure.hpp"

#include <fmt/format.h>
#include <fmt/os.h>

#include <cstdio>

namespace bench {

std::string rates(double ours, double theirs) {
    return fmt::format("{:.3g} k/s against {:.3g} k/s", ours / 1e3, theirs / 1e3);
}

void report::add(figure f) {
    if (figures_.empty()) {
        fmt::print("{:<70} {:>8} {:>9}  {}\n", "what", "measured", "goal", "");
    }
    fmt::print("{:<70} {:>8.2f} {:>2}{:>7.2f}{} {}\n", f.what, f.ratio,
               f.at_most ? "<=" : ">=", f.goal, f.reached() ? " " : "!", f.detail);
    std::fflush(stdout);
    figures_.push_back(std::move(f));
}

void report::write_json(const std::filesystem::path& file) const {
    auto out = fmt::output_file(file.string());
    for (const figure& f : figures_) {
        out.print("{{\"what\":\"{}\",\"ratio\":{:.4f},\"{}\":{}}}\n", f.what, f.ratio,
                  f.at_most ? "at_most" : "at_least", f.goal);
    }
}

}  // namespace bench
