// An application with the whole command line inside, and projections of its own.
#include <doctest/doctest.h>

#include "run_command.hpp"
#include "scratch_folder.hpp"

TEST_CASE(
    "an application runs every command with its own projections, verify in a child of itself too") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    const auto run = [](const std::vector<std::string>& arguments,
                        std::optional<std::string> input = {}) {
        return run_command(arguments,
                           command_setting{.input = std::move(input), .program = IDEM_EMBEDDING});
    };
    CHECK(run({"append", store}, numbered_line(1) + numbered_line(2)).exit_code == 0);
    const auto never_run = json_lines(run({"projections", store}).out).at(0);
    CHECK(never_run.at("name") == "happenings");
    CHECK(never_run.at("kept") == "false");
    CHECK(never_run.at("behind") == "2");
    const auto rows = run({"state", store, "happenings"});
    CHECK(rows.exit_code == 0);
    CHECK(json_lines(rows.out).at(0).at("row") == "2");
    const auto verified = run({"verify", store});
    CHECK(verified.exit_code == 0);
    CHECK(json_lines(verified.out).at(0).at("events") == "2");
    CHECK(run({"verify", scratch / "absent.idem"}).exit_code == 1);
    CHECK(run({"nonsense"}).exit_code == 2);
}
