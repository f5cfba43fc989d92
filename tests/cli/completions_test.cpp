// The completions of the shells, and the page of commands, know exactly what --help shows.
#include <doctest/doctest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "run_command.hpp"

namespace {

std::string read_text(const std::string& file) {
    std::ifstream in(file);
    REQUIRE(in);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

std::set<std::string> matches(const std::string& text, const char* pattern) {
    std::set<std::string> found;
    const std::regex expression(pattern);
    for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) {
        found.insert((*at)[1]);
    }
    return found;
}

std::set<std::string> commands_in(const std::string& help) {
    const auto start = help.find("\nCommands:");
    if (start == std::string::npos) return {};
    return matches(help.substr(start), "\n  ([a-z]+) ");
}

std::set<std::string> commands() {
    const auto found = commands_in(run_command({"--help"}).out);
    REQUIRE(found.size() == 30);
    return found;
}

// Long options, without those of every command; of a group those of all its commands.
std::set<std::string> options_of(const std::string& command, const std::string& of_group = {}) {
    std::vector<std::string> asked{command, "--help"};
    if (!of_group.empty()) asked.insert(asked.begin(), of_group);
    const std::string help = run_command(asked).out;
    const auto start = help.find("\nOptions:");
    auto found = matches(help.substr(start, help.find("\nOf every command") - start),
                         "\n  (?:-[a-z],)?--([a-z-]+)");
    if (of_group.empty()) {
        for (const auto& inner : commands_in(help)) found.merge(options_of(inner, command));
    }
    found.erase("help");
    return found;
}

const std::set<std::string> everywhere{"json", "plugin", "no-color", "help"};

std::string completion(const char* name) {
    return read_text(std::string(IDEM_COMPLETIONS) + "/" + name);
}

}  // namespace

TEST_CASE("bash and zsh complete each command's options, and no others") {
    for (const char* file : {"idem.bash", "_idem"}) {
        const std::string text = completion(file);
        for (const auto& command : commands()) {
            CAPTURE(file);
            CAPTURE(command);
            std::smatch line;
            const std::regex one_line("\n +" + command + "\\)([^\n]*)");
            REQUIRE(std::regex_search(text, line, one_line));
            CHECK(matches(line[1], "--([a-z-]+)") == options_of(command));
        }
        for (const auto& option : everywhere) {
            CAPTURE(option);
            CHECK(text.find("--" + option) != std::string::npos);
        }
    }
}

TEST_CASE("fish completes each command's options, and no others") {
    const std::string text = completion("idem.fish");
    for (const auto& command : commands()) {
        CAPTURE(command);
        const std::string pattern =
            "__fish_seen_subcommand_from " + command + "'[^\n]* -l ([a-z-]+)";
        CHECK(matches(text, pattern.c_str()) == options_of(command));
        CHECK(text.find("-a " + command + " ") != std::string::npos);
    }
    for (const auto& option : everywhere) {
        CAPTURE(option);
        CHECK(text.find("complete -c idem -l " + option) != std::string::npos);
    }
}

TEST_CASE("bash reads its completions without a complaint and completes") {
    const std::string script =
        "source " + std::string(IDEM_COMPLETIONS) +
        "/idem.bash && COMP_WORDS=(idem append --at) COMP_CWORD=2 && "
        "_idem && echo \"${COMPREPLY[@]}\" && "
        "COMP_WORDS=(idem ba) COMP_CWORD=1 && _idem && echo \"${COMPREPLY[@]}\"";
    const auto result = run_command({"-c", script}, command_setting{.program = "/bin/bash"});
    CHECK(result.exit_code == 0);
    CHECK(result.err == "");
    CHECK(result.out == "--atomic\nbackup\n");
}

TEST_CASE("the page of commands names every command and option") {
    const std::string page = read_text(IDEM_COMMANDS_PAGE);
    for (const auto& command : commands()) {
        CAPTURE(command);
        const auto start = page.find("\n## " + command + "\n");
        REQUIRE(start != std::string::npos);
        const std::string section = page.substr(start, page.find("\n## ", start + 1) - start);
        for (const auto& option : options_of(command)) {
            CAPTURE(option);
            const bool shared = section.find("[filters]") != std::string::npos;
            CHECK((section.find("--" + option) != std::string::npos ||
                   (shared && page.find("`--" + option) != std::string::npos)));
        }
    }
}
