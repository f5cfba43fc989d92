// Findings as people and compilers read them.
#include "idem/testing.hpp"
#include "testing/words.hpp"

namespace idem::testing {
namespace {

std::string print(const std::optional<std::string>& row) {
    return row ? *row : "no row";
}

std::string counted(std::size_t number, const char* what) {
    return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

// A raw string, whose delimiter does not occur in it.
std::string raw_string(const std::string& text) {
    std::string delimiter = "idem";
    for (int n = 0; text.find(")" + delimiter + "\"") != text.npos; ++n) {
        delimiter = "idem" + std::to_string(n);
    }
    return "R\"" + delimiter + "(" + text + ")" + delimiter + "\"";
}

}  // namespace

std::string_view to_string(order value) noexcept {
    return word_of(value);
}
std::string_view to_string(finding_kind kind) noexcept {
    return word_of(kind);
}

std::string to_test(const finding& f, std::string_view projection) {
    std::string name;
    for (const char c : projection) {
        if (c != '"' && c != '\\' && c >= ' ') name += c;
    }
    return "#include <doctest/doctest.h>\n"
           "#include <idem/testing.hpp>\n\n"
           "TEST_CASE(\"" +
           name + " converges, seed " + std::to_string(f.scenario.schedule.seed) +
           "\") {\n"
           "    const auto scenario = idem::testing::parse_scenario(" +
           raw_string("\n" + to_string(f.scenario)) +
           ");\n"
           "    const auto found = idem::testing::run(" +
           std::string(projection) +
           ", scenario);\n"
           "    CHECK_MESSAGE(!found.has_value(), found->message);\n"
           "}\n";
}

std::string report::message() const {
    if (findings.empty()) {
        return counted(events, "event") + ", " + counted(schedules, "schedule") +
               ", the same rows each time (order " + std::string(to_string(order)) + ", seed " +
               std::to_string(seed) + ")";
    }
    std::string text;
    for (const auto& f : findings) {
        text += std::string(to_string(f.kind)) + ": " + f.message + "\n";
        for (const auto& row : f.rows) {
            text += "  row " + row.key + ": wanted " + print(row.wanted) + ", found " +
                    print(row.found) + "\n";
        }
        if (!f.reproduced) text += "  it did not show again when the same was done again\n";
        text += "seen with seed " + std::to_string(seed) + "; " +
                counted(f.scenario.events.size(), "event") + " and " +
                counted(f.scenario.schedule.steps.size(), "step") + " show it:\n" +
                to_string(f.scenario);
    }
    return text;
}

}  // namespace idem::testing
