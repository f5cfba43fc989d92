// The source files that the rules look at, in memory, so that the rules can be tried on trees that
// break them.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace tidy {

struct source_file {
    std::vector<std::string> lines;  // as written
    std::vector<std::string> code;   // C++ only: the same without comments and insides of literals
};

// By path from the root, with forward slashes.
using source_tree = std::map<std::string, source_file>;

// One line that breaks a rule.
struct finding {
    std::string path;
    std::size_t line = 0;  // from 1
    std::string message;

    friend auto operator<=>(const finding&, const finding&) = default;
};

// "lib/src/log/append.cpp:12: message"
std::string to_string(const finding& f);

source_file make_source_file(std::string_view path, std::string_view text);

// The folders of the repository that hold sources, and in them the files that people write.
source_tree read_tree(const std::filesystem::path& root);

bool is_header(std::string_view path) noexcept;
bool is_cpp(std::string_view path) noexcept;  // headers too
bool is_below(std::string_view path, std::string_view folder) noexcept;

}  // namespace tidy
