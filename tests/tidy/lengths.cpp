#include <algorithm>

#include "code_text.hpp"
#include "rules.hpp"

namespace tidy {
namespace {

// Characters, not bytes, of UTF-8.
std::size_t columns(std::string_view line) {
    return static_cast<std::size_t>(std::ranges::count_if(
        line, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string over(std::string_view what, std::size_t size, std::string_view unit, std::size_t max) {
    return std::string(what) + " has " + std::to_string(size) + " " + std::string(unit) +
           ", over the limit of " + std::to_string(max);
}

void check_functions(const std::string& path, const source_file& file,
                     std::vector<finding>& found) {
    const functions all = find_functions(file.code);
    if (!all.balanced) {
        found.push_back({path, file.lines.size(),
                         "the braces do not close as the tidy test reads them; branches of #if "
                         "must close theirs"});
        return;
    }
    for (const function_span& span : all.spans) {
        const std::size_t size = span.last - span.first + 1;
        if (size > function_lines_max) {
            found.push_back(
                {path, span.first,
                 over("the function", size, "lines", function_lines_max) + ": give a part a name"});
        }
    }
}

}  // namespace

std::vector<finding> check_lengths(const source_tree& tree) {
    std::vector<finding> found;
    for (const auto& [path, file] : tree) {
        if (!is_cpp(path)) continue;
        const std::size_t lines_max = is_header(path) ? header_lines_max : source_lines_max;
        if (file.lines.size() > lines_max) {
            found.push_back({path, lines_max + 1,
                             over("the file", file.lines.size(), "lines", lines_max) +
                                 ": it usually holds two subjects"});
        }
        for (std::size_t i = 0; i < file.lines.size(); ++i) {
            const std::size_t size = columns(file.lines[i]);
            if (size > columns_max) {
                found.push_back({path, i + 1, over("the line", size, "columns", columns_max)});
            }
        }
        check_functions(path, file, found);
    }
    return found;
}

}  // namespace tidy
