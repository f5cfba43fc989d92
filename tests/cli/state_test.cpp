// idem state, replay and projections with definitions in JSON.
#include <doctest/doctest.h>

#include <fstream>

#include "run_command.hpp"
#include "scratch_folder.hpp"

namespace {

std::string bank_line(int n, const std::string& type, const std::string& data) {
    return line_of{.id = std::to_string(n), .stream = "account-1", .type = type, .data = data}
        .str();
}

class bank {
public:
    bank() : store(folder / "s.idem"), file(folder / "accounts.json") {
        const auto result = run_command(
            {"import", store},
            bank_line(1, "Deposited", R"({"amount":5,"owner":"ann","day":"tue"})") +
                bank_line(2, "Deposited", R"({"amount":-2,"owner":"bob","day":"mon"})") +
                line_of{.id = "3",
                        .stream = "account-2",
                        .type = "Deposited",
                        .data = R"({"amount":7,"owner":"cy","day":"mon"})"}
                    .str() +
                bank_line(4, "Withdrawn", R"({"amount":1})") +
                line_of{.id = "5", .stream = "account-2", .type = "Closed"}.str());
        REQUIRE(result.exit_code == 0);
        define(R"({"name":"accounts","version":1,"key":"stream","on":{
            "Deposited":{"do":[{"add":"balance","value":"data.amount"},
                               {"set":"owner","value":"data.owner"},
                               {"max":"largest","value":"data.amount"},
                               {"insert":"days","value":"data.day"}]},
            "Closed":{"do":["delete"]}}})");
    }
    void define(const std::string& text) const { std::ofstream(file) << text; }

    // The rows of a definition on this store's events, one a line.
    std::string fold(const std::string& rules) const {
        define(R"({"name":"probe","key":"stream","on":)" + rules + "}");
        const auto result = run_command({"replay", store, file});
        if (result.exit_code != 0) return result.err;
        run_command({"restore", store, folder / "copy.idem"});
        std::string rows;
        for (const auto& row : json_lines(run_command({"state", folder / "copy.idem", file}).out)) {
            rows += row.at("key") + " " + row.at("row") + "\n";
        }
        std::filesystem::remove_all(folder / "copy.idem");
        return rows;
    }

    scratch_folder folder;
    std::string store;
    std::string file;
};

}  // namespace

TEST_CASE("state folds the events, and keeps the projection under its name") {
    const bank b;
    const auto rows = run_command({"state", b.store, b.file});
    CHECK(rows.exit_code == 0);
    CHECK(rows.out == R"({"key":"account-1","row":{"balance":3,"days":["mon","tue"],"largest":5,)"
                      R"("owner":"bob"},"position":5})"
                      "\n");
    run_command({"append", b.store},
                bank_line(6, "Deposited", R"({"amount":9,"owner":"ann","day":"mon"})"));
    const auto by_name = json_lines(run_command({"state", b.store, "accounts", "account-1"}).out);
    REQUIRE(by_name.size() == 1);
    CHECK(by_name[0].at("position") == "6");
    CHECK(by_name[0].at("row") ==
          R"({"balance":12,"days":["mon","tue"],"largest":9,"owner":"ann"})");
    const auto absent = run_command({"state", b.store, "accounts", "account-2"});
    CHECK(absent.exit_code == 1);
    CHECK(absent.err.find("account-2") != std::string::npos);
}

TEST_CASE("state --at shows the rows as they were, and leaves what is kept alone") {
    const bank b;
    run_command({"state", b.store, b.file});
    const auto at = [&](const char* position) {
        return run_command({"state", b.store, "accounts", "--at", position}).out;
    };
    CHECK(json_lines(at("1")).at(0).at("row") ==
          R"({"balance":5,"days":["tue"],"largest":5,"owner":"ann"})");
    CHECK(json_lines(at("4")).size() == 2);
    CHECK(json_lines(at("4")).at(1).at("position") == "4");
    CHECK(at("0") == "");
    CHECK(json_lines(at("1000")).at(0).at("position") == "5");
    CHECK(json_lines(run_command({"projections", b.store}).out).at(0).at("position") == "5");
}

TEST_CASE("digests of state and replay agree, on this store and on a copy") {
    const bank b;
    const auto state = json_lines(run_command({"state", b.store, b.file, "--digest"}).out).at(0);
    CHECK(names_of(state) == std::vector<std::string>{"because", "digest", "name", "order",
                                                      "position", "rows", "version"});
    CHECK(state.at("rows") == "1");
    CHECK(state.at("order") == "arrival");
    CHECK(state.at("because") == "owner is set, rows are deleted");
    const auto bare = run_command({"replay", b.store, "accounts", "--digest"});
    CHECK(bare.out == state.at("digest") + "\n");
    CHECK(bare.err.find("5 events") != std::string::npos);
    const auto replay = json_lines(run_command({"replay", b.store, "accounts"}).out).at(0);
    CHECK(names_of(replay) == names_of(state));
    const auto asked = run_command({"replay", b.store, "accounts", "--digest", "--json"});
    CHECK(json_lines(asked.out).at(0) == json_members{{"digest", state.at("digest")}});
    run_command({"backup", b.store, b.folder / "copy.idem"});
    CHECK(run_command({"replay", b.folder / "copy.idem", b.file, "--digest"}).out == bare.out);
}

TEST_CASE("projections are listed with how far they are and why order matters") {
    const bank b;
    CHECK(run_command({"projections", b.store}).out == "");
    run_command({"state", b.store, b.file});
    run_command({"append", b.store}, bank_line(6, "Withdrawn", "{}"));
    const auto listed = json_lines(run_command({"projections", b.store}).out);
    REQUIRE(listed.size() == 1);
    CHECK(names_of(listed[0]) ==
          std::vector<std::string>{"because", "behind", "current", "definition", "digest",
                                   "failure", "fingerprint", "kept", "name", "order", "position",
                                   "reads", "rebuild", "rows", "stale", "version"});
    CHECK(listed[0].at("behind") == "1");
    CHECK(listed[0].at("definition") == "json");
    CHECK(listed[0].at("failure") == "null");
}

TEST_CASE(
    "another definition under the same name and version is refused until the version is raised") {
    const bank b;
    run_command({"state", b.store, b.file});
    b.define(
        R"({"name":"accounts","version":1,"key":"stream","on":
              {"Deposited":{"do":[{"count":"n"}]}}})");
    const auto refused = run_command({"state", b.store, b.file});
    CHECK(refused.exit_code == 2);
    CHECK(refused.err.find("raise its version") != std::string::npos);
    b.define(
        R"({"name":"accounts","version":2,"key":"stream","on":
              {"Deposited":{"do":[{"count":"n"}]}}})");
    const auto stale = run_command({"state", b.store, b.file});
    CHECK(stale.exit_code == 0);
    CHECK(stale.err.find("idem rebuild") != std::string::npos);
    CHECK(json_lines(stale.out).at(0).at("row").find("balance") != std::string::npos);
    CHECK(run_command({"rebuild", b.store, b.file}).exit_code == 0);
    const auto second = run_command({"state", b.store, b.file});
    CHECK(second.err == "");
    CHECK(json_lines(second.out).at(0).at("row") == R"({"n":2})");
    CHECK(json_lines(run_command({"projections", b.store}).out).size() == 2);
    CHECK(json_lines(run_command({"state", b.store, "accounts"}).out).size() ==
          2);  // the newer one
}

TEST_CASE("each operation, condition and key does what the page says") {
    const bank b;
    CHECK(b.fold(R"({"*":{"do":[{"count":"n"}]}})") ==
          "account-1 {\"n\":3}\naccount-2 {\"n\":2}\n");
    CHECK(b.fold(R"({"Withdrawn":{"do":[{"count":"n"}]},"*":{"do":[{"count":"n"}]}})") ==
          "account-1 {\"n\":4}\naccount-2 {\"n\":2}\n");
    CHECK(
        b.fold(R"({"Deposited":{"key":{"literal":"all"},"do":[{"min":"low","value":"data.amount"},)"
               R"({"max":"name","value":"data.owner"},)"
               R"({"max":"r","value":"data.amount","real":true}]}})") ==
        "all {\"low\":-2,\"name\":\"cy\",\"r\":7.0}\n");
    CHECK(b.fold(R"({"Deposited":{"key":["data.day","type"],"do":[)"
                 R"({"add":"sum","value":"data.amount"}]}})") ==
          "mon/Deposited {\"sum\":5}\ntue/Deposited {\"sum\":5}\n");
    CHECK(b.fold(R"({"*":{"key":{"literal":"k"},"when":[{"path":"data.amount","equals":7.0}],)"
                 R"("do":[{"set":"id","value":"metadata.sourceid"}]}})") == "k {\"id\":\"3\"}\n");
    CHECK(b.fold(R"({"*":{"when":[{"path":"data.owner","exists":false},{"path":"data.amount",)"
                 R"("exists":true}],"do":[{"set":"p","value":"position"}]}})") ==
          "account-1 {\"p\":4}\n");
    CHECK(b.fold(R"({"Deposited":{"key":{"literal":"k"},"do":[{"insert":"s","value":"data.day"},)"
                 R"({"insert":"s","value":"data.amount"}]},)"
                 R"("Withdrawn":{"key":{"literal":"k"},"do":[)"
                 R"({"remove":"s","value":{"literal":"mon"}}]}})") ==
          "k {\"s\":[-2,5,7,\"tue\"]}\n");
    CHECK(b.fold(R"({"*":{"do":[{"set":"owner","value":"data.owner","optional":true}]}})") ==
          "account-1 {\"owner\":\"bob\"}\naccount-2 {\"owner\":\"cy\"}\n");
    CHECK(b.fold(R"({"Closed":[{"do":[{"count":"n"}]},{"do":["delete"]}]})") == "");
    CHECK(
        b.fold(R"({"Deposited":{"key":{"literal":"k"},"do":[{"add":"half","value":{"literal":0.5},)"
               R"("real":true}]}})") == "k {\"half\":1.5}\n");
}

TEST_CASE("a handler's error stops the projection and names event, operation and path") {
    const bank b;
    struct variant {
        const char* rules;
        const char* cause;
    };
    const std::vector<variant> variants{
        {R"({"Withdrawn":{"do":[{"set":"owner","value":"data.owner"}]}})", "\"optional\": true"},
        {R"({"Deposited":{"do":[{"add":"n","value":"data.owner"}]}})", "data.owner is text"},
        {R"({"Deposited":{"do":[{"add":"n","value":{"literal":1.5}}]}})", "\"real\": true"},
        {R"({"Deposited":{"do":[{"add":"n","value":{"literal":18446744073709551615}}]}})",
         "beyond the range of 64-bit integers"},
        {R"({"Deposited":{"do":[{"set":"n","value":"data.owner"},)"
         R"({"add":"n","value":"data.amount"}]}})",
         "the field is text"},
        {R"({"Deposited":{"do":[{"max":"n","value":"data.owner"},)"
         R"({"max":"n","value":"data.amount"}]}})",
         "no order"},
        {R"({"Deposited":{"do":[{"insert":"n","value":"data"}]}})", "data is an object"},
        {R"({"Withdrawn":{"key":"data.owner","do":[{"count":"n"}]}})", "\"exists\": true"},
        {R"({"Deposited":{"key":"data","do":[{"count":"n"}]}})", "key: data is an object"},
    };
    for (const auto& v : variants) {
        CAPTURE(v.rules);
        const std::string said = b.fold(v.rules);
        CHECK(said.find(v.cause) != std::string::npos);
        CHECK(said.find("position") != std::string::npos);
        CHECK(said.find("handler_failed") != std::string::npos);
    }
    CHECK(run_command({"replay", b.store, b.file}).exit_code == 1);
}

TEST_CASE("a projection that failed says so in the list, and the rows before the event are kept") {
    const bank b;
    b.define(
        R"({"name":"strict","key":"stream","on":{"*":{"do":[{"set":"day","value":"data.day"}]}}})");
    const auto failed = run_command({"state", b.store, b.file});
    CHECK(failed.exit_code == 1);
    const auto listed = json_lines(run_command({"projections", b.store}).out).at(0);
    CHECK(listed.at("position") == "3");
    CHECK(listed.at("failure").find("position 4") != std::string::npos);
    CHECK(failed.err.find("`--at 3` shows them") != std::string::npos);
    CHECK(run_command({"state", b.store, "strict", "--at", "3"}).exit_code == 0);
    CHECK(run_command({"projections", b.store}).err.find("stands still") != std::string::npos);
    b.define(R"({"name":"strict","version":2,"key":"stream","on":{"*":{"do":[{"count":"n"}]}}})");
    CHECK(run_command({"rebuild", b.store, b.file}).exit_code == 0);
    CHECK(run_command({"projections", b.store}).err == "");  // nobody waits for the first one
}

TEST_CASE("data that an event does not have is missing, as a part of it is") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    const std::string file = scratch / "p.json";
    run_command({"append", store}, R"({"specversion":"1.0","id":"1","source":"/s","type":"T"})"
                                   "\n");
    std::ofstream(file) << R"({"name":"p","key":"stream","on":{"T":[{"do":[
        {"set":"a","value":"data.a","optional":true},{"count":"n"}]},
        {"when":[{"path":"data","exists":false}],"do":[{"count":"without"}]}]}})";
    const auto result = run_command({"state", store, file});
    CHECK(result.err == "");
    CHECK(json_lines(result.out).at(0).at("row") == R"({"n":1,"without":1})");
}

TEST_CASE("integers of 64 bits stay exact, larger ones are refused where they are used") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    const std::string file = scratch / "p.json";
    std::ofstream(file) << R"({"name":"p","key":"stream","on":{"T":{"do":[
        {"set":"a","value":"data.a"},{"add":"s","value":"data.a"},
        {"set":"b","value":"data.b","optional":true}]}}})";
    const auto line = [](const char* id, const char* stream, const std::string& data) {
        return line_of{.id = id, .stream = stream, .type = "T", .data = data}.str();
    };
    run_command({"append", store},
                line("1", "u", R"({"a":18446744073709551615})") +
                    line("2", "i", R"({"a":-9223372036854775808})") +
                    line("3", "o", R"({"a":9007199254740993,"c":99999999999999999999})"));
    const auto rows = json_lines(run_command({"state", store, file}).out);
    REQUIRE(rows.size() == 3);
    CHECK(rows[0].at("row") == R"({"a":-9223372036854775808,"s":-9223372036854775808})");
    CHECK(rows[1].at("row") == R"({"a":9007199254740993,"s":9007199254740993})");
    CHECK(rows[2].at("row") == R"({"a":18446744073709551615,"s":18446744073709551615})");
    run_command({"append", store},
                line("4", "o", R"({"a":1,"b":[{"deep":99999999999999999999}]})"));
    const auto refused = run_command({"state", store, file});
    CHECK(refused.exit_code == 1);
    CHECK(refused.err.find("64 bits") != std::string::npos);
}

TEST_CASE("a store that may only be read is replayed instead") {
    const bank b;
    run_command({"state", b.store, b.file});
    run_command({"append", b.store}, bank_line(6, "Withdrawn", "{}"));
    const std::string script = "chmod a-w '" + b.store + "'/* '" + b.store + "' && " +
                               IDEM_COMMAND + " state '" + b.store + "' accounts";
    const auto result = run_command({"-c", script}, command_setting{.program = "/bin/sh"});
    CHECK(result.exit_code == 0);
    CHECK(json_lines(result.out).at(0).at("position") == "6");
}

TEST_CASE("an unknown projection is told with what there is to do") {
    const bank b;
    const auto unknown = run_command({"state", b.store, "nothing"});
    CHECK(unknown.exit_code == 1);
    CHECK(unknown.err.find("--plugin") != std::string::npos);
    CHECK(unknown.err.find("idem projections") != std::string::npos);
    CHECK(run_command({"state", b.store, "./missing.json"}).exit_code == 1);
    b.define("{");
    const auto broken = run_command({"state", b.store, b.file});
    CHECK(broken.exit_code == 2);
    CHECK(broken.err.find("accounts.json") != std::string::npos);
}

TEST_CASE("a number beyond the range of doubles stands in the way of those alone who use it") {
    const bank b;
    run_command({"append", b.store}, bank_line(9, "Measured", R"({"n":1,"big":[-1e400,"1e400"]})"));
    const auto rows_of = [&](const std::string& path) {
        b.define(R"({"name":"m","version":1,"key":"stream","on":{"Measured":{"do":[{"set":"v",)"
                 R"("value":")" +
                 path + R"("}]}}})");
        run_command({"state", b.store, b.file});
        return run_command({"replay", b.store, b.file});
    };
    CHECK(rows_of("data.n").exit_code == 0);
    const auto used = rows_of("data.big");
    CHECK(used.exit_code != 0);
    CHECK(used.err.find("beyond 64 bits") != std::string::npos);
}

TEST_CASE("a definition nested without end is refused") {
    const bank b;
    b.define(R"({"name":"m","key":"stream","on":{"*":{"do":[{"set":"v","value":)" +
             std::string(50'000, '[') + std::string(50'000, ']') + "}]}}}");
    const auto refused = run_command({"state", b.store, b.file});
    CHECK(refused.exit_code == 2);
    CHECK(refused.err.find("nested deeper than 128") != std::string::npos);
}
