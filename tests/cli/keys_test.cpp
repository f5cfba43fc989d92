// Idempotency keys through the command line: once, and what a person does about those that stand
// still.
#include <doctest/doctest.h>

#include "idem/store.hpp"
#include "run_command.hpp"
#include "scratch_folder.hpp"
#include "store/turned_clock.hpp"

namespace {

using namespace std::chrono_literals;
using arguments = std::vector<std::string>;

const idem::key_scope scope{"ann", "pay"};

struct shell {
    scratch_folder scratch;
    std::string store = scratch / "s.idem";

    command_result once(const std::string& key, const arguments& more = {},
                        const std::string& input = {}, const std::string& cents = "5") {
        arguments all{"once", store,   "--owner", "ann",       "--operation",
                      "pay",  "--key", key,       "--request", R"({"cents":)" + cents + "}"};
        all.insert(all.end(), more.begin(), more.end());
        if (!input.empty()) all.push_back("-");
        return run_command(all, input);
    }
    json_members answer(const std::string& key, const arguments& more = {},
                        const std::string& input = {}, const std::string& cents = "5") {
        return json_lines(once(key, more, input, cents).out).at(0);
    }
    std::string outcome(const std::string& key, const std::string& cents = "5") {
        const auto result = once(key, {"--result", "anew"}, {}, cents);
        const auto said = json_lines(result.out).at(0).at("outcome");
        CHECK(result.exit_code == (said == "completed" ? 0 : 3));
        return said;
    }
    std::vector<json_members> keys(arguments more) {
        more.insert(more.begin() + 1, store);
        more.insert(more.begin(), "keys");
        const auto result = run_command(more);
        CHECK_MESSAGE(result.exit_code == 0, result.err);
        return json_lines(result.out);
    }
    std::string id(const std::string& key) {
        return keys({"show", "--owner", "ann", "--operation", "pay", "--key", key}).at(0).at("id");
    }
    // Years ago, so that its leases are over.
    idem::store long_ago() {
        turned_clock clock;
        clock.turn(-24h * 365 * 5);
        return idem::store(store, clock.options());
    }
    idem::lease lease(idem::store& from, const std::string& key, std::uint32_t attempts_max = 5) {
        return from.keys()
            .claim(scope, key, idem::request().with("cents", 5), {.attempts_max = attempts_max})
            .lease.value();
    }
};

}  // namespace

TEST_CASE("once appends and stores an answer, which comes again whatever is asked for then") {
    shell sh;
    const auto first = sh.once("k", {"--result", "charged"}, numbered_line(1) + numbered_line(2));
    CHECK(first.exit_code == 0);
    const auto answer = json_lines(first.out).at(0);
    CHECK(names_of(answer) == std::vector<std::string>{"leased_until", "outcome", "reason",
                                                       "receipts", "replayed", "result"});
    CHECK(answer.at("outcome") == "completed");
    CHECK(answer.at("replayed") == "false");
    CHECK(answer.at("receipts").find(R"("outcome":"appended","position":2)") != std::string::npos);
    const auto again = sh.answer("k", {"--result", "other"}, numbered_line(3));
    CHECK(again.at("outcome") == "completed");
    CHECK(again.at("replayed") == "true");
    CHECK(again.at("result") == "charged");
    CHECK(again.at("receipts").find(R"("outcome":"duplicate","position":2)") != std::string::npos);
    CHECK(json_lines(run_command({"stats", sh.store}).out).at(0).at("events") == "3");
    CHECK(run_command({"verify", sh.store}).exit_code == 0);
}

TEST_CASE("once: a key with another request is a mismatch, also when its result has expired") {
    shell sh;
    CHECK(sh.outcome("k") == "completed");
    CHECK(sh.outcome("k", "6") == "key_mismatch");
    CHECK(sh.answer("gone", {"--keep", "0"}).at("outcome") == "completed");
    CHECK(sh.outcome("gone") == "expired");
    CHECK(sh.outcome("gone", "6") == "key_mismatch");
    const arguments sent{"--leave-out", "cents"};
    CHECK(sh.answer("retried", sent, {}, "1").at("replayed") == "false");
    CHECK(sh.answer("retried", sent, {}, "2").at("replayed") == "true");
}

TEST_CASE("once: a rejection is stored and replayed as such") {
    shell sh;
    for (const char* replayed : {"false", "true"}) {
        const auto result = sh.once("k", {"--reject", "no funds"});
        CHECK(result.exit_code == 3);
        const auto answer = json_lines(result.out).at(0);
        CHECK(answer.at("outcome") == "rejected");
        CHECK(answer.at("result") == "no funds");
        CHECK(answer.at("replayed") == replayed);
    }
}

TEST_CASE("once: work that fails stores nothing, and a retry does it") {
    shell sh;
    CHECK(sh.once("k", {}, "no event\n").exit_code == 2);
    CHECK(sh.once("k", {},
                  R"({"specversion":"1.0","id":"1","source":"x","type":""})"
                  "\n")
              .exit_code == 2);
    run_command({"append", sh.store}, numbered_line(1));
    auto other = line_of{.id = "1", .data = R"({"n":2})"};
    other.id = json_lines(run_command({"log", sh.store}).out).at(0).at("id");
    const auto refused = sh.once("k", {}, numbered_line(2) + other.str());
    CHECK(refused.exit_code == 3);
    const auto answer = json_lines(refused.out).at(0);
    CHECK(answer.at("outcome") == "not_appended");
    CHECK(answer.at("reason").find("id") != std::string::npos);
    CHECK(sh.keys({"list"}).empty());
    CHECK(sh.answer("k", {}, numbered_line(2)).at("replayed") == "false");
}

TEST_CASE("once: results of every kind are kept, and what cannot be a key is refused") {
    shell sh;
    for (const char* result : {"0", "false", "null"}) {
        CHECK(sh.answer(result, {"--result", result}).at("result") == result);
        CHECK(sh.answer(result, {"--result", "x"}).at("result") == result);
    }
    CHECK(sh.answer("empty").at("result") == "");
    CHECK(sh.answer("empty", {"--result", "x"}).at("result") == "");
    CHECK(sh.once("").exit_code == 2);
    CHECK(sh.once(std::string(4097, 'k')).exit_code == 2);
    CHECK(sh.once("k", {}, {}, "").exit_code == 2);
    CHECK(sh.once("k", {"--result", "a", "--reject", "b"}).exit_code == 2);
    auto from = idem::store(sh.store);
    from.once(scope, "bytes", idem::request().with("cents", 5),
              [](idem::transaction&) { return std::string("\xff\0", 2); });
    CHECK(sh.answer("bytes").at("result_base64") == "/wA=");
}

TEST_CASE("once: an expired key is never new, up to its horizon and beyond") {
    shell sh;
    CHECK(sh.answer("a", {"--keep", "0"}).at("outcome") == "completed");
    CHECK(sh.answer("b", {"--keep", "0", "--horizon", "0"}).at("outcome") == "completed");
    CHECK(sh.answer("c", {"--result", "kept"}).at("outcome") == "completed");
    for (const bool swept : {false, true}) {
        if (swept) {
            const auto sweep = sh.keys({"sweep", "--all", "--limit", "1"}).at(0);
            CHECK(sweep == json_members{{"swept", "2"},
                                        {"expired", "2"},
                                        {"evicted", "0"},
                                        {"forgotten", "0"},
                                        {"more", "false"}});
        }
        CHECK(sh.outcome("a") == "expired");
        CHECK(sh.outcome("b") == "too_old");
        CHECK(sh.answer("a").at("reason").find("no longer") != std::string::npos);
        CHECK(sh.answer("b").at("reason").find("horizon") != std::string::npos);
        CHECK(sh.answer("c").at("result") == "kept");
    }
    CHECK(sh.keys({"sweep", "--result-bytes-max", "3"}).at(0).at("evicted") == "1");
    CHECK(sh.outcome("c") == "expired");
    CHECK(sh.keys({"list", "--state", "expired"}).size() == 3);
    CHECK(sh.keys({"list", "--state", "expired", "--limit", "2"}).size() == 2);
    CHECK(run_command({"verify", sh.store}).exit_code == 0);
}

TEST_CASE("once reads its events from a pipe without being told so") {
    shell sh;
    const auto piped = run_command({"once", sh.store, "--owner", "ann", "--operation", "pay",
                                    "--key", "k", "--request", R"({"cents":5})"},
                                   numbered_line(1) + numbered_line(2));
    CHECK(piped.exit_code == 0);
    const auto answer = json_lines(piped.out).at(0);
    CHECK(answer.at("receipts").find(R"("position":2)") != std::string::npos);
    CHECK(answer.at("reason") == "null");
    // Without a pipe or a file there are none, and nothing waits for some.
    CHECK(sh.answer("other").at("receipts") == "[]");
}

TEST_CASE("messages about keys name what is wrong, and what would be right") {
    shell sh;
    sh.once("k");
    const auto half = run_command({"keys", "show", sh.store, "--owner", "ann"});
    CHECK(half.exit_code == 2);
    CHECK(half.err.find("operation is empty") != std::string::npos);
    const auto state = run_command({"keys", "list", sh.store, "--state", "runing"});
    CHECK(state.err.find("did you mean running?") != std::string::npos);
    const auto none = run_command({"keys", "sweep", sh.store, "--all", "--limit", "0"});
    CHECK(none.exit_code == 2);
    CHECK(none.err.find("1 to 10000") != std::string::npos);
    const auto shown = sh.keys({"list"}).at(0);
    CHECK(shown.at("reason") == "null");
    CHECK(shown.at("calling") == "null");
}

TEST_CASE("a call in doubt is unknown to once, and a person resolves it") {
    shell sh;
    {
        auto from = sh.long_ago();
        sh.lease(from, "k").calling("charge");
    }
    CHECK(sh.outcome("k") == "unknown");
    CHECK(sh.answer("k").at("reason") == "charge");
    const auto id = sh.id("k");
    const auto shown = sh.keys({"show", id}).at(0);
    CHECK(shown.at("state") == "in_doubt");
    CHECK(shown.at("calling") == "charge");
    CHECK(sh.keys({"list", "--state", "in_doubt"}).at(0).at("id") == id);
    SUBCASE("it was made") {
        CHECK(sh.keys({"complete", id, "--result", "charged"}).at(0).at("state") == "completed");
        CHECK(sh.answer("k").at("result") == "charged");
    }
    SUBCASE("it was not") {
        const auto resumed = sh.keys({"resume", id, "--reason", "not made"}).at(0);
        CHECK(resumed.at("state") == "abandoned");
        CHECK(sh.outcome("k") == "completed");
    }
    SUBCASE("it is dropped") {
        CHECK(sh.keys({"discard", id, "--reason", "test"}).at(0).at("state") == "rejected");
        CHECK(sh.outcome("k") == "rejected");
        CHECK(run_command({"keys", "resume", sh.store, id, "--reason", "x"}).exit_code == 2);
    }
}

TEST_CASE("a key with too many attempts is dead, and can be resumed or discarded") {
    shell sh;
    {
        auto from = sh.long_ago();
        for (const char* key : {"a", "b"}) {
            sh.lease(from, key, 1).abandon("no answer");
            from.keys().claim(scope, key, idem::request().with("cents", 5), {.attempts_max = 1});
        }
    }
    CHECK(sh.outcome("a") == "dead");
    CHECK(sh.keys({"list", "--state", "dead", "--owner", "ann"}).size() == 2);
    CHECK(sh.keys({"list", "--state", "dead", "--operation", "other"}).empty());
    sh.keys({"resume", sh.id("a"), "--reason", "provider is back"});
    sh.keys({"discard", "--owner", "ann", "--operation", "pay", "--key", "b", "--reason", "x"});
    CHECK(sh.outcome("a") == "completed");
    CHECK(sh.outcome("b") == "rejected");
}

TEST_CASE("who finishes late is fenced, and the winner's record stays as it is") {
    shell sh;
    auto from = sh.long_ago();
    auto late = sh.lease(from, "k");
    CHECK(sh.outcome("k") == "completed");
    const auto record = sh.keys({"show", sh.id("k")});
    CHECK(late.complete("late").outcome == idem::key_outcome::fenced);
    CHECK(late.checkpoint("late") == idem::key_outcome::fenced);
    CHECK(sh.keys({"show", sh.id("k")}) == record);
}

TEST_CASE("a key under a lease is in progress, and nobody settles it meanwhile") {
    shell sh;
    idem::store from(sh.store);
    auto lease = from.keys()
                     .claim(scope, "k", idem::request().with("cents", 5), {.lease = 24h})
                     .lease.value();
    CHECK(sh.outcome("k") == "in_progress");
    CHECK(sh.answer("k").at("leased_until") != "null");
    const auto refused = run_command({"keys", "discard", sh.store, sh.id("k"), "--reason", "x"});
    CHECK(refused.exit_code == 1);
    CHECK(refused.err.find("lease") != std::string::npos);
    CHECK(lease.complete("done").completed());
    CHECK(sh.answer("k").at("result") == "done");
}

TEST_CASE("stats tell what keys take, as JSON and to people") {
    shell sh;
    sh.answer("a", {"--result", "12345"});
    sh.answer("b", {"--reject", "no"});
    const auto keys = json_lines(run_command({"stats", sh.store}).out).at(0).at("keys");
    CHECK(keys.find(R"("completed":1)") != std::string::npos);
    CHECK(keys.find(R"("rejected":1)") != std::string::npos);
    CHECK(keys.find(R"("result_bytes":7)") != std::string::npos);
    if (!has_terminals()) return;
    const auto people = run_command({"stats", sh.store}, command_setting{.terminal = true});
    CHECK(people.out.find("2 finished") != std::string::npos);
    const auto list = run_command({"keys", "list", sh.store}, command_setting{.terminal = true});
    CHECK(list.out.find("completed") != std::string::npos);
    const auto show =
        run_command({"keys", "show", sh.store, sh.id("a")}, command_setting{.terminal = true});
    CHECK(show.out.find("12345") != std::string::npos);
    const auto once = run_command({"once", sh.store, "--owner", "ann", "--operation", "pay",
                                   "--key", "a", "--request", R"({"cents":5})"},
                                  command_setting{.terminal = true});
    CHECK(once.out.find("by an earlier call") != std::string::npos);
}

TEST_CASE("what names no key, no state or no store is told with a remedy") {
    shell sh;
    CHECK(run_command({"keys", "list", sh.store}).exit_code == 1);
    sh.answer("a");
    CHECK(run_command({"keys", "list", sh.store, "--state", "ded"}).err.find("dead") !=
          std::string::npos);
    CHECK(run_command({"keys", "list", sh.store, "--state", "ded"}).exit_code == 2);
    CHECK(run_command({"keys", "show", sh.store}).exit_code == 2);
    CHECK(run_command({"keys", "show", sh.store, "nonsense"}).exit_code == 2);
    CHECK(run_command({"keys", "show", sh.store, std::string(32, '0')}).exit_code == 1);
    CHECK(run_command({"keys", "show", sh.store, sh.id("a"), "--owner", "ann"}).exit_code == 2);
    CHECK(run_command({"keys", "complete", sh.store, sh.id("a"), "--result", "x"}).exit_code == 2);
    CHECK(run_command({"keys", "resume", sh.store, sh.id("a")}).exit_code == 2);
}
