// Projections from shared libraries, and of an application that embeds the command line.
#include <doctest/doctest.h>

#include <fstream>

#include "run_command.hpp"
#include "scratch_folder.hpp"

namespace {

struct filled_store {
    filled_store() : path(folder / "s.idem") {
        run_command({"append", path},
                    numbered_line(1, "a") + numbered_line(2, "b") + numbered_line(3, "a"));
    }
    scratch_folder folder;
    std::string path;
};

}  // namespace

TEST_CASE("a plug-in's projection is run, kept, replayed and verified like any other") {
    const filled_store store;
    const auto rows =
        run_command({"--plugin", IDEM_TEST_PLUGIN, "state", store.path, "happenings"});
    CHECK(rows.exit_code == 0);
    CHECK(json_lines(rows.out).at(0) ==
          json_members{{"key", "a"}, {"row", "2"}, {"position", "3"}});
    CHECK(json_lines(rows.out).at(1).at("row") == "1");
    const auto one =
        run_command({"state", store.path, "happenings", "b", "--plugin", IDEM_TEST_PLUGIN});
    CHECK(json_lines(one.out).at(0).at("row") == "1");

    const auto listed =
        json_lines(run_command({"projections", store.path, "--plugin", IDEM_TEST_PLUGIN}).out)
            .at(0);
    CHECK(listed.at("name") == "happenings");
    CHECK(listed.at("kept") == "true");
    CHECK(listed.at("definition") == "compiled");
    CHECK(listed.at("order") == "commutative");
    CHECK(listed.at("because") == "its author declares it");
    const auto replayed =
        run_command({"replay", store.path, "happenings", "--digest", "--plugin", IDEM_TEST_PLUGIN});
    CHECK(replayed.out == listed.at("digest") + "\n");
    CHECK(run_command({"verify", store.path, "--plugin", IDEM_TEST_PLUGIN}).exit_code == 0);
}

TEST_CASE("a plug-in's projection does not stand for another one of its name") {
    const filled_store store;
    std::ofstream(store.folder / "p.json")
        << R"({"name":"happenings","key":"type","on":{"*":{"do":[{"count":"n"}]}}})";
    run_command({"state", store.path, store.folder / "p.json"});
    const auto listed =
        json_lines(run_command({"projections", store.path, "--plugin", IDEM_TEST_PLUGIN}).out)
            .at(0);
    CHECK(listed.at("definition") == "json");
    CHECK(listed.at("because") != "its author declares it");
}

TEST_CASE("without its plug-in a projection's rows are shown raw, and the rest names the remedy") {
    const filled_store store;
    run_command({"--plugin", IDEM_TEST_PLUGIN, "state", store.path, "happenings"});
    run_command({"append", store.path}, numbered_line(4, "b"));
    const auto raw = run_command({"state", store.path, "happenings"});
    CHECK(raw.exit_code == 0);
    CHECK(raw.err.find("--plugin") != std::string::npos);
    CHECK(json_lines(raw.out).at(0).at("position") == "3");
    CHECK(json_lines(run_command({"projections", store.path}).out).at(0).at("definition") ==
          "unknown");
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"replay", store.path, "happenings"},
          {"state", store.path, "happenings", "--at", "1"}}) {
        const auto refused = run_command(command);
        CHECK(refused.exit_code == 2);
        CHECK(refused.err.find("--plugin") != std::string::npos);
    }
}

TEST_CASE(
    "a library that is missing, broken, foreign or of another version is refused with the reason") {
    const filled_store store;
    struct variant {
        std::string file;
        int exit_code;
        const char* reason;
    };
    const std::vector<variant> variants{
        {store.folder / "absent.so", 1, "no such file"},
        {store.path + "/data.mdb", 2, "cannot be loaded"},
        {IDEM_NO_PLUGIN, 2, "idem_add_projections"},
        {IDEM_OLD_PLUGIN, 2, "idem 0.0.1"},
    };
    for (const auto& v : variants) {
        CAPTURE(v.file);
        const auto result = run_command({"--plugin", v.file, "streams", store.path});
        CHECK(result.exit_code == v.exit_code);
        CHECK(result.err.find(v.reason) != std::string::npos);
        CHECK(result.out == "");
    }
}
