// idem rebuild, diff, bisect, projection and checkpoint.
#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "run_command.hpp"
#include "scratch_folder.hpp"

namespace {

// A store with three streams, whose events have numbers, and a projection of their sums.
struct summed_store {
    summed_store() {
        std::string lines;
        for (std::uint64_t n = 1; n <= 30; ++n) lines += line(n);
        REQUIRE(run_command({"append", path}, lines).exit_code == 0);
        define(1, "add");
        REQUIRE(run_command({"state", path, file}).exit_code == 0);
    }
    static std::string line(std::uint64_t n) {
        return line_of{.id = "source-" + std::to_string(n),
                       .stream = "s" + std::to_string(n % 3),
                       .data = R"({"n":)" + std::to_string(n) + "}"}
            .str();
    }
    // `add` or `max`.
    void define(int version, const std::string& operation) const {
        std::ofstream(file) << R"({"name":"sums","version":)" << version
                            << R"(,"key":"stream","on":{"*":{"do":[{")" << operation
                            << R"(":"n","value":"data.n"}]}}})";
    }
    command_result run(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin() + (two_words(arguments[0]) ? 2 : 1), path);
        return run_command(arguments);
    }
    static bool two_words(const std::string& word) {
        return word == "projection" || word == "schema";
    }
    json_members listed(std::size_t index = 0) const {
        return json_lines(run({"projections", "--json"}).out).at(index);
    }

    scratch_folder scratch;
    std::string path = scratch / "s.idem";
    std::string file = scratch / "sums.json";
};

std::string contents(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("a raised version is stale until it is rebuilt, and a dry run changes nothing") {
    const summed_store s;
    s.define(2, "max");
    const auto stale = s.run({"state", s.file});
    CHECK(stale.exit_code == 0);
    CHECK(stale.err.find("stale") != std::string::npos);
    CHECK(json_lines(stale.out).at(0).at("row") == R"({"n":165})");

    const std::string before = contents(s.path + "/data.mdb");
    const auto planned = s.run({"rebuild", s.file, "--dry-run"});
    CHECK(planned.exit_code == 0);
    CHECK(contents(s.path + "/data.mdb") == before);
    const auto plan = json_lines(planned.out).at(0);
    CHECK(plan.at("changed") == "3");
    CHECK(plan.at("added") == "0");
    const std::string sample = plan.at("sample");
    CHECK(sample.find(R"("before":{"n":165})") != std::string::npos);
    CHECK(sample.find(R"("after":{"n":30})") != std::string::npos);
    if (has_terminals()) {
        const auto people =
            run_command({"rebuild", s.path, s.file, "--dry-run"}, {.terminal = true});
        CHECK(people.out.find(R"({"n":165})") != std::string::npos);
    }

    const auto result = s.run({"rebuild", s.file});
    CHECK(result.exit_code == 0);
    const auto told = json_lines(result.out).at(0);
    CHECK(names_of(told) == std::vector<std::string>{"complete", "digest", "name", "position",
                                                     "replaced", "rows", "version",
                                                     "writer_held_us"});
    CHECK(told.at("complete") == "true");
    CHECK(told.at("replaced") == "1");
    CHECK(told.at("digest") == plan.at("digest"));
    CHECK(json_lines(s.run({"state", "sums"}).out).at(0).at("row") == R"({"n":30})");
    CHECK(s.run({"replay", "sums", "--digest"}).out == told.at("digest") + "\n");
    CHECK(s.run({"verify"}).exit_code == 0);
}

TEST_CASE("a definition that has changed under its version is refused by rebuild and looks back") {
    const summed_store s;
    s.define(1, "max");
    for (const auto& command : std::vector<std::vector<std::string>>{
             {"rebuild", s.file}, {"rebuild", s.file, "--dry-run"}, {"state", s.file}}) {
        const auto refused = s.run(command);
        CHECK(refused.exit_code == 2);
        CHECK(refused.err.find("raise its version") != std::string::npos);
    }
    CHECK(s.run({"rebuild"}).exit_code == 2);
    CHECK(s.run({"rebuild", "sums", "--all-stale"}).exit_code == 2);
    CHECK(s.run({"rebuild", "sums", "--max-rate", "0"}).exit_code == 2);
    CHECK(s.run({"rebuild", "nothing"}).exit_code == 1);
}

TEST_CASE("kept beside, compared, switched to and back, and dropped") {
    const summed_store s;
    s.define(2, "max");
    CHECK(s.run({"rebuild", s.file, "--no-switch"}).exit_code == 0);
    CHECK(json_lines(s.run({"state", "sums"}).out).at(0).at("row") == R"({"n":165})");

    const auto compared = json_lines(s.run({"diff", "sums@1", "sums@2"}).out);
    REQUIRE(compared.size() == 4);
    CHECK(compared[0].at("change") == "changed");
    CHECK(compared[0].at("before") == R"({"n":165})");
    CHECK(compared[0].at("after") == R"({"n":30})");
    CHECK(compared[3].at("changed") == "3");
    const auto limited = json_lines(s.run({"diff", "sums@1", "sums@2", "--limit", "1"}).out);
    REQUIRE(limited.size() == 2);
    CHECK(limited[0] == compared[0]);
    CHECK(limited[1] == compared[3]);
    CHECK(json_lines(s.run({"diff", "sums@1", "sums@2", "--limit", "0"}).out).size() == 1);
    CHECK(s.run({"diff", "sums@1", "sums@2", "--limit", "-1"}).exit_code == 2);
    CHECK(s.run({"diff", "sums@1", "sums@3"}).exit_code == 1);
    CHECK(s.run({"diff", "sums@1", "sums"}).exit_code == 2);

    run_command({"append", s.path}, summed_store::line(31));
    const auto switched = s.run({"projection", "switch", "sums@2"});
    CHECK(switched.exit_code == 0);
    CHECK(json_lines(switched.out).at(0) ==
          json_members{{"name", "sums"}, {"version", "2"}, {"position", "31"}});
    CHECK(s.run({"projection", "drop", "sums@2"}).exit_code == 2);
    CHECK(s.run({"projection", "switch", "sums@1"}).exit_code == 0);
    CHECK(s.run({"projection", "drop", "sums@2"}).exit_code == 0);
    CHECK(s.run({"projection", "switch", "sums@2"}).exit_code == 1);
    CHECK(s.run({"projection", "switch", "sums"}).exit_code == 2);
    CHECK(s.run({"projection", "check", "sums"}).exit_code == 0);
    const auto last = s.run({"projection", "drop", "sums@1"});
    CHECK(json_lines(last.out).at(0).at("version") == "null");
    CHECK(s.run({"projection", "skip", "sums", "--reason", "none"}).exit_code == 1);
    CHECK(s.run({"state", s.file}).exit_code == 0);
}

TEST_CASE("a signal stops a rebuild with 130, the old rows stay, and the next one goes on") {
    const summed_store s;
    s.define(2, "max");
    {
        running_command rebuild({"rebuild", s.path, s.file, "--max-rate", "10", "--json"});
        // The folder is there once the signal is waited for.
        const auto begun = [&] {
            for (const auto& entry : std::filesystem::directory_iterator(s.path)) {
                const std::string name = entry.path().filename().string();
                if (name.starts_with("rebuild-") && name.find("unf") == std::string::npos) return 1;
            }
            return 0;
        };
        while (!begun()) {
        }
        rebuild.signal(SIGINT);
        const auto stopped = rebuild.wait();
        CHECK(stopped.exit_code == 130);
        CHECK(json_lines(stopped.out).at(0).at("complete") == "false");
        CHECK(stopped.err.find("\"progress\":\"replay\"") != std::string::npos);
        CHECK(stopped.err.find("goes on") != std::string::npos);
    }
    CHECK(s.listed().at("version") == "1");
    CHECK(s.listed().at("rebuild") == "false");
    CHECK(s.listed(1).at("version") == "2");
    CHECK(s.listed(1).at("kept") == "false");
    CHECK(s.listed(1).at("rebuild") == "true");
    CHECK(s.run({"projections"}).err.find("a rebuild of sums@2 was begun") != std::string::npos);
    // What was begun with another definition is not gone on with.
    s.define(2, "min");
    CHECK(s.run({"rebuild", s.file}).exit_code == 0);
    CHECK(s.listed(1).at("rebuild") == "false");
    CHECK(json_lines(s.run({"state", "sums", "s0"}).out).at(0).at("row") == R"({"n":3})");
    CHECK(s.run({"verify"}).exit_code == 0);
}

TEST_CASE("rows at positions, their differences, and checkpoints") {
    const summed_store s;
    CHECK(json_lines(s.run({"state", "sums", "s0", "--at", "6"}).out).at(0) ==
          json_members{{"key", "s0"}, {"row", R"({"n":9})"}, {"position", "6"}});
    const auto changes = json_lines(s.run({"state", "sums", "--at", "6", "--diff", "7"}).out);
    REQUIRE(changes.size() == 2);
    CHECK(changes[0].at("key") == "s1");
    CHECK(changes[0].at("before") == R"({"n":5})");
    CHECK(changes[0].at("after") == R"({"n":12})");
    CHECK(changes[1].at("same") == "2");

    CHECK(s.run({"checkpoint", "sums", "--at", "20"}).exit_code == 0);
    CHECK(s.run({"checkpoint", "sums", "--at", "20"}).exit_code == 0);  // it is kept
    CHECK(json_lines(s.run({"checkpoint"}).out).at(0).at("position") == "20");
    CHECK(s.run({"state", "sums", "--at", "25", "--digest"}).out ==
          s.run({"state", s.file, "--at", "25", "--digest"}).out);
    // Of another definition, which the store has not kept.
    s.define(1, "max");
    CHECK(json_lines(s.run({"state", s.file, "s0", "--at", "30"}).out).at(0).at("row") ==
          R"({"n":30})");
}

TEST_CASE("bisect finds the first event after which a condition does not hold") {
    const summed_store s;
    const auto bisect = [&](const std::string& condition, const std::string& from = "0") {
        return s.run({"bisect", "sums", condition, "--from", from});
    };
    const auto broken = bisect("n <= 40");
    CHECK(broken.exit_code == 4);
    const auto found = json_lines(broken.out).at(0);
    CHECK(found.at("position") == "15");  // s0: 3 + 6 + 9 + 12 + 15
    CHECK(found.at("holds") == "false");
    CHECK(found.at("event").find("source-15") != std::string::npos);
    CHECK(bisect("n <= 1000").exit_code == 0);
    const auto at_start = bisect("n <= 40", "20");
    CHECK(at_start.exit_code == 4);
    CHECK(json_lines(at_start.out).at(0).at("event") == "null");
    for (const char* misspelt :
         {"m <= 40", "sum(m) == 0", "row(\"s9\").n != 1", "m.n != 1 or n > 0"}) {
        CAPTURE(misspelt);
        CHECK(bisect(misspelt).err.find("spelt as in the rows") != std::string::npos);
    }
    for (const char* right :
         {"n <= 40", "n <= 1000", "sum(n) >= 0", "row(\"s1\").n != 1", "count() >= 0"}) {
        CAPTURE(right);
        CHECK(bisect(right).err.find("spelt as in the rows") == std::string::npos);
    }
    CHECK(bisect("what is this").exit_code == 2);
    CHECK(bisect("").exit_code == 2);
    const auto people = run_command({"bisect", s.path, "sums", "n <= 40"}, {.terminal = true});
    if (has_terminals()) CHECK(people.out.find("first not after") != std::string::npos);
}

TEST_CASE("a plug-in's projection is rebuilt, and all that is stale at once") {
    const summed_store s;
#ifdef IDEM_TEST_PLUGIN
    const auto with = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"--plugin", IDEM_TEST_PLUGIN});
        return s.run(arguments);
    };
    CHECK(with({"state", "happenings"}).exit_code == 0);
    CHECK(s.run({"rebuild", "happenings"}).exit_code == 2);
    const auto result = with({"rebuild", "happenings"});
    CHECK(result.exit_code == 0);
    CHECK(with({"replay", "happenings", "--digest"}).out ==
          json_lines(result.out).at(0).at("digest") + "\n");
    CHECK(with({"projection", "check", "happenings"}).exit_code == 0);
    CHECK(with({"verify"}).exit_code == 0);
#endif
    const auto nothing = s.run({"rebuild", "--all-stale"});
    CHECK(nothing.exit_code == 0);
    CHECK(nothing.out.empty());
    CHECK(nothing.err.find("stale") != std::string::npos);
}
