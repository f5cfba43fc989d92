// idem append: receipts, batches, exit codes, and input that is not what it should be.
#include <doctest/doctest.h>

#include <fstream>

#include "run_command.hpp"
#include "scratch_folder.hpp"

TEST_CASE("append prints a receipt an event and answers a repeat with the first receipt") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    const auto first = run_command({"append", store}, numbered_line(1) + numbered_line(2));
    CHECK(first.exit_code == 0);
    CHECK(first.err == "");
    const auto receipts = json_lines(first.out);
    REQUIRE(receipts.size() == 2);
    CHECK(names_of(receipts[0]) ==
          std::vector<std::string>{"id", "outcome", "position", "revision", "stream"});
    CHECK(receipts[1].at("outcome") == "appended");
    CHECK(receipts[1].at("position") == "2");
    CHECK(receipts[1].at("revision") == "1");
    CHECK(receipts[1].at("stream") == "stream");

    const auto again = run_command({"append", store}, numbered_line(2));
    CHECK(again.exit_code == 0);
    const auto repeated = json_lines(again.out);
    REQUIRE(repeated.size() == 1);
    CHECK(repeated[0].at("outcome") == "duplicate");
    CHECK(repeated[0].at("position") == "2");
    CHECK(repeated[0].at("id") == receipts[1].at("id"));
}

TEST_CASE("append reads files and standard input, in the order given") {
    const scratch_folder scratch;
    std::ofstream(scratch / "a.jsonl") << numbered_line(1);
    std::ofstream(scratch / "b.jsonl") << "\xef\xbb\xbf" << numbered_line(3);
    const auto result =
        run_command({"append", scratch / "s.idem", scratch / "a.jsonl", "-", scratch / "b.jsonl"},
                    "\n  \r\n" + numbered_line(2));
    CHECK(result.exit_code == 0);
    CHECK(json_lines(result.out).size() == 3);
    const auto log = run_command({"export", scratch / "s.idem"});
    const auto events = json_lines(log.out);
    REQUIRE(events.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK(events[i].at("sourceid") == std::to_string(i + 1));
}

TEST_CASE("an id conflict names the field and the original, and exits with 3") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store}, numbered_line(1));
    const auto result =
        run_command({"append", store}, line_of{.id = "1", .data = "2"}.str() + numbered_line(2));
    CHECK(result.exit_code == 3);
    const auto receipts = json_lines(result.out);
    REQUIRE(receipts.size() == 2);
    CHECK(receipts[0].at("outcome") == "id_conflict");
    CHECK(receipts[0].at("field") == "data");
    CHECK(receipts[0].at("position") == "1");
    CHECK(receipts[0].at("revision") == "0");
    CHECK(receipts[0].at("detail").find("position 1") != std::string::npos);
    CHECK(receipts[1].at("outcome") == "appended");  // each line stands alone
    CHECK(receipts[1].at("position") == "2");
}

TEST_CASE("--atomic takes known events as duplicates, and nothing where one is in conflict") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store}, numbered_line(1));
    const auto mixed =
        run_command({"append", store, "--atomic"}, numbered_line(2) + numbered_line(1));
    CHECK(mixed.exit_code == 0);
    CHECK(json_lines(mixed.out).at(0).at("outcome") == "appended");
    CHECK(json_lines(mixed.out).at(1).at("outcome") == "duplicate");

    const auto conflict = run_command({"append", store, "--atomic"},
                                      numbered_line(3) + line_of{.id = "1", .type = "Other"}.str());
    CHECK(conflict.exit_code == 3);
    const auto receipts = json_lines(conflict.out);
    REQUIRE(receipts.size() == 2);
    CHECK(receipts[0].at("outcome") == "id_conflict");
    CHECK(receipts[0].at("position") == "null");
    CHECK(receipts[0].at("revision") == "null");
    CHECK(receipts[0].count("field") == 0);
    CHECK(receipts[0].count("detail") == 0);
    CHECK(receipts[1].at("field") == "type");
    CHECK(receipts[1].count("detail") == 1);
    CHECK(receipts[1].at("position") == "1");
    CHECK(json_lines(run_command({"export", store}).out).size() == 2);
}

TEST_CASE("--expect makes the input one batch bound to the stream's revision") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    CHECK(run_command({"append", store, "--expect", "stream_exists"}, numbered_line(1)).exit_code ==
          3);
    CHECK(run_command({"append", store, "--expect", "no_stream"}, numbered_line(1)).exit_code == 0);
    CHECK(run_command({"append", store, "--expect", "0"}, numbered_line(2)).exit_code == 0);
    const auto wrong = run_command({"append", store, "--expect", "0"}, numbered_line(3));
    CHECK(wrong.exit_code == 3);
    CHECK(json_lines(wrong.out).at(0).at("outcome") == "wrong_revision");
    CHECK(json_lines(wrong.out).at(0).at("detail").find("stands at 1") != std::string::npos);

    const auto mixed =
        run_command({"append", store, "--expect", "1"}, numbered_line(2) + numbered_line(3));
    CHECK(mixed.exit_code == 3);
    const auto receipts = json_lines(mixed.out);
    CHECK(receipts[0].at("outcome") == "partial_duplicate");
    CHECK(receipts[0].at("position") == "2");
    CHECK(receipts[1].at("outcome") == "partial_duplicate");
    CHECK(receipts[1].at("position") == "null");

    const auto two_streams = run_command({"append", store, "--expect", "1"},
                                         numbered_line(5) + numbered_line(6, "other"));
    CHECK(two_streams.exit_code == 2);
    const auto nonsense = run_command({"append", store, "--expect", "maybe"}, numbered_line(5));
    CHECK(nonsense.exit_code == 2);
    CHECK(nonsense.err.find("no_stream") != std::string::npos);
    CHECK(json_lines(run_command({"export", store}).out).size() == 2);
}

TEST_CASE("bad lines are told with their number; good ones beside them are appended") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    const std::string input = numbered_line(1) + "{\n" +
                              line_of{.id = "2", .more = R"(,"subject2":{"a":1})"}.str() + "17\n" +
                              line_of{.id = "3", .stream = ""}.str() + numbered_line(4);
    const auto result = run_command({"append", store}, input);
    CHECK(result.exit_code == 2);
    CHECK(result.err.find("standard input:2: ") != std::string::npos);
    CHECK(result.err.find("standard input:3: ") != std::string::npos);
    CHECK(result.err.find("standard input:4: ") != std::string::npos);
    CHECK(result.err.find("standard input:6: ") == std::string::npos);
    CHECK(json_lines(result.out).front().at("position") == "1");
    CHECK(json_lines(result.out).back().at("outcome") == "appended");

    const auto whole = run_command({"append", store, "--atomic"}, numbered_line(8) + "{}\n");
    CHECK(whole.exit_code == 2);
    CHECK(whole.out == "");
    CHECK(whole.err.find("nothing was appended") != std::string::npos);
}

TEST_CASE("a batch over a limit is refused with the line concerned, and burns no position") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    const std::string large = "\"" + std::string(1 << 20, 'x') + "\"";
    const auto refused = run_command({"append", store, "--expect", "no_stream"},
                                     numbered_line(1) + line_of{.id = "2", .data = large}.str());
    CHECK(refused.exit_code == 2);
    CHECK(refused.out == "");
    CHECK(refused.err.find("standard input:2: ") != std::string::npos);
    CHECK(refused.err.find("1048576") != std::string::npos);
    const auto small = run_command({"append", store, "--expect", "no_stream"}, numbered_line(1));
    CHECK(json_lines(small.out).at(0).at("position") == "1");
}

TEST_CASE("what is told of a bad event names the field") {
    const scratch_folder scratch;
    const auto told = [&](const std::string& more, const std::string& type = "T") {
        return run_command({"append", scratch / "s.idem"},
                           line_of{.id = "1", .type = type, .more = more}.str())
            .err;
    };
    CHECK(told("", std::string(256, 'x')).find("type has 256 bytes") != std::string::npos);
    CHECK(told(R"(,"time":"yesterday")").find("'time' is no time") != std::string::npos);
}

TEST_CASE("a graver trouble decides the exit code") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store}, numbered_line(1));
    const auto both =
        run_command({"append", store}, line_of{.id = "1", .data = "2"}.str() + "{}\n");
    CHECK(both.exit_code == 2);
}

TEST_CASE("nothing to append is a success that makes the store") {
    const scratch_folder scratch;
    for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--atomic"}}) {
        std::vector<std::string> arguments{"append", scratch / "s.idem"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        const auto result = run_command(arguments, "\n\n");
        CHECK(result.exit_code == 0);
        CHECK(result.out == "");
    }
    CHECK(run_command({"stats", scratch / "s.idem"}).exit_code == 0);
}

TEST_CASE("a file that is not there is told before a store is made") {
    const scratch_folder scratch;
    const auto result = run_command({"append", scratch / "s.idem", scratch / "missing.jsonl"});
    CHECK(result.exit_code == 1);
    CHECK(result.err.find("missing.jsonl") != std::string::npos);
    CHECK(!std::filesystem::exists(scratch / "s.idem"));
    CHECK(run_command({"append", scratch / "s.idem", scratch.path()}).exit_code == 1);
}

TEST_CASE("output that cannot be written is a failure, never a success") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    const auto full =
        run_command({"-c", std::string(IDEM_COMMAND) + " append " + store + " >/dev/full"},
                    command_setting{.input = numbered_line(1), .program = "/bin/sh"});
    CHECK(full.exit_code == 1);
    CHECK(full.err.find("standard output") != std::string::npos);

    running_command closed({"export", store});
    closed.close_output();
    const auto quiet = closed.wait();
    CHECK((quiet.exit_code == 1 || quiet.exit_code == 0));  // it may have ended before
    CHECK(quiet.err == "");
}
