// idem export, log, show, why, streams, types and stats.
#include <doctest/doctest.h>

#include "run_command.hpp"
#include "scratch_folder.hpp"

namespace {

// Six events in two streams, of two types, with tags and times.
class filled_store {
public:
    filled_store() : path(folder / "s.idem") {
        std::string lines;
        for (int n = 1; n <= 6; ++n) {
            lines +=
                line_of{.id = std::to_string(n),
                        .stream = n % 2 == 1 ? "odd" : "even",
                        .type = n <= 4 ? "Early" : "Late",
                        .data = "{\"n\":" + std::to_string(n) + "}",
                        .more = R"(,"time":"2018-07-1)" + std::to_string(n) + R"(T12:00:00Z")" +
                                (n == 2 || n == 5 ? R"(,"tags":"goal,fast","correlationid":"c-1")"
                                                  : "")}
                    .str();
        }
        REQUIRE(run_command({"import", path}, lines).exit_code == 0);
    }

    // The positions that a command prints, in its order.
    std::string positions(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin() + 1, path);
        const auto result = run_command(arguments);
        CHECK(result.exit_code == 0);
        std::string all;
        for (const auto& event : json_lines(result.out)) all += event.at("position") + " ";
        return all;
    }

    scratch_folder folder;
    std::string path;
};

}  // namespace

TEST_CASE("log and export choose events by every filter, alone and together") {
    const filled_store store;
    for (const char* command : {"log", "export"}) {
        CAPTURE(command);
        CHECK(store.positions({command}) == "1 2 3 4 5 6 ");
        CHECK(store.positions({command, "--stream", "odd"}) == "1 3 5 ");
        CHECK(store.positions({command, "--type", "Late"}) == "5 6 ");
        CHECK(store.positions({command, "--type", "Late", "--type=Early"}) == "1 2 3 4 5 6 ");
        CHECK(store.positions({command, "--tag", "goal"}) == "2 5 ");
        CHECK(store.positions({command, "--tag", "goal", "--tag", "slow"}) == "");
        CHECK(store.positions({command, "--correlation", "c-1"}) == "2 5 ");
        CHECK(store.positions({command, "--since", "2018-07-13"}) == "3 4 5 6 ");
        CHECK(store.positions({command, "--until", "2018-07-13T12:00:00Z"}) == "1 2 ");
        CHECK(store.positions({command, "--from", "2", "--to", "4"}) == "2 3 4 ");
        CHECK(store.positions({command, "--from", "2", "--limit", "2"}) == "2 3 ");
        CHECK(store.positions({command, "--limit", "0"}) == "");
        CHECK(store.positions({command, "--reverse"}) == "6 5 4 3 2 1 ");
        CHECK(store.positions({command, "--reverse", "--to", "4", "--limit", "3"}) == "4 3 2 ");
        CHECK(store.positions({command, "--stream", "odd", "--reverse", "--limit", "2"}) == "5 3 ");
        CHECK(store.positions({command, "--stream", "even", "--type", "Early", "--tag", "goal"}) ==
              "2 ");
        CHECK(store.positions({command, "--stream", "absent"}) == "");
        CHECK(run_command({command, store.path, "--since", "yesterday"}).exit_code == 2);
        CHECK(run_command({command, store.path, "--from", "-3"}).exit_code == 2);
    }
}

TEST_CASE("many events come out whole, whatever the chunks, in both directions") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    std::string lines;
    constexpr int events = 9000;
    for (int n = 0; n < events; ++n) {
        lines +=
            line_of{.id = std::to_string(n), .data = "\"" + std::string(300, 'x') + "\""}.str();
    }
    run_command({"import", store}, lines);
    for (const bool reverse : {false, true}) {
        std::vector<std::string> arguments{"export", store, "--limit", std::to_string(events - 1)};
        if (reverse) arguments.push_back("--reverse");
        const auto exported = json_lines(run_command(arguments).out);
        REQUIRE(exported.size() == events - 1);
        bool in_order = true;
        for (std::size_t i = 0; i < exported.size(); ++i) {
            const std::size_t expected = reverse ? events - i : i + 1;
            in_order = in_order && exported[i].at("position") == std::to_string(expected);
        }
        CHECK(in_order);
    }
}

TEST_CASE("show finds an event by position, by id, and by its sender's id") {
    const filled_store store;
    const auto by_position = run_command({"show", store.path, "5"});
    CHECK(by_position.exit_code == 0);
    const auto event = json_lines(by_position.out).at(0);
    CHECK(event.at("specversion") == "1.0");
    CHECK(event.at("type") == "Late");
    CHECK(event.at("subject") == "odd");
    CHECK(event.at("data") == R"({"n":5})");
    CHECK(event.at("position") == "5");
    CHECK(event.at("revision") == "2");
    CHECK(run_command({"show", store.path, event.at("id")}).out == by_position.out);
    CHECK(run_command({"show", store.path, "5", "--source", "/test"}).out == by_position.out);

    const auto beyond = run_command({"show", store.path, "7"});
    CHECK(beyond.exit_code == 1);
    CHECK(beyond.err.find("the last is at 6") != std::string::npos);
    CHECK(run_command({"show", store.path, "0"}).exit_code == 1);
    CHECK(run_command({"show", store.path, "0198c5a2-7f3e-7b1c-9d52-0c6f1a2b3c4d"}).exit_code == 1);
    const auto no_id = run_command({"show", store.path, "order-17"});
    CHECK(no_id.exit_code == 2);
    CHECK(no_id.err.find("--source") != std::string::npos);
}

TEST_CASE("why tells the first receipt of an id, or that there is none") {
    const filled_store store;
    const auto known = run_command({"why", store.path, "3", "--source", "/test"});
    CHECK(known.exit_code == 0);
    const auto answer = json_lines(known.out).at(0);
    CHECK(names_of(answer) == std::vector<std::string>{"event", "id", "known", "position",
                                                       "revision", "stream", "time", "type"});
    CHECK(answer.at("known") == "true");
    CHECK(answer.at("position") == "3");
    CHECK(answer.at("revision") == "1");
    CHECK(answer.at("stream") == "odd");
    const auto unknown = run_command({"why", store.path, "33", "--source", "/test"});
    CHECK(unknown.exit_code == 1);
    CHECK(json_lines(unknown.out).at(0).at("known") == "false");
}

TEST_CASE("why compares an event with what is stored, and names the field that differs") {
    const filled_store store;
    const auto ask = [&](const line_of& line, const std::string& id = "3") {
        return run_command({"why", store.path, id, "--source", "/test"}, line.str());
    };
    const auto same = ask({.id = "3", .stream = "odd", .type = "Early", .data = R"({ "n": 3 })"});
    CHECK(same.exit_code == 0);
    CHECK(json_lines(same.out).at(0).at("would_be") == "duplicate");
    CHECK(json_lines(same.out).at(0).count("field") == 0);

    const auto other = ask({.id = "3", .stream = "odd", .type = "Early", .data = R"({"n":4})"});
    CHECK(other.exit_code == 3);
    CHECK(json_lines(other.out).at(0).at("would_be") == "id_conflict");
    CHECK(json_lines(other.out).at(0).at("field") == "data");
    CHECK(json_lines(other.out).at(0).at("stored") == R"({"n":3})");
    CHECK(json_lines(other.out).at(0).at("given") == R"({"n":4})");
    const auto elsewhere =
        ask({.id = "3", .stream = "even", .type = "Early", .data = R"({"n":3})"});
    CHECK(json_lines(elsewhere.out).at(0).at("field") == "stream");
    CHECK(json_lines(elsewhere.out).at(0).at("stored") == "odd");
    CHECK(json_lines(elsewhere.out).at(0).at("given") == "even");

    const auto fresh = ask({.id = "33"}, "33");
    CHECK(fresh.exit_code == 0);
    CHECK(json_lines(fresh.out).at(0).at("would_be") == "appended");

    CHECK(ask({.id = "4"}).exit_code == 2);  // another id than asked for
    CHECK(run_command({"why", store.path, "3", "--source", "/test"}, "{}\n").exit_code == 2);
    CHECK(run_command({"why", store.path, "3", "--source", "/test"},
                      line_of{.id = "3"}.str() + line_of{.id = "3"}.str())
              .exit_code == 2);
    CHECK(run_command({"why", store.path, "3", "--source", "/test"}, "\n").exit_code == 0);
    CHECK(run_command({"why", store.path, "3", "--source", "/test", "--event", "missing"})
              .exit_code == 1);
}

TEST_CASE("streams and types count what is there") {
    const filled_store store;
    const auto streams = json_lines(run_command({"streams", store.path}).out);
    REQUIRE(streams.size() == 2);
    CHECK(streams[0] == json_members{{"stream", "even"}, {"revision", "2"}, {"position", "6"}});
    CHECK(streams[1] == json_members{{"stream", "odd"}, {"revision", "2"}, {"position", "5"}});
    const auto types = json_lines(run_command({"types", store.path}).out);
    REQUIRE(types.size() == 2);
    CHECK(types[0] == json_members{{"type", "Early"}, {"schema_version", "1"}, {"events", "4"}});
    CHECK(types[1] == json_members{{"type", "Late"}, {"schema_version", "1"}, {"events", "2"}});
}

TEST_CASE("all streams are listed, however many") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    std::string lines;
    for (int n = 0; n < 2500; ++n) lines += numbered_line(n, "stream-" + std::to_string(n));
    run_command({"import", store}, lines);
    CHECK(json_lines(run_command({"streams", store}).out).size() == 2500);
}

TEST_CASE("stats tells what the store holds") {
    const filled_store store;
    const auto stats = json_lines(run_command({"stats", store.path}).out).at(0);
    CHECK(names_of(stats) == std::vector<std::string>{"created", "events", "file_bytes",
                                                      "format_version", "id", "key_bytes", "keys",
                                                      "map_bytes", "oldest_reader_lag", "origins",
                                                      "path", "reader_slots", "readers", "streams",
                                                      "tables", "used_bytes"});
    CHECK(stats.at("events") == "6");
    CHECK(stats.at("streams") == "2");
    CHECK(stats.at("tables").find("\"log\"") != std::string::npos);
}

TEST_CASE("on a terminal people get tables, and JSON when they ask for it" *
          doctest::skip(!has_terminals())) {
    const filled_store store;
    const command_setting people{.variables = {{"COLUMNS", "100"}, {"TERM", "xterm"}},
                                 .terminal = true};
    const auto log = run_command({"log", store.path, "--limit", "2"}, people);
    CHECK(log.out.find("position  time") != std::string::npos);
    CHECK(log.out.find("2018-07-11 12:00:00") != std::string::npos);
    CHECK(log.out.find("\x1b[1m") != std::string::npos);
    CHECK(log.out.find("specversion") == std::string::npos);

    command_setting plain = people;
    plain.variables["NO_COLOR"] = "1";
    CHECK(run_command({"log", store.path}, plain).out.find('\x1b') == std::string::npos);
    CHECK(run_command({"log", store.path, "--no-color"}, people).out.find('\x1b') ==
          std::string::npos);
    const auto json = run_command({"--json", "log", store.path, "--limit", "1"}, people);
    CHECK(json.out.find("specversion") != std::string::npos);
    CHECK(run_command({"log", store.path, "--limit", "1", "--json"}, people).out == json.out);

    const auto none = run_command({"log", store.path, "--type", "None"}, people);
    CHECK(none.out == "no such events\r\n");
    CHECK(run_command({"projections", store.path}, people).out == "no projections\r\n");

    for (const char* command : {"streams", "types", "stats", "projections"}) {
        CAPTURE(command);
        const auto table = run_command({command, store.path}, people);
        CHECK(table.exit_code == 0);
        CHECK(table.out.find('{') == std::string::npos);
    }
    CHECK(run_command({"show", store.path, "5"}, people).out.find("odd @ 2") != std::string::npos);
    const auto why = run_command({"why", store.path, "5", "--source", "/test"}, people);
    CHECK(why.out.find("appended at position 5") != std::string::npos);
}

TEST_CASE("a table keeps within the terminal, and an event cannot write to it" *
          doctest::skip(!has_terminals())) {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    const std::string data = "\"\\u001b[31m " + std::string(500, 'x') + "\"";
    run_command({"append", store},
                line_of{.id = "1", .type = std::string(40, 't'), .data = data}.str() +
                    R"({"specversion":"1.0","source":"/t","id":"2","subject":"s","type":"T",)"
                    R"("datacontenttype":"text/plain","data_base64":"G1szMW1yZWQ="})"
                    "\n");
    const auto log = run_command(
        {"log", store},
        command_setting{.variables = {{"COLUMNS", "80"}, {"NO_COLOR", "1"}}, .terminal = true});
    CHECK(log.out.find('\x1b') == std::string::npos);
    CHECK(log.out.find("…") != std::string::npos);
    // Half a time or half a number would mislead.
    const std::string shown = run_command({"show", store, "1"}).out;
    const std::string time = json_lines(shown).at(0).at("time").substr(0, 19);
    CHECK(log.out.find(time.substr(0, 10) + " " + time.substr(11)) != std::string::npos);
    for (std::size_t at = 0; at < log.out.size();) {
        const std::size_t end = log.out.find("\r\n", at);
        REQUIRE(end != std::string::npos);
        CHECK(end - at <= 84);  // an ellipsis is one column of three bytes, and two are cut
        at = end + 2;
    }
}

TEST_CASE("a store that is not there is told with the remedy, and none is made") {
    const scratch_folder scratch;
    const std::string store = scratch / "absent.idem";
    const std::vector<std::vector<std::string>> commands{
        {"export", store},
        {"log", store},
        {"log", store, "--follow"},
        {"show", store, "1"},
        {"why", store, "0198c5a2-7f3e-7b1c-9d52-0c6f1a2b3c4d"},
        {"streams", store},
        {"types", store},
        {"projections", store},
        {"state", store, "x"},
        {"replay", store, "x"},
        {"verify", store},
        {"stats", store},
        {"backup", store, scratch / "b.idem"}};
    for (const auto& command : commands) {
        CAPTURE(command[0]);
        const auto result = run_command(command);
        CHECK(result.exit_code == 1);
        CHECK(result.out == "");
        CHECK(result.err.find("idem append") != std::string::npos);
        CHECK(!std::filesystem::exists(store));
    }
}
