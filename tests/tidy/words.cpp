#include <array>
#include <cctype>

#include "rules.hpp"

namespace tidy {
namespace {

// Cut in two, so that this file does not hold them.
constexpr std::array<std::string_view, 4> left_over = {
    "TO"
    "DO",
    "FIX"
    "ME",
    "X"
    "XX",
    "HA"
    "CK"};
constexpr std::array<std::string_view, 4> sleeps = {
    "sleep_"
    "for",
    "sleep_"
    "until",
    "nano"
    "sleep",
    "sleep"
    "("};

bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

bool has_word(std::string_view line, std::string_view word) {
    for (std::size_t at = line.find(word); at != std::string_view::npos;
         at = line.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        if ((at == 0 || !is_word(line[at - 1])) && (end == line.size() || !is_word(line[end]))) {
            return true;
        }
    }
    return false;
}

// A call, or the shell's command with a number.
bool has_sleep(std::string_view line) {
    for (const std::string_view sleep : sleeps) {
        if (line.find(sleep) != std::string_view::npos) return true;
    }
    constexpr std::string_view command = "sleep ";
    for (std::size_t at = line.find(command); at != std::string_view::npos;
         at = line.find(command, at + 1)) {
        const std::size_t next = at + command.size();
        if (next < line.size() && std::isdigit(static_cast<unsigned char>(line[next]))) return true;
    }
    return false;
}

}  // namespace

std::vector<finding> check_words(const source_tree& tree) {
    std::vector<finding> found;
    for (const auto& [path, file] : tree) {
        const bool may_not_sleep = is_below(path, "tests") || is_below(path, "examples");
        for (std::size_t i = 0; i < file.lines.size(); ++i) {
            for (const std::string_view word : left_over) {
                if (has_word(file.lines[i], word)) {
                    found.push_back({path, i + 1, std::string(word) + ": do it, or file an issue"});
                }
            }
            if (may_not_sleep && has_sleep(file.lines[i])) {
                found.push_back({path, i + 1, "a sleep: wait for the condition instead"});
            }
        }
    }
    return found;
}

}  // namespace tidy
