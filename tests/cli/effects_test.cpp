// idem effects: what is declared, by whom it is carried out, and how people settle it.
#include "idem/effects.hpp"

#include <doctest/doctest.h>
#include <signal.h>

#include <fstream>

#include "idem/store.hpp"
#include "run_command.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

namespace {

class store_of_effects {
public:
    store_of_effects() : path(folder / "s.idem") {}

    std::string declare(std::uint64_t number, idem::effect e) const {
        idem::store store(path);
        idem::uuid id;
        store.transact([&](idem::transaction& t) {
            t.append(numbered_event(number));
            id = t.declare(numbered_id(number), e);
        });
        return to_string(id);
    }
    static idem::effect mail(std::string payload = "hello") {
        idem::effect e;
        e.name = "mail";
        e.payload = std::move(payload);
        e.content_type = "text/plain";
        return e;
    }
    command_result run(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), "effects");
        arguments.insert(arguments.begin() + 2, path);
        return run_command(arguments);
    }
    json_members show(const std::string& id) const {
        const auto shown = run({"show", id});
        CHECK(shown.exit_code == 0);
        const auto lines = json_lines(shown.out);
        REQUIRE(lines.size() == 1);
        return lines[0];
    }
    json_members dispatch(const std::string& program, std::vector<std::string> more = {}) const {
        more.insert(more.begin(), {"dispatch", "--exec", program});
        const auto result = run(more);
        const auto lines = json_lines(result.out);
        REQUIRE_FALSE(lines.empty());
        const auto& counts = lines.back();
        bool all_done = true;
        for (const char* other : {"failed", "dead", "unknown", "fenced"}) {
            all_done = all_done && counts.at(other) == "0";
        }
        CHECK(result.exit_code == (all_done ? 0 : 3));
        return counts;
    }

    scratch_folder folder;
    std::string path;
};

}  // namespace

TEST_CASE("effects are listed, by state and name, and shown whole") {
    const store_of_effects s;
    auto call = s.mail(std::string("\xff\x00", 2));
    call.name = "call";
    call.order_key = "k";
    call.delivery = idem::delivery::at_most_once;
    const auto mail_id = s.declare(1, s.mail());
    const auto call_id = s.declare(2, call);
    const auto all = json_lines(s.run({"list"}).out);
    REQUIRE(all.size() == 2);
    CHECK(names_of(all[0]) == std::vector<std::string>{
                                  "attempt", "attempts", "attempts_max", "content_type", "declared",
                                  "delivery", "due", "event", "finished", "id", "index",
                                  "leased_until", "name", "order_key", "reason", "state"});
    const auto calls = json_lines(s.run({"list", "--name", "call"}).out);
    REQUIRE(calls.size() == 1);
    CHECK(calls[0].at("id") == call_id);
    CHECK(s.run({"list", "--state", "dead"}).out == "");
    CHECK(json_lines(s.run({"list", "--state", "due", "--limit", "1"}).out).size() == 1);
    CHECK(s.run({"list", "--state", "gone"}).exit_code == 2);

    const auto mail = s.show(mail_id);
    CHECK(mail.at("payload") == "hello");
    CHECK(mail.at("event") == to_string(numbered_id(1)));
    CHECK(mail.at("state") == "due");
    const auto shown = s.show(call_id);
    CHECK(shown.at("payload_base64") == "/wA=");
    CHECK(shown.at("delivery") == "at_most_once");
    CHECK(s.run({"show", to_string(numbered_id(7))}).exit_code == 1);
    CHECK(s.run({"show", "seven"}).exit_code == 2);
}

TEST_CASE("a program is run for each effect, with its payload and its key") {
    const store_of_effects s;
    auto e = s.mail("to be sent");
    e.order_key = "k 1";
    const auto id = s.declare(1, e);
    const auto counts = s.dispatch(
        "cat; echo \" $IDEM_EFFECT_ID $IDEM_EFFECT_NAME $IDEM_EFFECT_ATTEMPT $IDEM_EFFECT_EVENT"
        " $IDEM_EFFECT_ORDER_KEY $IDEM_EFFECT_CONTENT_TYPE\"");
    CHECK(counts.at("done") == "1");
    CHECK(counts.at("attempts") == "1");
    const auto shown = s.show(id);
    CHECK(shown.at("state") == "done");
    CHECK(shown.at("payload") == "");
    CHECK(shown.at("result") ==
          "to be sent " + id + " mail 1 " + to_string(numbered_id(1)) + " k 1 text/plain\n");
    CHECK(s.dispatch("exit 1").at("attempts") == "0");
}

TEST_CASE("the exit code of the program says what became of the effect") {
    const store_of_effects s;
    std::uint64_t number = 0;
    const auto state_after = [&](const std::string& program, idem::delivery how) {
        auto e = s.mail(std::to_string(number));
        e.delivery = how;
        e.name = "n" + std::to_string(number);
        const auto id = s.declare(number, e);
        s.dispatch(program, {"--name", e.name});
        ++number;
        return s.show(id).at("state");
    };
    const auto at_least = idem::delivery::at_least_once;
    const auto at_most = idem::delivery::at_most_once;
    CHECK(state_after("exit 0", at_most) == "done");
    CHECK(state_after("exit 75", at_most) == "failed");  // it says that nothing was done
    CHECK(state_after("./there-is-no-such-program", at_most) == "failed");
    CHECK(state_after("exit 65", at_least) == "dead");
    CHECK(state_after("exit 1", at_least) == "failed");
    CHECK(state_after("exit 1", at_most) == "unknown");
    CHECK(state_after("kill -9 $$", at_least) == "failed");
    CHECK(state_after("kill -9 $$", at_most) == "unknown");
    const auto stats = json_lines(s.run({"stats"}).out).at(0);
    CHECK(stats.at("done") == "1");
    CHECK(stats.at("failed") == "4");
    CHECK(stats.at("dead") == "1");
    CHECK(stats.at("unknown") == "2");
}

TEST_CASE("a program that outlives its lease is killed, and so are those it has started") {
    const store_of_effects s;
    const auto id = s.declare(1, s.mail());
    // Waits for itself: only a kill ends it.
    const std::string fifo = s.folder / "fifo";
    const auto counts = s.dispatch("mkfifo " + fifo + "; cat < " + fifo, {"--lease", "1"});
    CHECK(counts.at("failed") == "1");
    CHECK(s.show(id).at("reason").find("killed") != std::string::npos);
    CHECK(s.run({"dispatch", "--exec", "true", "--lease", "0"}).exit_code == 2);
}

TEST_CASE("input that is not read and output beyond the limit do no harm") {
    const store_of_effects s;
    const auto id = s.declare(1, s.mail(std::string(128 << 10, 'p')));
    CHECK(s.dispatch("head -c 1; head -c 300000 /dev/zero | tr '\\0' r").at("done") == "1");
    CHECK(s.show(id).at("result") == "p" + std::string((128 << 10) - 1, 'r'));
}

TEST_CASE("a probe is asked about an attempt that was left without an answer") {
    const store_of_effects s;
    auto e = s.mail();
    e.delivery = idem::delivery::probe_then_retry;
    e.backoff_first = std::chrono::milliseconds(0);
    std::vector<std::string> ids;
    for (std::uint64_t n = 0; n < 3; ++n) {
        e.name = "n" + std::to_string(n);
        ids.push_back(s.declare(n, e));
        s.dispatch("exit 1", {"--name", e.name, "--limit", "1"});
        CHECK(s.show(ids[n]).at("state") == "failed");
    }
    s.dispatch("exit 75", {"--name", "n0", "--probe", "exit 0"});
    s.dispatch("echo again", {"--name", "n1", "--probe", "test $IDEM_EFFECT_ATTEMPT = 1"});
    s.dispatch("echo again", {"--name", "n2", "--probe", "exit 9"});
    CHECK(s.show(ids[0]).at("state") == "done");
    CHECK(s.show(ids[0]).at("result") == "");
    CHECK(s.show(ids[1]).at("result") == "again\n");
    CHECK(s.show(ids[2]).at("state") == "unknown");
}

TEST_CASE("without a probe each effect that is left unknown is told") {
    const store_of_effects s;
    auto e = s.mail();
    e.delivery = idem::delivery::probe_then_retry;
    e.backoff_first = std::chrono::milliseconds(0);
    const auto id = s.declare(1, e);
    s.dispatch("exit 1", {"--limit", "1"});
    const auto left = s.run({"dispatch", "--exec", "echo again"});
    CHECK(left.exit_code == 3);
    const auto lines = json_lines(left.out);
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].at("id") == id);
    CHECK(lines[0].at("name") == "mail");
    CHECK(lines[0].at("attempt") == "1");
    CHECK(lines[0].at("state") == "unknown");
    CHECK(lines[0].at("reason").find("no probe") != std::string::npos);
    CHECK(lines[1].at("attempts") == "0");
    CHECK(lines[1].at("unknown") == "1");
    CHECK(s.show(id).at("state") == "unknown");
}

TEST_CASE("people resume, discard, mark as done and compensate, and cannot what makes no sense") {
    const store_of_effects s;
    std::vector<std::string> ids;
    for (std::uint64_t n = 0; n < 3; ++n) ids.push_back(s.declare(n, s.mail()));
    CHECK(s.run({"resume", ids[0], "--reason", "x"}).exit_code == 2);
    const auto nope = s.run({"resume", "nope", "--reason", "x"});
    CHECK(nope.exit_code == 2);
    CHECK(nope.err.find("idem effects list") != std::string::npos);
    CHECK(nope.err.find("--source") == std::string::npos);
    CHECK(s.run({"list", "--state", "deed"}).err.find("did you mean dead?") != std::string::npos);
    CHECK(s.show(ids[0]).at("reason") == "null");
    s.dispatch("exit 65");
    CHECK(json_lines(s.run({"list", "--state", "dead"}).out).size() == 3);
    CHECK(s.run({"resume", ids[0]}).exit_code == 2);  // without a reason
    const auto retried = s.run({"resume", ids[0], "--reason", "again"});
    CHECK(retried.exit_code == 0);
    CHECK(json_lines(retried.out).at(0).at("state") == "due");
    CHECK(s.dispatch("exit 0").at("done") == "1");
    CHECK(s.run({"discard", ids[1]}).exit_code == 2);  // without a reason
    CHECK(s.run({"discard", ids[1], "--reason", "gone"}).exit_code == 0);
    CHECK(s.run({"done", ids[2], "--result", "by hand"}).exit_code == 0);
    CHECK(s.show(ids[2]).at("result") == "by hand");
    CHECK(s.run({"compensate", ids[0], "--reason", "paid back"}).exit_code == 0);
    CHECK(s.show(ids[0]).at("state") == "compensated");
    CHECK(s.show(ids[1]).at("reason") == "gone");
    CHECK(s.run({"compensate", ids[1], "--reason", "x"}).exit_code == 2);
    CHECK(s.run({"discard", to_string(numbered_id(9)), "--reason", "x"}).exit_code == 1);
}

TEST_CASE("sweep lets go of what was finished, and an import brings nothing back") {
    const store_of_effects s;
    for (std::uint64_t n = 0; n < 5; ++n) s.declare(n, s.mail());
    s.dispatch("exit 0");
    const auto log = run_command({"export", s.path}).out;
    const auto first = json_lines(s.run({"sweep", "--keep", "0", "--limit", "2"}).out).at(0);
    CHECK(first.at("swept") == "2");
    CHECK(first.at("more") == "true");
    const auto rest =
        json_lines(s.run({"sweep", "--keep", "0", "--limit", "2", "--all"}).out).at(0);
    CHECK(rest == json_members{{"swept", "3"}, {"more", "false"}});
    CHECK(json_lines(s.run({"sweep"}).out).at(0).at("swept") == "0");
    CHECK(s.run({"sweep", "--limit", "0"}).exit_code == 2);
    CHECK(run_command({"import", s.path}, log).exit_code == 0);
    CHECK(s.run({"list"}).out == "");
    CHECK(s.dispatch("exit 0").at("attempts") == "0");

    const std::string copy = s.folder / "copy.idem";
    CHECK(run_command({"import", copy}, log).exit_code == 0);
    const auto stats = json_lines(run_command({"effects", "stats", copy}).out).at(0);
    CHECK(stats.at("done") == "5");
    CHECK(stats.at("due") == "0");
    CHECK(run_command({"effects", "dispatch", copy, "--exec", "exit 0"})
              .out.find(R"("attempts":0)") != std::string::npos);
}

TEST_CASE("a dispatcher that follows hears of new effects, and ends at a signal when it is done") {
    const store_of_effects s;
    s.declare(1, s.mail("one"));
    running_command dispatcher({"effects", "dispatch", s.path, "--exec", "cat", "--follow"});
    CHECK(json_lines(dispatcher.read_line() + "\n").at(0).at("state") == "done");
    const auto id = s.declare(2, s.mail("two"));
    CHECK(json_lines(dispatcher.read_line() + "\n").at(0).at("id") == id);
    dispatcher.signal(SIGTERM);
    CHECK(dispatcher.wait().exit_code == 143);
    CHECK(s.show(id).at("result") == "two");
}
