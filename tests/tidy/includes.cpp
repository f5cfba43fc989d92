#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "rules.hpp"

namespace tidy {
namespace {

// From the bottom up. Rooms of one height stand side by side and do not see each other.
const std::map<std::string, int, std::less<>> rooms = {
    {"base", 0},       {"storage", 1},   {"index", 2},       {"log", 3},   {"schema", 4},
    {"projection", 5}, {"causality", 6}, {"idempotency", 6}, {"store", 7}, {"testing", 8}};

constexpr std::array<std::string_view, 9> not_in_public_headers = {
    "lmdb.h", "flatbuffers/idl.h", "CLI/",        "CLI11",   "nlohmann/",
    "fmt/",   "xxhash.h",          "uuid/uuid.h", "sodium.h"};

// One include line.
struct arrow {
    std::string from;
    std::size_t line = 0;
    std::string name;    // as written
    std::string target;  // the file of the tree that it means; empty: none of ours, or generated
};

bool is_public(std::string_view path) {
    return is_below(path, "lib/include") || is_below(path, "cli/include");
}

// The room of a file in lib/src: its folder there, or store for the facade that lies beside them.
std::optional<std::string> room_of(std::string_view path) {
    constexpr std::string_view folder = "lib/src/";
    if (!path.starts_with(folder)) return {};
    path.remove_prefix(folder.size());
    const std::size_t slash = path.find('/');
    return std::string(slash == std::string_view::npos ? "store" : path.substr(0, slash));
}

std::string find_target(const source_tree& tree, const std::string& from, const std::string& name) {
    const std::filesystem::path beside = std::filesystem::path(from).parent_path();
    for (const std::filesystem::path& folder :
         {beside, std::filesystem::path("lib/src"), std::filesystem::path("lib/include"),
          std::filesystem::path("cli/include"), std::filesystem::path("cli"),
          std::filesystem::path("tests")}) {
        const std::string path = (folder / name).lexically_normal().generic_string();
        if (tree.contains(path)) return path;
    }
    return {};
}

std::optional<std::string> included_name(const std::string& code, const std::string& line) {
    const std::size_t hash = code.find_first_not_of(" \t");
    if (hash == std::string::npos || code[hash] != '#') return {};
    const std::size_t word = code.find_first_not_of(" \t", hash + 1);
    if (word == std::string::npos || code.compare(word, 7, "include") != 0) return {};
    const std::size_t open = line.find_first_of("<\"", word + 7);
    if (open == std::string::npos) return {};
    const std::size_t close = line.find(line[open] == '<' ? '>' : '"', open + 1);
    if (close == std::string::npos) return {};
    return line.substr(open + 1, close - open - 1);
}

std::vector<arrow> find_arrows(const source_tree& tree) {
    std::vector<arrow> arrows;
    for (const auto& [path, file] : tree) {
        for (std::size_t i = 0; i < file.code.size(); ++i) {
            if (auto name = included_name(file.code[i], file.lines[i])) {
                arrows.push_back({path, i + 1, *name, find_target(tree, path, *name)});
            }
        }
    }
    return arrows;
}

// What keeps the houses apart: lib stands alone, cli and examples stand on the public headers.
std::optional<std::string> check_houses(const arrow& a) {
    const bool private_file = !a.target.empty() && !is_public(a.target);
    if (is_below(a.from, "lib")) {
        for (const char* house : {"cli", "tests", "examples"}) {
            if (is_below(a.target, house)) return "lib/ includes nothing of " + a.target;
        }
    }
    for (const char* house : {"cli", "examples"}) {
        const bool generated = a.name == "event_generated.h" || a.name == "catalog_generated.h";
        if (is_below(a.from, house) &&
            (generated || (private_file && !is_below(a.target, house)))) {
            return std::string(house) + "/ includes the public headers and its own files, not " +
                   a.name;
        }
    }
    return {};
}

std::optional<std::string> check_public_header(const arrow& a) {
    if (!is_public(a.from)) return {};
    if (!a.target.empty() && !is_public(a.target)) {
        return "a public header can be read without " + a.target;
    }
    for (const std::string_view name : not_in_public_headers) {
        if (a.name.starts_with(name)) return "a public header does not include " + a.name;
    }
    if (a.name.ends_with("_generated.h")) return "the wire format is private: " + a.name;
    return {};
}

std::optional<std::string> check_rooms(const arrow& a) {
    const auto from = room_of(a.from);
    const auto to = room_of(a.target);
    if (!from || !to || *from == *to) return {};
    const auto above = rooms.find(*from);
    const auto below = rooms.find(*to);
    if (above == rooms.end() || below == rooms.end()) return {};  // reported as such
    if (below->second < above->second) return {};
    return "the room " + *from + " includes " + a.name + " of " + *to + ", which is not below it";
}

bool may_see_lmdb(std::string_view path) {
    return is_below(path, "lib/src/storage") || is_below(path, "tests/storage") ||
           is_below(path, "tests/bench");  // it measures LMDB alone, to compare
}

// The files that include lmdb.h, and those that include one of them, and so on.
std::set<std::string> files_that_see_lmdb(const std::vector<arrow>& arrows) {
    std::set<std::string> files;
    for (bool grown = true; grown;) {
        grown = false;
        for (const arrow& a : arrows) {
            if (a.name == "lmdb.h" || files.contains(a.target)) {
                grown = files.insert(a.from).second || grown;
            }
        }
    }
    return files;
}

// Two rooms that include each other, each pair once, at the line that points up if there is one.
void check_pairs(const std::vector<arrow>& arrows, std::vector<finding>& found) {
    std::map<std::pair<std::string, std::string>, const arrow*> edges;
    for (const arrow& a : arrows) {
        const auto from = room_of(a.from);
        const auto to = room_of(a.target);
        if (from && to && *from != *to) edges.try_emplace({*from, *to}, &a);
    }
    for (const auto& [edge, a] : edges) {
        if (edge.first < edge.second && edges.contains({edge.second, edge.first})) {
            found.push_back({a->from, a->line,
                             "the rooms " + edge.first + " and " + edge.second +
                                 " include each other; the other way is " +
                                 edges.at({edge.second, edge.first})->from});
        }
    }
}

void check_room_names(const source_tree& tree, std::vector<finding>& found) {
    for (const auto& [path, file] : tree) {
        if (const auto room = room_of(path); room && !rooms.contains(*room)) {
            found.push_back({path, 1,
                             "lib/src/" + *room +
                                 " is no room that the tidy test knows: give it its place in "
                                 "tests/tidy/includes.cpp"});
        }
    }
}

}  // namespace

std::vector<finding> check_includes(const source_tree& tree) {
    std::vector<finding> found;
    const std::vector<arrow> arrows = find_arrows(tree);
    const std::set<std::string> see_lmdb = files_that_see_lmdb(arrows);
    for (const arrow& a : arrows) {
        for (const auto& message : {check_houses(a), check_public_header(a), check_rooms(a)}) {
            if (message) found.push_back({a.from, a.line, *message});
        }
        if ((a.name == "lmdb.h" || see_lmdb.contains(a.target)) && !may_see_lmdb(a.from)) {
            found.push_back(
                {a.from, a.line, a.name + " shows lmdb.h, which the storage room alone may see"});
        }
    }
    check_pairs(arrows, found);
    check_room_names(tree, found);
    return found;
}

}  // namespace tidy
