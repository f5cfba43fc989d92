// Two stores that get what either lacks, from the command line.
#include <doctest/doctest.h>

#include <filesystem>
#include <set>

#include "run_command.hpp"
#include "scratch_folder.hpp"

namespace {

struct shell {
    scratch_folder scratch;
    std::string a = scratch / "a.idem";
    std::string b = scratch / "b.idem";

    static void append(const std::string& store, int first, int last) {
        std::string lines;
        for (int n = first; n < last; ++n) lines += numbered_line(static_cast<std::uint64_t>(n));
        REQUIRE(run_command({"append", store}, lines).exit_code == 0);
    }
    static std::set<std::string> ids(const std::string& store) {
        std::set<std::string> found;
        for (const auto& line : json_lines(run_command({"export", store}).out)) {
            found.insert(line.at("id"));
        }
        return found;
    }
    std::string serve() const { return std::string(IDEM_COMMAND) + " serve-sync " + b; }
};

json_members one_line(const command_result& result) {
    const auto lines = json_lines(result.out);
    REQUIRE_MESSAGE(lines.size() == 1, result.out << result.err);
    return lines[0];
}

}  // namespace

TEST_CASE("two folders get what either lacks, and then there is nothing left to do") {
    const shell sh;
    sh.append(sh.a, 0, 30);
    sh.append(sh.b, 20, 70);
    const auto result = run_command({"sync", sh.a, sh.b});
    CHECK_MESSAGE(result.exit_code == 0, result.err);
    const auto line = one_line(result);
    CHECK(line.at("in_sync") == "true");
    CHECK(line.at("received") == "40");
    CHECK(line.at("sent") == "20");
    CHECK(line.at("noted") == "20");
    CHECK(line.at("problems") == "[]");
    CHECK(sh.ids(sh.a).size() == 70);
    CHECK(sh.ids(sh.a) == sh.ids(sh.b));
    const auto again = one_line(run_command({"sync", sh.b, sh.a}));
    CHECK(again.at("received") == "0");
    CHECK(again.at("sent") == "0");
    CHECK(std::stoi(again.at("bytes_in")) < 200);
    CHECK(std::stoi(again.at("bytes_out")) < 200);
    CHECK(run_command({"verify", sh.a}).exit_code == 0);
    CHECK(run_command({"verify", sh.b}).exit_code == 0);
}

TEST_CASE("a store behind a command is synced over its pipes, and made where there is none") {
    const shell sh;
    sh.append(sh.a, 0, 2500);
    const auto first = run_command({"sync", sh.a, "--with", sh.serve()});
    CHECK_MESSAGE(first.exit_code == 0, first.err);
    CHECK(one_line(first).at("sent") == "2500");
    sh.append(sh.b, 3000, 3010);
    const auto second = run_command({"sync", sh.a, "--with", sh.serve(), "--timeout", "60"});
    CHECK_MESSAGE(second.exit_code == 0, second.err);
    CHECK(one_line(second).at("received") == "10");
    CHECK(sh.ids(sh.a) == sh.ids(sh.b));
}

TEST_CASE("an id with two contents is exit code 3, is told of, and holds up nothing else") {
    const shell sh;
    sh.append(sh.a, 0, 5);
    sh.append(sh.b, 10, 15);
    REQUIRE(
        run_command({"append", sh.a}, line_of{.id = "x", .data = "{\"n\":1}"}.str()).exit_code ==
        0);
    REQUIRE(
        run_command({"append", sh.b}, line_of{.id = "x", .data = "{\"n\":2}"}.str()).exit_code ==
        0);
    sh.append(sh.b, 15, 20);
    const auto result = run_command({"sync", sh.a, "--with", sh.serve()});
    CHECK_MESSAGE(result.exit_code == 3, result.err);
    const auto line = one_line(result);
    CHECK(line.at("in_sync") == "false");
    CHECK(line.at("received") == "10");
    CHECK(line.at("sent") == "5");
    CHECK(line.at("conflicts") == "2");
    CHECK(line.at("parked") == "0");
    CHECK(line.at("problems").find(R"("field":"data")") != std::string::npos);
    CHECK(line.at("problems").find(R"("side":"there")") != std::string::npos);
    CHECK(sh.ids(sh.a) == sh.ids(sh.b));
}

TEST_CASE("a command that is none, or speaks another language, is a failure that says so") {
    const shell sh;
    sh.append(sh.a, 0, 5);
    const auto none = run_command({"sync", sh.a, "--with", "exit 7"});
    CHECK(none.exit_code == 1);
    CHECK(none.err.find("other side") != std::string::npos);
    const auto other =
        run_command({"sync", sh.a, "--with", "echo Welcome to this host; cat > /dev/null"});
    CHECK(other.exit_code != 0);
    CHECK(other.err.find("serve-sync") != std::string::npos);
    CHECK(run_command({"sync", sh.a}).exit_code == 2);
    CHECK(run_command({"sync", sh.a, sh.b, "--with", "true"}).exit_code == 2);
    CHECK(run_command({"sync", sh.b, sh.a}).exit_code == 1);  // there is no such store
    CHECK_FALSE(std::filesystem::exists(sh.b));
}
