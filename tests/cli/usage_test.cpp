// Wrong usage: exit code 2, one line that says what would be right, nothing done.
#include <doctest/doctest.h>

#include <fstream>

#include "run_command.hpp"
#include "scratch_folder.hpp"

namespace {

const std::vector<std::string> commands{
    "append",  "import",      "export",  "log",    "show",   "why",        "streams",
    "types",   "projections", "state",   "replay", "verify", "stats",      "backup",
    "restore", "schema",      "rebuild", "diff",   "bisect", "checkpoint", "projection"};

}  // namespace

TEST_CASE("unknown commands and options are refused with what may have been meant") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    struct slip {
        std::vector<std::string> arguments;
        const char* hint;
    };
    const std::vector<slip> slips{
        {{}, "--help"},
        {{"apend", store}, "did you mean append?"},
        {{"stat", store}, "did you mean state or stats?"},
        {{"strea", store}, "did you mean streams?"},
        {{"frobnicate", store}, "idem --help"},
        {{"append", store, "--atmoic"}, "did you mean --atomic?"},
        {{"append", store, "--jsn"}, "did you mean --json?"},
        {{"log", store, "--frobnicate"}, "idem log --help"},
        {{"log", store, "-x"}, "there is no option -x"},
        {{"append"}, "STORE is required"},
        {{"show", store}, "EVENT is required"},
        {{"streams", store, "more"}, "idem streams --help"},
        {{"log", store, "--limit", "ten"}, "--limit"},
        {{"export", store, "--from", "abc"}, "--from: abc is no whole number from 0"},
        {{"export", store, "--from", "-3"}, "--from: -3 is no whole number"},
        {{"export", store, "--to", "18446744073709551616"}, "--to: 18446744073709551616 is no"},
        {{"log", store, "--limit"}, "--limit"},
        {{"state", store, "x", "--at", "1e3"}, "--at"},
        {{"--frobnicate"}, "idem --help"},
        {{"schema"}, "name a command; `idem schema --help`"},
        {{"schema", "chekc", "a", "b"}, "did you mean check?"},
        {{"schema", "check", "a"}, "NEW is required"},
        {{"schema", "check", "a", "b", "--jsn"}, "idem schema check --help"},
    };
    for (const auto& s : slips) {
        CAPTURE(s.hint);
        const auto result = run_command(s.arguments);
        CHECK(result.exit_code == 2);
        CHECK(result.out == "");
        CHECK(result.err.find(s.hint) != std::string::npos);
        CHECK(result.err.starts_with("idem: "));
        CHECK(result.err.find('\n') == result.err.size() - 1);
    }
    CHECK(!std::filesystem::exists(store));
}

TEST_CASE("an option given twice, and a position for an id, are told in plain words") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store}, numbered_line(1));
    CHECK(run_command({"log", store, "--limit", "1", "--limit", "2"})
              .err.find("--limit was given more than once") != std::string::npos);
    CHECK(run_command({"log", store, "--limit", "x"}).err.find("convert") == std::string::npos);
    CHECK(run_command({"why", store, "1"}).err.find("idem show") != std::string::npos);
}

TEST_CASE("an empty value is not taken for none, which would drop a condition") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store}, numbered_line(1));
    const std::vector<std::vector<std::string>> commands{
        {"append", store, "--expect", ""}, {"log", store, "--to", ""},
        {"log", store, "--stream", ""},    {"log", store, "--type", ""},
        {"state", store, "p", ""},         {"append", ""}};
    for (const auto& command : commands) {
        CAPTURE(command[0]);
        const auto result = run_command(command, numbered_line(2));
        CHECK(result.exit_code == 2);
        CHECK(result.out == "");
        CHECK(result.err.find("empty") != std::string::npos);
    }
    CHECK(json_lines(run_command({"export", store}).out).size() == 1);
}

TEST_CASE("started without standard streams, a command writes to no file that it opened") {
    const scratch_folder scratch;
    const auto shell = [&](const std::string& name, const std::string& more) {
        const std::string text =
            std::string(IDEM_COMMAND) + " append " + std::string(scratch / name) + " " + more;
        return run_command({"-c", text}, command_setting{.program = "/bin/sh"});
    };
    std::ofstream(scratch / "in.jsonl") << numbered_line(1);
    const std::string in = scratch / "in.jsonl";
    CHECK(shell("a", in + " >&-").exit_code == 1);
    CHECK(shell("b", in + " <&- >&- 2>&-").exit_code == 1);
    CHECK(shell("c", "<&-").exit_code == 1);
    for (const char* name : {"a", "b"}) {
        CHECK(json_lines(run_command({"export", scratch / name}).out).size() == 1);
    }
}

TEST_CASE("a limit on the size of files is an error, not a signal") {
    const scratch_folder scratch;
    std::string lines;
    for (std::uint64_t n = 0; n < 5000; ++n) lines += numbered_line(n);
    const std::string text = "ulimit -f 1000; exec " + std::string(IDEM_COMMAND) + " import " +
                             std::string(scratch / "s.idem");
    const auto result =
        run_command({"-c", text}, command_setting{.input = lines, .program = "/bin/sh"});
    CHECK(result.exit_code == 1);
    CHECK(result.err.find("no_space") != std::string::npos);
    CHECK(run_command({"verify", scratch / "s.idem"}).exit_code == 0);
}

TEST_CASE("each command explains itself, examples first") {
    for (const auto& command : commands) {
        CAPTURE(command);
        const auto help = run_command({command, "--help"});
        CHECK(help.exit_code == 0);
        CHECK(help.err == "");
        const auto examples = help.out.find("Examples:\n  idem " + command);
        const auto usage = help.out.find("Usage: idem " + command + " ");
        REQUIRE(examples != std::string::npos);
        REQUIRE(usage != std::string::npos);
        CHECK(examples < usage);
        CHECK(run_command({command, "-h"}).out == help.out);
    }
    const auto all = run_command({"--help"});
    CHECK(all.exit_code == 0);
    for (const auto& command : commands)
        CHECK(all.out.find("\n  " + command + " ") != std::string::npos);
    CHECK(run_command({"--version"}).out.starts_with("idem "));
}

TEST_CASE("a store may be called like a command") {
    const scratch_folder scratch;
    for (const auto& name : commands) {
        CAPTURE(name);
        const std::string script = "cd " + scratch.path().string() + " && " + IDEM_COMMAND +
                                   " append " + name + " && " + IDEM_COMMAND + " stats " + name;
        const auto result = run_command(
            {"-c", script}, command_setting{.input = numbered_line(1), .program = "/bin/sh"});
        CHECK(result.exit_code == 0);
    }
}

TEST_CASE("global options stand before or after the command") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store}, numbered_line(1));
    const auto plain = run_command({"streams", store});
    CHECK(run_command({"--json", "--no-color", "streams", store}).out == plain.out);
    CHECK(run_command({"streams", "--json", store, "--no-color"}).out == plain.out);
}

TEST_CASE("a folder that is no store is refused and left as it was") {
    const scratch_folder scratch;
    std::filesystem::create_directory(scratch / "folder");
    const auto result = run_command({"log", scratch / "folder"});
    CHECK(result.exit_code == 1);
    CHECK(std::filesystem::is_empty(scratch / "folder"));
}
