// idem import: streams of any length and quality.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "input.hpp"
#include "run_command.hpp"
#include "scratch_folder.hpp"

namespace {

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
}

std::string lines_between(std::uint64_t first, std::uint64_t end) {
    std::string lines;
    for (std::uint64_t n = first; n < end; ++n) lines += numbered_line(n);
    return lines;
}

}  // namespace

TEST_CASE("import tells what became of all events, and a second import changes nothing") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    std::ofstream(scratch / "events.jsonl") << lines_between(0, 2500);
    for (const bool first : {true, false}) {
        const auto result = run_command({"import", store, scratch / "events.jsonl"});
        CHECK(result.exit_code == 0);
        const auto summary = json_lines(result.out);
        REQUIRE(summary.size() == 1);
        CHECK(names_of(summary[0]) == std::vector<std::string>{"appended", "complete", "duplicate",
                                                               "erased", "first_position",
                                                               "id_conflict", "invalid",
                                                               "last_position"});
        CHECK(summary[0].at("appended") == (first ? "2500" : "0"));
        CHECK(summary[0].at("duplicate") == (first ? "0" : "2500"));
        CHECK(summary[0].at("last_position") == (first ? "2500" : "null"));
        CHECK(summary[0].at("complete") == "true");
    }
}

TEST_CASE("what is exported is imported as the same events") {
    const scratch_folder scratch;
    run_command({"import", scratch / "a.idem"}, lines_between(0, 300));
    const auto lines = run_command({"export", scratch / "a.idem"}).out;
    const auto imported = run_command({"import", scratch / "b.idem", "--batch", "7", "-"}, lines);
    CHECK(json_lines(imported.out).at(0).at("appended") == "300");
    const auto back = run_command({"import", scratch / "a.idem"},
                                  run_command({"export", scratch / "b.idem"}).out);
    CHECK(json_lines(back.out).at(0).at("duplicate") == "300");
}

TEST_CASE("import prints a receipt an event in the order of the input when asked") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store}, numbered_line(2));
    const auto result =
        run_command({"import", store, "--receipts", "--batch", "2"},
                    lines_between(0, 4) + line_of{.id = "2", .data = "0"}.str() + numbered_line(4));
    CHECK(result.exit_code == 3);
    std::string outcomes;
    for (const auto& receipt : json_lines(result.out)) outcomes += receipt.at("outcome") + " ";
    CHECK(outcomes == "appended appended duplicate appended id_conflict appended ");
    CHECK(result.err.find("4 appended, 1 duplicate, 1 id_conflict, 0 invalid") !=
          std::string::npos);
}

TEST_CASE("events in conflict are taken out and told with their line; the rest goes in, in order") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"import", store}, lines_between(0, 40));
    std::string input;
    for (std::uint64_t n = 0; n < 120; ++n) {  // every third one is another event under a known id
        input += n % 3 == 0 ? line_of{.id = std::to_string(n / 3), .data = "0"}.str()
                            : numbered_line(1000 + n);
    }
    const auto result = run_command({"import", store}, input);
    CHECK(result.exit_code == 3);
    const auto summary = json_lines(result.out).at(0);
    CHECK(summary.at("id_conflict") == "40");
    CHECK(summary.at("appended") == "80");
    CHECK(result.err.find("standard input:1: id_conflict") != std::string::npos);
    CHECK(result.err.find("standard input:4: id_conflict") != std::string::npos);
    CHECK(result.err.find("and 20 more") != std::string::npos);
    const auto events = json_lines(run_command({"export", store, "--from", "41"}).out);
    REQUIRE(events.size() == 80);
    for (std::size_t i = 0; i < events.size(); ++i) {
        CHECK(events[i].at("sourceid") == std::to_string(1000 + i / 2 * 3 + 1 + i % 2));
    }
}

TEST_CASE("two contents under one id in one input: the first wins") {
    const scratch_folder scratch;
    const auto result =
        run_command({"import", scratch / "s.idem"},
                    numbered_line(1) + line_of{.id = "1", .data = "0"}.str() + numbered_line(2));
    CHECK(result.exit_code == 3);
    CHECK(json_lines(result.out).at(0).at("appended") == "2");
    CHECK(result.err.find("standard input:2: ") != std::string::npos);
}

TEST_CASE("hostile lines are told by number, at most twenty of them, and good ones are kept") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    const std::vector<std::string> hostile{
        "{",
        "[]",
        "null",
        "\"text\"",
        "{}",
        std::string("\0\0\0", 3),
        "\xff\xfe\xfd",
        R"({"specversion":"1.0","id":"x","source":"/t","type":"T","data":{"a":}})",
        R"({"specversion":"1.0","id":"\ud800","source":"/t","type":"T"})",
        R"({"specversion":"0.3","id":"x","source":"/t","type":"T"})",
        R"({"specversion":"1.0","id":"x","source":"/t","type":"T","time":"yesterday"})",
        R"({"specversion":"1.0","id":"x","source":"/t","type":"T","data_base64":"!!"})",
        R"({"specversion":"1.0","id":"00000000-0000-0000-0000-000000000000",)"
        R"("source":"/t","type":"T"})",
        std::string(100'000, '['),
        R"({"specversion":"1.0","id":"x","source":"/t","type":")" + std::string(300, 't') + R"("})",
        R"({"specversion":"1.0","id":"x","source":"/t","type":"T","data":)" +
            std::string(1000, '[') + std::string(1000, ']') + "}",
    };
    std::string input;
    for (std::size_t i = 0; i < hostile.size(); ++i) input += hostile[i] + "\n" + numbered_line(i);
    const auto result = run_command({"import", store}, input);
    CHECK(result.exit_code == 2);
    const auto summary = json_lines(result.out).at(0);
    CHECK(summary.at("invalid") == std::to_string(hostile.size()));
    CHECK(summary.at("appended") == std::to_string(hostile.size()));
    for (std::size_t i = 0; i < hostile.size(); ++i) {
        CAPTURE(i);
        CHECK(count(result.err, "standard input:" + std::to_string(2 * i + 1) + ": ") == 1);
    }

    std::string many;
    for (int i = 0; i < 500; ++i) many += "{}\n";
    const auto counted = run_command({"import", store}, many);
    CHECK(count(counted.err, "standard input:") == 20);
    CHECK(counted.err.find("480 more") != std::string::npos);
    CHECK(json_lines(counted.out).at(0).at("invalid") == "500");
}

TEST_CASE("what is wrong is told in the order of the lines, also within a batch") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    const std::string conflict = line_of{.id = "1", .data = "0"}.str();
    const auto result =
        run_command({"import", store}, "{\n" + numbered_line(1) + "[]\n" + conflict + "{}\n" +
                                           numbered_line(2) + conflict + "null\n");
    CHECK(result.exit_code == 2);
    std::size_t before = 0;
    for (const int line : {1, 3, 4, 5, 7, 8}) {
        const auto at = result.err.find("standard input:" + std::to_string(line) + ": ");
        REQUIRE(at != std::string::npos);
        CHECK_MESSAGE(at >= before, result.err);
        before = at;
    }
}

TEST_CASE("lines that are no CloudEvents are told as such, and leave no store behind") {
    const std::string football =
        R"({"eventId":8,"tags":[{"id":1801}],"playerId":122671,"id":258612104})"
        "\n";
    for (const char* command : {"import", "append"}) {
        const scratch_folder scratch;
        const std::string store = scratch / "s.idem";
        const auto result = run_command({command, store}, football + football);
        CHECK(result.exit_code == 2);
        CHECK(count(result.err, "'specversion' is missing: this is no CloudEvent") == 2);
        CHECK(!std::filesystem::exists(store));
        run_command({command, store}, football + numbered_line(1));
        CHECK(json_lines(run_command({"export", store}).out).size() == 1);
        CHECK(run_command({command, scratch / "s.idem" / "data.mdb"}, "").exit_code == 1);
    }
}

TEST_CASE("a line of any length is skipped in constant memory") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    // 300 MB of one line; the memory that the process may have is less than that. A sanitizer's own
    // memory would not fit into it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    const std::string limit = "true";
#else
    const std::string limit = "ulimit -d 200000";
#endif
    const std::string script = limit + "; { printf '%s' '" + numbered_line(1) +
                               "'; head -c 300000000 /dev/zero | tr '\\0' x; echo; printf '%s' '" +
                               numbered_line(2) + "'; } | " + IDEM_COMMAND + " import " + store;
    const auto result = run_command({"-c", script}, command_setting{.program = "/bin/sh"});
    CHECK(result.exit_code == 2);
    CHECK(result.err.find("standard input:2: ") != std::string::npos);
    CHECK(result.err.find("2097152") != std::string::npos);
    CHECK(json_lines(result.out).at(0).at("appended") == "2");
    CHECK(json_lines(result.out).at(0).at("invalid") == "1");
}

TEST_CASE("a file that ends within a line is read to its end") {
    const scratch_folder scratch;
    std::string input = lines_between(0, 3);
    input.pop_back();
    const auto whole = run_command({"import", scratch / "a.idem"}, input);
    CHECK(whole.exit_code == 0);
    CHECK(json_lines(whole.out).at(0).at("appended") == "3");
    input.resize(input.size() - 10);
    const auto torn = run_command({"import", scratch / "b.idem"}, input);
    CHECK(torn.exit_code == 2);
    CHECK(json_lines(torn.out).at(0).at("appended") == "2");
    CHECK(torn.err.find("standard input:3: ") != std::string::npos);
}

TEST_CASE("large events are cut into batches that the store accepts") {
    const scratch_folder scratch;
    std::string input;
    for (int n = 0; n < 80; ++n) {
        input += line_of{.id = std::to_string(n), .data = "\"" + std::string(1'000'000, 'x') + "\""}
                     .str();
    }
    const auto result = run_command({"import", scratch / "s.idem", "--batch", "10000"}, input);
    CHECK(result.exit_code == 0);
    CHECK(json_lines(result.out).at(0).at("appended") == "80");
}

TEST_CASE("an interrupted import finishes its batch, says so, and can be repeated") {
    for (const int signal : {SIGINT, SIGTERM}) {
        const scratch_folder scratch;
        const std::string store = scratch / "s.idem";
        running_command import({"import", store, "--receipts", "--batch", "10"},
                               command_setting{.input = ""});
        import.write(lines_between(0, 25));
        for (int i = 0; i < 20; ++i) import.read_line();  // two batches are in; the third waits
        import.signal(signal);
        const auto result = import.wait();
        CHECK(result.exit_code == 128 + signal);
        CHECK(result.err.find("interrupted") != std::string::npos);
        const std::size_t kept = 20 + json_lines(result.out).size();
        CHECK(json_lines(run_command({"export", store}).out).size() == kept);
        const auto again = run_command({"import", store}, lines_between(0, 30));
        CHECK(again.exit_code == 0);
        CHECK(json_lines(again.out).at(0).at("duplicate") == std::to_string(kept));
        CHECK(json_lines(again.out).at(0).at("appended") == std::to_string(30 - kept));
    }
}

TEST_CASE("a batch size beyond the limit is wrong usage") {
    const scratch_folder scratch;
    for (const char* size : {"0", "10001", "-1", "many", "1.5"}) {
        CAPTURE(size);
        CHECK(run_command({"import", scratch / "s.idem", "--batch", size}, "").exit_code == 2);
    }
    CHECK(!std::filesystem::exists(scratch / "s.idem"));
}

TEST_CASE("on a terminal import draws its progress and clears it again" *
          doctest::skip(!has_terminals())) {
    const scratch_folder scratch;
    std::ofstream(scratch / "events.jsonl") << lines_between(0, 5000);
    const auto result =
        run_command({"import", scratch / "s.idem", scratch / "events.jsonl"},
                    command_setting{.variables = {{"COLUMNS", "100"}}, .terminal = true});
    CHECK(result.exit_code == 0);
    CHECK(result.out.find("5,000 appended, 0 duplicate") != std::string::npos);
    CHECK(result.out.find(" % [") != std::string::npos);
    CHECK(result.out.find("\r\x1b[K") != std::string::npos);
}

TEST_CASE("a byte order mark is skipped, in however many pieces it comes") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_DIRECT) == 0);  // a read takes what one write gave
    for (const std::string piece : {"\xef", "\xbb", "\xbf{", "}\n", "\xef\xbb\xbf{}\n"}) {
        REQUIRE(::write(ends[1], piece.data(), piece.size()) == static_cast<ssize_t>(piece.size()));
    }
    ::close(ends[1]);
    const idem::cli::input_file file("/dev/fd/" + std::to_string(ends[0]));
    idem::cli::line_reader lines(file);
    CHECK(lines.next()->text == "{}");
    CHECK(lines.next()->text == "\xef\xbb\xbf{}");  // at the beginning alone
    ::close(ends[0]);
}
