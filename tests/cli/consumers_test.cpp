// idem consumers and idem ingest.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "run_command.hpp"
#include "scratch_folder.hpp"

namespace {

// Eight events, Even and Odd in turn.
struct filled_store {
    filled_store() : path(folder / "s.idem") {
        std::string lines;
        for (int n = 1; n <= 8; ++n) {
            lines += line_of{.id = std::to_string(n),
                             .stream = n % 2 == 0 ? "even" : "odd",
                             .type = n % 2 == 0 ? "Even" : "Odd"}
                         .str();
        }
        REQUIRE(run_command({"import", path}, lines).exit_code == 0);
    }
    command_result consumers(std::vector<std::string> arguments,
                             const std::string& input = "") const {
        arguments.insert(arguments.begin() + 1, path);
        arguments.insert(arguments.begin(), "consumers");
        return run_command(arguments, input);
    }
    std::string positions(const std::vector<std::string>& arguments) const {
        const auto result = consumers(arguments);
        CHECK(result.exit_code == 0);
        std::string all;
        for (const auto& event : json_lines(result.out)) all += event.at("position") + " ";
        return all;
    }
    json_members show(const std::string& name) const {
        const auto shown = json_lines(consumers({"show", name}).out);
        REQUIRE(shown.size() == 1);
        return shown[0];
    }

    scratch_folder folder;
    std::string path;
};

std::string verdict_of(const command_result& result) {
    const auto lines = json_lines(result.out);
    REQUIRE(!lines.empty());
    return lines.back().at("verdict");
}

}  // namespace

TEST_CASE("a consumer is made, reads on, advances, and is listed") {
    const filled_store store;
    CHECK(store.consumers({"create", "c", "--type", "Even"}).exit_code == 0);
    const auto again = store.consumers({"create", "c", "--type", "Even"});
    CHECK(json_lines(again.out).at(0).at("made") == "false");
    const auto other = store.consumers({"create", "c", "--type", "Odd"});
    CHECK(other.exit_code == 2);
    CHECK(other.err.find("types") != std::string::npos);
    CHECK(store.positions({"next", "c", "--limit", "2"}) == "2 4 ");
    CHECK(store.positions({"next", "c"}) == "2 4 6 8 ");
    const auto done = store.consumers({"advance", "c", "--to", "4", "--state", "-"}, "two");
    CHECK(done.exit_code == 0);
    CHECK(verdict_of(done) == "accepted");
    CHECK(store.positions({"next", "c"}) == "6 8 ");
    const auto twice = store.consumers({"advance", "c", "--to", "4", "--state", "-"}, "four");
    CHECK(twice.exit_code == 0);
    CHECK(verdict_of(twice) == "duplicate");
    const auto gap = store.consumers({"advance", "c", "--to", "8", "--after", "7"});
    CHECK(gap.exit_code == 3);
    CHECK(json_lines(gap.out).at(0).at("missing") == "[6]");
    const auto shown = store.show("c");
    CHECK(shown.at("checkpoint") == "4");
    CHECK(shown.at("state") == "two");
    CHECK(shown.at("events") == "2");
    const auto listed = json_lines(store.consumers({"list"}).out);
    REQUIRE(listed.size() == 1);
    CHECK(listed[0].at("name") == "c");
    CHECK(listed[0].at("waiting") == "2");
    CHECK(listed[0].at("lag") == "6");  // two of them the consumer's own
    CHECK(listed[0].at("holder") == "null");
    CHECK(store.consumers({"advance", "c", "--to", "8"}).exit_code == 0);
    CHECK(store.show("c").at("state") == "two");  // not given: it stays
    CHECK(store.positions({"next", "c"}) == "");
}

TEST_CASE("a consumer is reset and dropped by a person, who says why") {
    const filled_store store;
    store.consumers({"create", "c", "--from", "3"});
    store.consumers({"create", "late", "--from", "end"});
    CHECK(store.positions({"next", "c", "--limit", "1"}) == "3 ");
    CHECK(store.positions({"next", "late"}) == "");
    store.consumers({"advance", "c", "--to", "5", "--state", "-"}, "five");
    CHECK(store.consumers({"reset", "c", "--to", "2"}).exit_code == 2);  // no reason
    const auto refused = store.consumers({"reset", "c", "--to", "2", "--reason", "r"});
    CHECK(refused.exit_code == 2);
    CHECK(refused.err.find("state") != std::string::npos);
    CHECK(store.consumers({"reset", "c", "--to", "0", "--reason", "all again"}).exit_code == 0);
    CHECK(store.positions({"next", "c", "--limit", "1"}) == "1 ");
    CHECK(store.show("c").at("reason") == "all again");
    const auto id = json_lines(run_command({"show", store.path, "6", "--json"}).out)[0].at("id");
    CHECK(store.consumers({"reset", "c", "--to", id, "--reason", "on"}).exit_code == 0);
    CHECK(store.positions({"next", "c", "--limit", "1"}) == "7 ");
    CHECK(store.consumers({"reset", "c", "--to", "x", "--reason", "r"}).exit_code == 2);
    CHECK(store.consumers({"drop", "c"}).exit_code == 0);
    CHECK(store.consumers({"drop", "c"}).exit_code == 1);
    CHECK(store.consumers({"next", "c"}).exit_code == 1);
    CHECK(store.consumers({"show", "c"}).exit_code == 1);
    CHECK(store.consumers({"create", "c", "--from", "soon"}).exit_code == 2);
}

TEST_CASE("a program handles each batch, and its failure commits nothing") {
    const filled_store store;
    const std::string out = store.folder / "out";
    store.consumers({"create", "c", "--type", "Even", "--limit", "3"});
    const auto failed = store.consumers({"run", "c", "--exec", "cat > /dev/null; exit 7"});
    CHECK(failed.exit_code == 1);
    CHECK(failed.err.find("7") != std::string::npos);
    CHECK(store.show("c").at("checkpoint") == "0");
    const auto done = store.consumers({"run", "c", "--exec", "cat >> " + out});
    CHECK(done.exit_code == 0);
    const auto written = run_command({out}, command_setting{.program = "/bin/cat"}).out;
    CHECK(json_lines(written).size() == 4);
    CHECK(store.show("c").at("advances") == "2");
    CHECK(store.consumers({"run", "c", "--exec", "exit 9"}).exit_code == 0);  // nothing is left
    // A program that reads nothing of much input succeeds as well.
    std::string lines;
    for (int n = 100; n < 103; ++n) {
        lines += line_of{.id = std::to_string(n),
                         .type = "Even",
                         .data = "\"" + std::string(200'000, 'x') + "\""}
                     .str();
    }
    run_command({"import", store.path}, lines);
    CHECK(store.consumers({"run", "c", "--exec", "exit 0"}).exit_code == 0);
    CHECK(store.show("c").at("events") == "7");
}

TEST_CASE("a program is told whose batch it has, and its failure leaves no lease behind") {
    const filled_store store;
    const std::string out = store.folder / "out";
    store.consumers({"create", "c", "--type", "Even", "--limit", "3"});
    const auto failed = store.consumers({"run", "c", "--lease", "3600", "--exec", "exit 7"});
    CHECK(failed.exit_code == 1);
    CHECK(store.show("c").at("holder") == "null");
    CHECK(store.show("c").at("fence") == "1");  // there was one
    const std::string tell =
        "echo \"$IDEM_CONSUMER_NAME $IDEM_CONSUMER_FIRST $IDEM_CONSUMER_LAST\" >> " + out;
    CHECK(store.consumers({"run", "c", "--exec", tell}).exit_code == 0);
    const auto told = run_command({out}, command_setting{.program = "/bin/cat"}).out;
    CHECK(told == "c 2 6\nc 8 8\n");
    CHECK(store.show("c").at("holder") == "null");
    const auto unheld = store.consumers({"run", "c", "--lease", "0", "--exec", "true"});
    CHECK(unheld.exit_code == 0);
    CHECK(store.show("c").at("fence") == "2");
    CHECK(store.consumers({"run", "c", "--lease", "86401", "--exec", "true"}).exit_code == 2);
}

TEST_CASE("of two processes that run a consumer one does the work") {
    const filled_store store;
    const std::string gate = store.folder / "gate";
    const std::string done = store.folder / "done";
    REQUIRE(::mkfifo(gate.c_str(), 0600) == 0);
    store.consumers({"create", "c"});
    // Longer than its lease, so that it must be renewed: until the gate is opened.
    running_command first({"consumers", "run", store.path, "c", "--lease", "1", "--exec",
                           "cat > /dev/null; echo begun; cat " + gate});
    CHECK(first.read_line() == "begun");
    const auto fence = store.show("c").at("fence");
    const auto leased_until = store.show("c").at("leased_until");
    for (int asked = 0; store.show("c").at("leased_until") == leased_until; ++asked) {
        REQUIRE(asked < 100'000);
    }
    const auto second = store.consumers({"run", "c", "--exec", "echo more > " + done});
    CHECK(second.exit_code == 3);
    CHECK(second.err.find("runs it") != std::string::npos);
    CHECK_FALSE(std::filesystem::exists(done));
    CHECK(store.show("c").at("fence") == fence);
    std::ofstream(gate) << "go\n";
    CHECK(first.read_line() == "go");
    CHECK(first.wait().exit_code == 0);
    CHECK(store.show("c").at("events") == "8");
    CHECK(store.consumers({"run", "c", "--exec", "echo more > " + done}).exit_code == 0);
    CHECK_FALSE(std::filesystem::exists(done));  // nothing was left
}

TEST_CASE("run --follow handles what comes, and ends with a signal") {
    const filled_store store;
    store.consumers({"create", "c"});
    running_command follower({"consumers", "run", store.path, "c", "--follow", "--exec", "cat"});
    for (int n = 1; n <= 8; ++n) {
        CHECK(json_lines(follower.read_line() + "\n").at(0).at("position") == std::to_string(n));
    }
    run_command({"append", store.path}, numbered_line(77));
    CHECK(json_lines(follower.read_line() + "\n").at(0).at("subject") == "stream");
    follower.signal(SIGTERM);
    const int code = follower.wait().exit_code;
    CHECK((code == 0 || code == 143));  // between two batches, or within the last
}

TEST_CASE("ingest takes a delivery in once, and tells gaps") {
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    const auto deliver = [&](const std::string& position, const std::string& lines,
                             std::vector<std::string> more = {}) {
        std::vector<std::string> arguments{"ingest", path, "orders/3", position};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return run_command(arguments, lines);
    };
    const std::string both = numbered_line(1) + numbered_line(2);
    const auto first = deliver("10", both);
    CHECK(first.exit_code == 0);
    CHECK(verdict_of(first) == "accepted");
    CHECK(json_lines(first.out).size() == 3);
    CHECK(json_lines(first.out)[0].at("outcome") == "appended");
    const auto again = deliver("10", both);
    CHECK(again.exit_code == 0);
    CHECK(verdict_of(again) == "duplicate");
    CHECK(json_lines(again.out)[1].at("position") == "2");
    const auto gap = deliver("12", numbered_line(4), {"--after", "11"});
    CHECK(gap.exit_code == 3);
    CHECK(verdict_of(gap) == "gap");
    CHECK(gap.err.find("orders/3 gave behind 10 up to 11 has not come") != std::string::npos);
    CHECK(json_lines(gap.out)[0].at("last") == "10");
    CHECK(deliver("11", numbered_line(3), {"--after", "10"}).exit_code == 0);
    const auto stale = deliver("9", numbered_line(9));
    CHECK(stale.exit_code == 3);
    CHECK(verdict_of(stale) == "stale");
    const auto conflict = deliver("12", numbered_line(5) + numbered_line(1, "another"));
    CHECK(conflict.exit_code == 3);
    CHECK(verdict_of(conflict) == "not_appended");
    const auto token = deliver("0/16B3748", numbered_line(6));
    CHECK(token.exit_code == 2);
    CHECK(token.err.find("ordered") != std::string::npos);
    CHECK(deliver("13", "no event\n").exit_code == 2);
    CHECK(deliver("13", numbered_line(6), {"--after", "13"}).exit_code == 2);
    const auto sources = json_lines(run_command({"consumers", "list", path, "--sources"}).out);
    REQUIRE(sources.size() == 1);
    CHECK(sources[0].at("source") == "orders/3");
    CHECK(sources[0].at("position") == "11");
    CHECK(sources[0].at("deliveries") == "2");
    CHECK(run_command({"consumers", "reset", path, "orders/3", "--source", "--to", "4", "--reason",
                       "made anew"})
              .exit_code == 0);
    CHECK(deliver("5", numbered_line(50)).exit_code == 0);
}

TEST_CASE("checkpoints travel through export and import on the command line") {
    const filled_store store;
    store.consumers({"create", "c"});
    store.consumers({"advance", "c", "--to", "5", "--state", "-"}, "five");
    const std::string copy = store.folder / "copy.idem";
    run_command({"append", copy}, numbered_line(1000));
    const auto lines = run_command({"export", store.path}).out;
    REQUIRE(run_command({"import", copy}, lines).exit_code == 0);
    const auto shown = json_lines(run_command({"consumers", "show", copy, "c"}).out).at(0);
    CHECK(shown.at("checkpoint") == "6");
    CHECK(shown.at("state") == "five");
    CHECK(shown.at("lost") == "false");
}
