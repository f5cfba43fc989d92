#include "source_tree.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "code_text.hpp"

namespace tidy {
namespace {

constexpr std::array source_folders = {"schemas", "lib", "cli", "tests", "examples"};
constexpr std::array<std::string_view, 9> endings = {".hpp", ".cpp", ".h",  ".hpp.in", ".fbs",
                                                     ".sh",  ".txt", ".py", ".cmake"};

bool is_source(std::string_view path) {
    return std::ranges::any_of(endings, [&](auto ending) { return path.ends_with(ending); });
}

std::vector<std::string> split_lines(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        lines.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return lines;
}

std::string read_file(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + path.string());
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::string to_string(const finding& f) {
    return f.path + ":" + std::to_string(f.line) + ": " + f.message;
}

source_file make_source_file(std::string_view path, std::string_view text) {
    source_file file;
    file.lines = split_lines(text);
    if (is_cpp(path)) file.code = split_lines(code_of(text));
    return file;
}

source_tree read_tree(const std::filesystem::path& root) {
    source_tree tree;
    for (const char* folder : source_folders) {
        if (!std::filesystem::exists(root / folder)) continue;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
            const std::string path = entry.path().lexically_relative(root).generic_string();
            if (!entry.is_regular_file() || !is_source(path)) continue;
            tree.emplace(path, make_source_file(path, read_file(entry.path())));
        }
    }
    return tree;
}

bool is_header(std::string_view path) noexcept {
    return path.ends_with(".hpp") || path.ends_with(".h") || path.ends_with(".hpp.in");
}

bool is_cpp(std::string_view path) noexcept {
    return is_header(path) || path.ends_with(".cpp");
}

bool is_below(std::string_view path, std::string_view folder) noexcept {
    return path.starts_with(folder) && path.substr(folder.size()).starts_with('/');
}

}  // namespace tidy
