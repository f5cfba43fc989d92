#include <array>
#include <cctype>

#include "rules.hpp"

namespace tidy {
namespace {

constexpr std::array<std::string_view, 4> left_over = {"TODO", "FIXME", "XXX", "HACK"};
constexpr std::array<std::string_view, 5> sleeps = {"sleep", "usleep", "nanosleep", "sleep_for",
                                                    "sleep_until"};

bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

// Whether the line has `word`, not as a part of a longer one, and `then` behind it.
template <class Then>
bool has_word(std::string_view line, std::string_view word, Then then) {
    for (std::size_t at = line.find(word); at != std::string_view::npos;
         at = line.find(word, at + 1)) {
        const std::string_view rest = line.substr(at + word.size());
        if ((at == 0 || !is_word(line[at - 1])) && then(rest)) return true;
    }
    return false;
}

bool has_left_over(std::string_view line, std::string_view word) {
    return has_word(line, word, [](auto rest) { return rest.empty() || !is_word(rest[0]); });
}

// A call, or the shell's command with a number.
bool has_sleep(std::string_view line, std::string_view name) {
    return has_word(line, name, [](auto rest) {
        if (rest.starts_with('(')) return true;
        return rest.size() > 1 && rest[0] == ' ' &&
               std::isdigit(static_cast<unsigned char>(rest[1]));
    });
}

}  // namespace

std::vector<finding> check_words(const source_tree& tree) {
    std::vector<finding> found;
    for (const auto& [path, file] : tree) {
        if (is_below(path, "tests/tidy")) continue;  // the words stand here
        const bool may_not_sleep = is_below(path, "tests") || is_below(path, "examples");
        for (std::size_t i = 0; i < file.lines.size(); ++i) {
            const std::string_view line = file.lines[i];
            for (const std::string_view word : left_over) {
                if (!has_left_over(line, word)) continue;
                found.push_back({path, i + 1, std::string(word) + ": do it, or file an issue"});
            }
            for (const std::string_view name : sleeps) {
                if (!may_not_sleep || !has_sleep(line, name)) continue;
                found.push_back({path, i + 1, "a sleep: wait for the condition instead"});
            }
        }
    }
    return found;
}

}  // namespace tidy
