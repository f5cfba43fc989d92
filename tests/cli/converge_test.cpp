// Projections tested from the command line.
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "run_command.hpp"
#include "scratch_folder.hpp"

namespace {

constexpr const char* latest =
    R"({"name":"latest","key":"stream","on":{"Happened":{"do":[{"set":"n","value":"data.n"}]}}})";
constexpr const char* counts =
    R"({"name":"counts","key":"stream","on":{"Happened":{"do":[{"count":"n"}]}}})";

struct shell {
    scratch_folder scratch;
    std::string store = scratch / "s.idem";

    shell() {
        std::string lines;
        for (int n = 1; n <= 40; ++n) {
            lines += line_of{.id = std::to_string(n),
                             .stream = "s" + std::to_string(n % 4),
                             .data = "{\"n\":" + std::to_string(n) + "}"}
                         .str();
        }
        REQUIRE(run_command({"append", store}, lines).exit_code == 0);
    }
    std::string file(const std::string& name, const std::string& text) const {
        const std::string path = scratch / name;
        std::ofstream(path) << text;
        return path;
    }
    command_result converge(std::vector<std::string> more) const {
        more.insert(more.begin(), {"converge", store});
        return run_command(more);
    }
};

std::string read_text(const std::string& path) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

}  // namespace

TEST_CASE("a projection that converges is said to, with what was tried") {
    const shell sh;
    const auto result =
        sh.converge({sh.file("counts.json", counts), "--schedules", "20", "--seed", "7"});
    CHECK_MESSAGE(result.exit_code == 0, result.err << result.out);
    const auto lines = json_lines(result.out);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].at("name") == "counts");
    CHECK(lines[0].at("converges") == "true");
    CHECK(lines[0].at("order") == "commutative");
    CHECK(lines[0].at("seed") == "7");
    CHECK(lines[0].at("events") == "40");
    CHECK(lines[0].at("schedules") == "20");
}

TEST_CASE(
    "a JSON projection that is not commutative is found out, and the scenario shows it again") {
    const shell sh;
    const auto definition = sh.file("latest.json", latest);
    const auto as_declared = sh.converge({definition, "--schedules", "20"});
    CHECK_MESSAGE(as_declared.exit_code == 0, as_declared.err << as_declared.out);
    const auto saved = sh.scratch / "found.txt";
    const auto test = sh.scratch / "found_test.cpp";
    const auto result = sh.converge(
        {definition, "--order", "commutative", "--seed", "7", "--save", saved, "--test", test});
    CHECK_MESSAGE(result.exit_code == 4, result.err << result.out);
    const auto lines = json_lines(result.out);
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].at("kind") == "diverges");
    CHECK(lines[0].at("events") == "2");
    CHECK(lines[0].at("steps") == "1");
    CHECK(lines[0].at("reproduced") == "true");
    CHECK(lines[0].at("scenario") == read_text(saved));
    CHECK(lines[1].at("converges") == "false");
    CHECK(read_text(test).find("TEST_CASE(") != std::string::npos);
    const auto again = sh.converge({definition, "--schedule", saved});
    CHECK(again.exit_code == 4);
    CHECK(json_lines(again.out).at(0).at("kind") == "diverges");
    const auto right = sh.converge({sh.file("counts.json", counts), "--schedule", saved});
    CHECK(right.exit_code == 0);
}

TEST_CASE("the scores of the football example converge in any order") {
    const shell sh;
    std::string lines;
    for (int n = 1; n <= 60; ++n) {
        const char* tags = n % 5 == 0 ? "play,102" : n % 2 == 0 ? "play,101" : "play";
        lines += line_of{.id = "match-" + std::to_string(n),
                         .stream = "match-" + std::to_string(n % 3),
                         .type = n % 7 == 0 ? "Free Kick" : "Shot",
                         .data = "{\"teamId\":" + std::to_string(n % 2) + "}",
                         .more = std::string(",\"tags\":\"") + tags + "\""}
                     .str();
    }
    const std::string store = sh.scratch / "matches.idem";
    const auto appended = run_command({"append", store}, lines);
    REQUIRE_MESSAGE(appended.exit_code == 0, appended.err);
    const auto rows = run_command({"replay", store, IDEM_SCORE_PROJECTION});
    CHECK(json_lines(rows.out).at(0).at("rows") != "0");
    const auto result =
        run_command({"converge", store, IDEM_SCORE_PROJECTION, "--schedules", "30"});
    CHECK_MESSAGE(result.exit_code == 0, result.err << result.out);
    const auto summary = json_lines(result.out).at(0);
    CHECK(summary.at("order") == "commutative");
    CHECK(summary.at("events") == "60");
}

TEST_CASE("what is asked wrongly is refused") {
    const shell sh;
    const auto definition = sh.file("counts.json", counts);
    CHECK(sh.converge({definition, "--order", "backwards"}).exit_code == 2);
    CHECK(sh.converge({definition, "--seed", "0"}).exit_code == 2);
    CHECK(sh.converge({definition, "--events", "0"}).exit_code == 2);
    CHECK(sh.converge({definition, "--schedules", "1000001"}).exit_code == 2);
    CHECK(sh.converge({definition, "--schedule", sh.file("bad.txt", "jump 0\n")}).exit_code == 2);
    CHECK(sh.converge({definition, "--schedule", sh.scratch / "none.txt"}).exit_code != 0);
    CHECK(sh.converge({"nothing"}).exit_code == 1);
}
