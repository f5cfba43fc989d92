#include "nearest.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <numeric>

#include "text.hpp"

namespace idem::cli {
namespace {

// Levenshtein's: letters to insert, remove or replace.
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), 0);
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0]++;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

}  // namespace

std::vector<std::string> nearest(std::string_view written, const std::vector<std::string>& known) {
    constexpr std::size_t shortest = 3;  // fewer letters begin too many words
    constexpr std::size_t longest = 64;  // longer words are no slips, and the work is quadratic
    if (written.size() > longest) return {};
    std::vector<std::string> best;
    if (written.size() >= shortest) {
        std::copy_if(known.begin(), known.end(), std::back_inserter(best),
                     [written](const std::string& word) { return word.starts_with(written); });
    }
    if (!best.empty()) return best;
    std::size_t best_distance = std::max<std::size_t>(2, written.size() / 4);
    for (const auto& word : known) {
        const std::size_t d = distance(written, word);
        if (d > best_distance) continue;
        if (d < best_distance) best.clear();
        best.push_back(word);
        best_distance = d;
    }
    return best;
}

error no_such_value(std::string_view option, std::string_view written,
                    const std::vector<std::string>& known) {
    const auto meant = nearest(written, known);
    return {
        errc::invalid_input,
        fmt::format("{} {}: give one of {}{}", option, printable(written), fmt::join(known, ", "),
                    meant.empty() ? "" : fmt::format("; did you mean {}?", meant.front()))};
}

}  // namespace idem::cli
