// Tables for people: columns as wide as their text, cut where the terminal ends.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "session.hpp"

namespace idem::cli {

enum class align : std::uint8_t { left, right };

struct column {
    std::string title;
    cli::align align = align::left;
    bool elastic = false;  // gives way first where the terminal is narrow
    bool whole = false;    // never cut; numbers, which are aligned right, are not either
};

// The first rows decide how wide the columns are; so a table of any length takes little memory.
class table {
public:
    table(session& s, std::vector<column> columns);

    void add(std::vector<std::string> cells);  // one for each column
    void flush();                              // shows what was added; the titles only with rows
    // The same, at the end. Where there was no row, people are told so: "no streams".
    void finish(std::string_view what_there_is_not);

private:
    void fix_widths();
    void print(const std::vector<std::string>& cells, std::string_view style);

    session& session_;
    std::vector<column> columns_;
    std::vector<std::size_t> widths_;  // empty until fixed
    std::vector<std::vector<std::string>> waiting_;
};

// "name  value" lines.
void print_fields(session& s, const std::vector<std::pair<std::string, std::string>>& fields);

}  // namespace idem::cli
