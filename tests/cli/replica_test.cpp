// Events of other stores through the command line: what becomes of them, what waits, and how far a
// store has got.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "idem/limits.hpp"
#include "idem/store.hpp"
#include "run_command.hpp"
#include "scratch_folder.hpp"

namespace {

using arguments = std::vector<std::string>;

const std::string origin_a = "0a000000-0000-4000-8000-000000000000";
const std::string origin_b = "0b000000-0000-4000-8000-000000000000";
constexpr std::uint64_t ms_of_2020 = 1'577'836'800'000;

std::string id_of(std::uint64_t number) {
    return fmt::format("00000000-0000-4000-8000-{:012}", number);
}

// An event as the store that made it exports it; its clock counts seconds from 2020 on.
struct foreign {
    std::uint64_t number = 1;
    std::uint64_t counter = 1;
    std::string origin = origin_a;
    std::uint64_t ms = ms_of_2020 + 1000 * counter;
    std::string data = fmt::format(R"({{"n":{}}})", number);

    std::string str() const {
        return line_of{.id = id_of(number),
                       .stream = "s",
                       .data = data,
                       .more = fmt::format(R"(,"clock":{},"origin":"{}","counter":{})", ms << 16,
                                           origin, counter)}
            .str();
    }
};
std::string nth_of_a(std::uint64_t counter) {
    return foreign{.number = counter, .counter = counter}.str();
}

struct shell {
    scratch_folder scratch;
    std::string store = scratch / "s.idem";

    command_result run(const char* command, const std::string& input, arguments more = {}) const {
        more.insert(more.begin(), {command, store});
        return run_command(more, input);
    }
    json_members accept(const std::string& line, const arguments& more = {}) const {
        const auto result = run("accept", line, more);
        const auto answer = json_lines(result.out).at(0);
        CHECK_MESSAGE(result.exit_code == (answer.at("outcome") == "refused" ? 3 : 0), result.err);
        return answer;
    }
    std::string outcome(const std::string& line, const arguments& more = {}) const {
        return accept(line, more).at("outcome");
    }
    json_members classify(const std::string& line) const {
        const auto result = run("classify", line);
        CHECK_MESSAGE(result.exit_code == 0, result.err);
        return json_lines(result.out).at(0);
    }
    std::string class_of(const std::string& line) const { return classify(line).at("class"); }
    std::string frontier() const {
        const auto result = run_command({"frontier", store});
        CHECK_MESSAGE(result.exit_code == 0, result.err);
        return result.out;
    }
    std::vector<json_members> parked() const {
        const auto result = run_command({"parked", store});
        CHECK_MESSAGE(result.exit_code == 0, result.err);
        return json_lines(result.out);
    }
    std::string digest() const {
        const std::string file = scratch / "last.json";
        if (!std::filesystem::exists(file)) {
            std::ofstream(file) << R"({"name":"last","version":1,"key":"stream","on":{"Happened":)"
                                   R"({"do":[{"count":"events"},{"set":"n","value":"data.n"}]}}})";
        }
        const auto result = run_command({"replay", store, file, "--digest"});
        CHECK_MESSAGE(result.exit_code == 0, result.err);
        return result.out;
    }
};

}  // namespace

TEST_CASE("classify: the next counter, one that was seen, one below, one beyond a gap") {
    const shell sh;
    CHECK(sh.run("classify", nth_of_a(1)).exit_code == 1);  // no store, and none is made
    CHECK_FALSE(std::filesystem::exists(sh.store));
    REQUIRE(sh.outcome(nth_of_a(1)) == "appended");
    REQUIRE(sh.outcome(nth_of_a(2)) == "appended");
    const auto next = sh.classify(nth_of_a(3));
    CHECK(names_of(next) ==
          std::vector<std::string>{"class", "field", "id", "known_counter", "position"});
    CHECK(next.at("class") == "next");
    CHECK(next.at("id") == id_of(3));
    CHECK(next.at("known_counter") == "2");
    CHECK(next.at("position") == "null");
    CHECK(next.at("field") == "null");
    const auto seen = sh.classify(nth_of_a(2));
    CHECK(seen.at("class") == "duplicate");
    CHECK(seen.at("position") != "null");
    CHECK(sh.class_of(nth_of_a(1)) == "stale");
    CHECK(sh.class_of(nth_of_a(4)) == "gap");
    const auto beside = foreign{.number = 9, .origin = origin_b, .ms = ms_of_2020 + 1500};
    CHECK(sh.class_of(beside.str()) == "concurrent");
    CHECK(sh.parked().empty());  // nothing of it was written
    CHECK(sh.frontier() == origin_a + ":2\n");
}

TEST_CASE("accept: an event that has the place or the id of another is refused and not written") {
    const shell sh;
    REQUIRE(sh.outcome(nth_of_a(1)) == "appended");
    const std::string digest = sh.digest();
    const auto changed = foreign{.number = 1, .data = R"({"n":7})"}.str();
    CHECK(sh.classify(changed).at("field") == "data");
    const auto answer = sh.accept(changed);
    CHECK(names_of(answer) ==
          std::vector<std::string>{"class", "id", "outcome", "position", "reason"});
    CHECK(answer.at("outcome") == "refused");
    CHECK(answer.at("class") == "equivocation");
    CHECK(answer.at("position") == "null");
    CHECK(answer.at("reason").find("other data") != std::string::npos);

    const auto rival = foreign{.number = 2, .counter = 1}.str();
    CHECK(sh.classify(rival).at("field") == "counter");
    const auto taken = sh.accept(rival);
    CHECK(taken.at("outcome") == "refused");
    CHECK(taken.at("reason").find("two histories") != std::string::npos);
    CHECK(sh.digest() == digest);
    CHECK(run_command({"show", sh.store, id_of(2)}).exit_code == 1);

    CHECK(sh.outcome(changed, {"--keep-forks"}) == "refused");
    CHECK(sh.outcome(rival, {"--keep-forks"}) == "forked");
    CHECK(run_command({"show", sh.store, id_of(2)}).exit_code == 0);
    CHECK(run_command({"verify", sh.store}).exit_code == 0);
}

TEST_CASE("accept: two and three before one, twice, and all again, leave what one to three leave") {
    const shell in_order;
    const auto all = in_order.run("accept", nth_of_a(1) + nth_of_a(2) + nth_of_a(3));
    CHECK(all.exit_code == 0);
    CHECK(json_lines(all.out).size() == 3);

    const shell sh;
    for (const std::uint64_t counter : {2, 3, 2, 3}) {
        const auto answer = sh.accept(nth_of_a(counter));
        CHECK(answer.at("outcome") == "parked");
        CHECK(answer.at("class") == "gap");
    }
    const auto waiting = sh.parked();
    REQUIRE(waiting.size() == 2);
    CHECK(names_of(waiting[0]) ==
          std::vector<std::string>{"counter", "id", "missing_from", "origin", "stream", "type"});
    CHECK(waiting[0].at("id") == id_of(2));
    CHECK(waiting[1].at("counter") == "3");
    for (const auto& e : waiting) {
        CHECK(e.at("origin") == origin_a);
        CHECK(e.at("missing_from") == "1");
    }
    CHECK(sh.digest() != in_order.digest());
    CHECK(sh.outcome(nth_of_a(1)) == "appended");
    CHECK(sh.parked().empty());
    CHECK(sh.digest() == in_order.digest());
    CHECK(sh.frontier() == in_order.frontier());
    for (const std::uint64_t counter : {2, 3, 2, 3, 1}) {
        CHECK(sh.outcome(nth_of_a(counter)) == "duplicate");
    }
    CHECK(sh.parked().empty());
    CHECK(sh.digest() == in_order.digest());
}

TEST_CASE("accept: a stamp beyond the bound of drift is refused") {
    const shell sh;
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
    constexpr std::uint64_t drift = 2 * 3'600'000;  // twice what a store allows
    const auto ahead = static_cast<std::uint64_t>(now) + drift;
    const auto answer = sh.accept(foreign{.ms = ahead}.str());
    CHECK(answer.at("outcome") == "refused");
    CHECK(answer.at("reason").find("ahead") != std::string::npos);
    CHECK(sh.frontier() == "\n");
    CHECK(sh.outcome(foreign{.ms = ahead - drift}.str()) == "appended");
}

TEST_CASE("accept: a line without a stamp, or with a broken one, is named, and others are taken") {
    const shell sh;
    const auto with = [](const std::string& more) {
        return line_of{.id = id_of(7), .more = more}.str();
    };
    const std::string origin = R"(,"origin":")" + origin_a + '"';
    const auto result = sh.run("accept", numbered_line(7) + nth_of_a(1) +
                                             with(R"(,"clock":1,"counter":0)" + origin) +
                                             with(R"(,"clock":-1,"counter":1)" + origin) +
                                             with(R"(,"clock":1,"counter":1,"origin":"ann")"));
    CHECK(result.exit_code == 2);
    CHECK(json_lines(result.out).size() == 1);
    for (const char* said :
         {"standard input:1: attribute 'clock' is missing", "is to be appended",
          "standard input:3: attribute 'counter' is not", "standard input:4: attribute 'clock' is",
          "standard input:5: attribute 'origin' is not the UUID"}) {
        CAPTURE(said);
        CHECK(result.err.find(said) != std::string::npos);
    }
    CHECK(sh.frontier() == origin_a + ":1\n");
    CHECK(sh.run("classify", numbered_line(7)).exit_code == 2);
    // 2 goes before 3.
    CHECK(sh.run("accept", numbered_line(7) + foreign{.data = "2"}.str()).exit_code == 2);
}

TEST_CASE("what one store exports the other accepts, in more batches than one, and back") {
    const shell ann;
    const shell bob;
    std::string lines;
    constexpr std::uint64_t events = 2100;
    for (std::uint64_t n = 1; n <= events; ++n) lines += numbered_line(n);
    REQUIRE(run_command({"import", ann.store}, lines).exit_code == 0);
    REQUIRE(run_command({"append", bob.store}, numbered_line(events + 1)).exit_code == 0);
    const auto carry = [](const shell& from, const shell& to, const std::string& outcome) {
        const auto sent = run_command({"export", from.store, "--raw", "--with-data"}).out;
        CHECK(sent.find("$local") == std::string::npos);
        const auto result = to.run("accept", sent);
        CHECK_MESSAGE(result.exit_code == 0, result.err);
        const auto answers = json_lines(result.out);
        return std::count_if(answers.begin(), answers.end(),
                             [&](const auto& answer) { return answer.at("outcome") == outcome; });
    };
    CHECK(carry(ann, bob, "appended") == events);
    CHECK(carry(bob, ann, "appended") == 1);
    CHECK(carry(bob, ann, "duplicate") == events + 1);
    CHECK(ann.frontier() == bob.frontier());
    CHECK(run_command({"verify", ann.store}).exit_code == 0);
    CHECK(run_command({"verify", bob.store}).exit_code == 0);
    // The note at the end is no event to export, nor one of those that are counted.
    const auto last = run_command({"export", bob.store, "--reverse", "--limit", "1"}).out;
    CHECK(json_lines(last).at(0).at("type") != "idem.EventsAccepted");
}

TEST_CASE(
    "frontier --wait: not in time it says what is missing; else it goes on when it is there") {
    const shell sh;
    REQUIRE(sh.outcome(nth_of_a(1)) == "appended");
    const std::string wanted = origin_a + ":2";
    const auto late = run_command({"frontier", sh.store, "--wait", wanted, "--timeout", "0"});
    CHECK(late.exit_code == 1);
    CHECK(late.out.empty());
    CHECK(late.err.find("of " + origin_a + " it has 1 of 2") != std::string::npos);
    CHECK(run_command({"frontier", sh.store, "--wait", "ann:2"}).exit_code == 2);
    CHECK(run_command({"frontier", sh.store, "--timeout", "1"}).exit_code == 2);
    CHECK(run_command({"frontier", sh.store, "--wait", wanted, "--timeout", "86401"}).exit_code ==
          2);

    running_command waits({"frontier", sh.store, "--wait", wanted, "--timeout", "60"});
    CHECK(sh.outcome(nth_of_a(2)) == "appended");
    const auto result = waits.wait();
    CHECK_MESSAGE(result.exit_code == 0, result.err);
    CHECK(result.out == wanted + "\n");
}

TEST_CASE("frontier --json and stats show the origins, their clocks, and how far each is behind") {
    const shell sh;
    REQUIRE(run_command({"append", sh.store}, numbered_line(50)).exit_code == 0);
    REQUIRE(sh.outcome(nth_of_a(1)) == "appended");
    REQUIRE(sh.outcome(nth_of_a(2)) == "appended");
    const auto late = foreign{.number = 9, .origin = origin_b, .ms = ms_of_2020 + 250};
    REQUIRE(sh.outcome(late.str()) == "appended");
    const std::string text = run_command({"frontier", sh.store, "--json"}).out;
    const auto shown = json_lines(text).at(0);
    CHECK(names_of(shown) == std::vector<std::string>{"frontier", "origins"});
    CHECK(shown.at("frontier") + "\n" == sh.frontier());
    const std::string clock = std::to_string((ms_of_2020 + 2000) << 16);
    CHECK(text.find(R"("origin":")" + origin_a + R"(","counter":2,"clock":)" + clock +
                    R"(,"own":false)") != std::string::npos);
    const std::string stats = run_command({"stats", sh.store}).out;
    const auto lag_of = [&](const std::string& origin) {
        constexpr std::string_view name = R"("lag_ms":)";
        const auto at = stats.find(name, stats.find(origin));
        REQUIRE(at != std::string::npos);
        return std::stoull(stats.substr(at + name.size()));
    };
    CHECK(lag_of(origin_b) - lag_of(origin_a) == 1750);
    CHECK(stats.find(R"("lag_ms":0,"own":true)") != std::string::npos);
    CHECK(stats.find(R"("counter":1)") != std::string::npos);
}

TEST_CASE("people are told the same in words and tables" * doctest::skip(!has_terminals())) {
    const shell sh;
    const auto told = [&](const char* command, const arguments& files = {}) {
        arguments all{command, sh.store, "--no-color"};
        all.insert(all.end(), files.begin(), files.end());
        return run_command(all, command_setting{.terminal = true}).out;
    };
    const std::string file = sh.scratch / "lines.jsonl";
    std::ofstream(file) << nth_of_a(1) << nth_of_a(3)
                        << foreign{.number = 1, .data = R"({"n":7})"}.str();
    const auto accepted = told("accept", {file});
    for (const std::string& said :
         {"appended   " + id_of(1) + "  next          1", "parked     " + id_of(3) + "  gap",
          "refused    " + id_of(1) + "  equivocation",
          std::string("its id came with other content before: data")}) {
        CAPTURE(accepted);
        CAPTURE(said);
        CHECK(accepted.find(said) != std::string::npos);
    }
    const auto classified = told("classify", {file});
    CAPTURE(classified);
    CHECK(classified.find("duplicate     " + id_of(1) + "  1 of its origin known, it is at 1") !=
          std::string::npos);
    CHECK(classified.find("1 of its origin known, it is at 1, other data") != std::string::npos);
    CHECK(told("parked").find("missing from") != std::string::npos);
    CHECK(told("frontier").find(origin_a + ":1") != std::string::npos);
    CHECK(told("stats").find(origin_a) != std::string::npos);
    CHECK(sh.outcome(nth_of_a(2)) == "appended");
    CHECK(told("parked").find("no events that wait") != std::string::npos);
}
