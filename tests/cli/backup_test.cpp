// idem backup and restore.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "run_command.hpp"
#include "scratch_folder.hpp"

TEST_CASE("a backup that is put back answers as the store did") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store}, numbered_line(1) + numbered_line(2));
    const auto backup = run_command({"backup", store, scratch / "b.idem"});
    CHECK(backup.exit_code == 0);
    CHECK(json_lines(backup.out).at(0) ==
          json_members{{"store", store}, {"target", scratch / "b.idem"}, {"events", "2"}});
    run_command({"append", store}, numbered_line(3));

    const auto restored = run_command({"restore", scratch / "b.idem", scratch / "r.idem"});
    CHECK(restored.exit_code == 0);
    CHECK(json_lines(restored.out).at(0) == json_members{{"backup", scratch / "b.idem"},
                                                         {"store", scratch / "r.idem"},
                                                         {"events", "2"}});
    const auto again = json_lines(
        run_command({"append", scratch / "r.idem"}, numbered_line(2) + numbered_line(3)).out);
    CHECK(again[0].at("outcome") == "duplicate");
    CHECK(again[0].at("position") == "2");
    CHECK(again[1].at("outcome") == "appended");
    CHECK(again[1].at("position") == "3");
}

TEST_CASE("neither backup nor restore writes over anything") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store}, numbered_line(1));
    run_command({"backup", store, scratch / "b.idem"});
    CHECK(run_command({"backup", store, scratch / "b.idem"}).exit_code == 2);
    CHECK(run_command({"restore", scratch / "b.idem", store}).exit_code == 2);
    CHECK(run_command({"restore", scratch / "absent.idem", scratch / "r.idem"}).exit_code == 1);
    CHECK(!std::filesystem::exists(scratch / "r.idem"));
    CHECK(run_command({"verify", store}).exit_code == 0);
}

TEST_CASE("who copies without keys, or works without them, is told so") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    const line_of sealed{.id = "018f0000-0000-7000-8000-000000000001",
                         .more = R"(,"datasubject":"c1")"};
    run_command({"append", store}, sealed.str() + numbered_line(2));
    const auto backup = run_command({"backup", store, scratch / "b.idem"});
    CHECK(backup.exit_code == 0);
    CHECK(backup.err.find("data of 1 events sealed") != std::string::npos);
    const auto restored = run_command({"restore", scratch / "b.idem", scratch / "r.idem"});
    CHECK(restored.err.find("data of 1 events sealed") != std::string::npos);
    const std::string fold = scratch / "count.json";
    std::ofstream(fold) << R"({"name":"count","version":1,"key":"stream",)"
                           R"("on":{"Happened":{"do":[{"count":"events"}]}}})";
    const auto state = run_command({"state", scratch / "r.idem", fold});
    CHECK(state.err.find("no subjects.keys: rows that are made here lack") != std::string::npos);
    const auto rebuilt = run_command({"rebuild", scratch / "r.idem", fold});
    CHECK(rebuilt.err.find("data of 1 events sealed") != std::string::npos);
    CHECK(run_command({"backup", store, scratch / "k.idem", "--with-keys"}).err == "");
    std::filesystem::copy_file(store + "/subjects.keys",
                               std::string(scratch / "r.idem") + "/subjects.keys");
    CHECK(run_command({"state", scratch / "r.idem", fold}).err == "");
}
