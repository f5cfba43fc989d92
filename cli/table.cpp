#include "table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "text.hpp"

namespace idem::cli {
namespace {

constexpr std::size_t rows_measured = 200;
constexpr std::string_view gap = "  ";
constexpr std::string_view bold = "\x1b[1m";
constexpr std::string_view plain = "\x1b[0m";

}  // namespace

table::table(session& s, std::vector<column> columns) : session_(s), columns_(std::move(columns)) {}

void table::add(std::vector<std::string> cells) {
    cells.resize(columns_.size());
    for (auto& cell : cells) cell = printable(cell);
    waiting_.push_back(std::move(cells));
    if (!widths_.empty() || waiting_.size() >= rows_measured) flush();
}

void table::fix_widths() {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        std::size_t width = display_width(columns_[i].title);
        for (const auto& row : waiting_) width = std::max(width, display_width(row[i]));
        widths_.push_back(width);
    }
    const std::size_t total =
        std::accumulate(widths_.begin(), widths_.end(), gap.size() * (widths_.size() - 1));
    const std::size_t available = terminal_width();
    std::size_t excess = total > available ? total - available : 0;
    const auto shrink = [&excess](std::size_t& width, std::size_t narrowest) {
        const std::size_t less = std::min(excess, width - std::min(width, narrowest));
        width -= less;
        excess -= less;
        return less > 0;
    };
    constexpr std::size_t elastic_narrowest = 24;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (columns_[i].elastic) shrink(widths_[i], elastic_narrowest);
    }
    constexpr std::size_t narrowest = 8;
    while (excess > 0) {  // then the widest that may be cut, letter by letter
        std::size_t* widest = nullptr;
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            if (columns_[i].whole || columns_[i].align == align::right) continue;
            if (!widest || widths_[i] > *widest) widest = &widths_[i];
        }
        if (!widest || !shrink(*widest, std::max(narrowest, *widest - 1))) return;
    }
}

void table::flush() {
    if (waiting_.empty()) return;
    if (widths_.empty()) {
        fix_widths();
        std::vector<std::string> titles;
        for (const auto& c : columns_) titles.push_back(c.title);
        print(titles, session_.colour ? bold : "");
    }
    for (const auto& row : waiting_) print(row, "");
    waiting_.clear();
}

void table::finish(std::string_view what_there_is_not) {
    flush();
    if (widths_.empty() && !session_.json) {
        session_.out.write(fmt::format("no {}\n", what_there_is_not));
    }
}

void table::print(const std::vector<std::string>& cells, std::string_view style) {
    std::string line(style);
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const std::string cell = cut_to_width(cells[i], widths_[i]);
        const std::string space(widths_[i] - std::min(widths_[i], display_width(cell)), ' ');
        const bool last = i + 1 == cells.size();
        if (columns_[i].align == align::right) {
            line += space + cell;
        } else {
            line += cell;
            if (!last) line += space;
        }
        if (!last) line += gap;
    }
    if (!style.empty()) line += plain;
    line += '\n';
    session_.out.write(line);
}

void print_fields(session& s, const std::vector<std::pair<std::string, std::string>>& fields) {
    std::size_t width = 0;
    for (const auto& [name, value] : fields) width = std::max(width, display_width(name));
    for (const auto& [name, value] : fields) {
        s.out.write(name + std::string(width - display_width(name), ' ') + std::string(gap) +
                    printable(value) + "\n");
    }
}

}  // namespace idem::cli
