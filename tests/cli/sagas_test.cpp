// idem sagas: what a person sees of them, and does with one that stands still.
#include <doctest/doctest.h>

#include "idem/store.hpp"
#include "run_command.hpp"
#include "scratch_folder.hpp"

namespace {

using idem::step_context;
using idem::step_result;

// A store with sagas in each state.
class shop {
public:
    shop() : path(folder / "s.idem"), definition{.name = "order", .version = 2} {
        for (const char* name : {"reserve", "charge", "ship"}) {
            definition.steps.push_back({.name = name, .action = [this](step_context& c) {
                                            return c.input == c.step ? answer
                                                                     : step_result::done("\xff");
                                        }});
        }
        definition.steps[0].compensation = [](step_context& c) {
            return c.input == "charge" ? step_result::done() : step_result::fail("out of order");
        };
        definition.steps[1].point_of_no_return = true;
        idem::store store(path);
        for (const auto& [id, input] : {std::pair("good", "-"), std::pair("refused", "charge"),
                                        std::pair("stuck", "ship"), std::pair("waits", "waits")}) {
            store.sagas().start(definition, id, input);
            if (std::string(id) != "waits") store.sagas().drive(definition, id);
        }
    }
    command_result sagas(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), "sagas");
        return run_command(arguments);
    }
    std::string state_of(const std::string& id) const {
        return std::string(to_string(idem::store(path).sagas().find(id)->state));
    }

    scratch_folder folder;
    std::string path;
    step_result answer = step_result::fail("not today");
    idem::saga_definition definition;
};

std::string ids_of(const std::string& lines) {
    std::string ids;
    for (const auto& line : json_lines(lines)) ids += line.at("id") + " ";
    return ids;
}

}  // namespace

TEST_CASE("sagas are listed, by state and by definition") {
    const shop s;
    const auto all = s.sagas({"list", s.path});
    CHECK(all.exit_code == 0);
    CHECK(ids_of(all.out) == "good refused stuck waits ");
    CHECK(all.err.find("1 stuck") != std::string::npos);
    const auto stuck = json_lines(s.sagas({"list", s.path, "--state", "stuck"}).out);
    REQUIRE(stuck.size() == 1);
    CHECK(names_of(stuck[0]) == std::vector<std::string>{"attempts", "deadline", "due", "fence",
                                                         "finished", "id", "leased_until", "name",
                                                         "reason", "started", "state", "step",
                                                         "swept", "turned", "version"});
    CHECK(stuck[0].at("id") == "stuck");
    CHECK(stuck[0].at("step") == "ship");
    CHECK(stuck[0].at("reason") == "ship: not today");
    CHECK(stuck[0].at("attempts") == "1");
    CHECK(stuck[0].at("due") == "null");
    CHECK(stuck[0].at("version") == "2");
    CHECK(ids_of(s.sagas({"list", s.path, "--name", "order", "--state", "completed"}).out) ==
          "good ");
    CHECK(s.sagas({"list", s.path, "--name", "other"}).out.empty());
    const auto wrong = s.sagas({"list", s.path, "--state", "sleepy"});
    CHECK(wrong.exit_code == 2);
    CHECK(wrong.err.find("compensating") != std::string::npos);
    const auto slip = s.sagas({"list", s.path, "--state", "stack"});
    CHECK(slip.err.find("did you mean stuck?") != std::string::npos);
    CHECK(ids_of(s.sagas({"list", s.path, "--limit", "2"}).out) == "good refused ");
    CHECK(s.sagas({}).exit_code == 2);
    CHECK(s.sagas({"list", s.folder / "nowhere"}).exit_code == 1);
}

TEST_CASE("one saga is shown with its steps, as a table on a terminal") {
    const shop s;
    const auto shown = json_lines(s.sagas({"show", s.path, "refused"}).out);
    REQUIRE(shown.size() == 1);
    CHECK(shown[0].at("input") == "charge");
    CHECK(shown[0].at("state") == "compensated");
    CHECK(shown[0].at("steps") ==
          R"([{"action":"done","attempts":1,"compensation":"done","compensation_attempts":1,)"
          R"("name":"reserve","point_of_no_return":false,"reason":null,"result_base64":"/w=="},)"
          R"({"action":"failed","attempts":1,"compensation":null,"compensation_attempts":0,)"
          R"("name":"charge","point_of_no_return":true,"reason":"not today","result":""}])");
    const auto nobody = s.sagas({"show", s.path, "nobody"});
    CHECK(nobody.exit_code == 1);
    CHECK(nobody.err.find("`idem sagas list " + s.path + "`") != std::string::npos);
    CHECK(s.sagas({"show", s.path, "stuck", "more"}).exit_code == 2);
    CHECK(s.sagas({"show", s.path}).exit_code == 2);
    if (!has_terminals()) return;
    const auto people = run_command({"sagas", "show", s.path, "stuck"}, {.terminal = true}).out;
    CHECK(people.find("order@2") != std::string::npos);
    CHECK(people.find("no return") != std::string::npos);
    CHECK(people.find("not today") != std::string::npos);
    const auto listed = run_command({"sagas", "list", s.path}, {.terminal = true}).out;
    CHECK(listed.find("id ") < listed.find("definition"));
    CHECK(listed.find("waits") != std::string::npos);
}

TEST_CASE("a stuck saga is resumed or skipped, and goes on at the next runner") {
    shop s;
    CHECK(s.sagas({"resume", s.path, "stuck"}).exit_code == 2);  // without a reason
    CHECK(s.sagas({"resume", s.path, "good", "--reason", "x"}).exit_code == 2);
    CHECK(s.sagas({"resume", s.path, "nobody", "--reason", "x"}).exit_code == 1);
    const auto resumed = json_lines(s.sagas({"resume", s.path, "stuck", "--reason", "go"}).out);
    REQUIRE(resumed.size() == 1);
    CHECK(resumed[0].at("state") == "running");
    CHECK(resumed[0].at("reason") == "go");
    CHECK(resumed[0].at("attempts") == "0");
    idem::store(s.path).sagas().run_due({&s.definition, 1});
    CHECK(s.state_of("stuck") == "stuck");
    CHECK(s.sagas({"skip", s.path, "stuck"}).exit_code == 2);  // without a reason
    const auto other = s.sagas({"skip", s.path, "stuck", "--reason", "x", "--step", "charge"});
    CHECK(other.exit_code == 2);
    CHECK(other.err.find("at the step ship") != std::string::npos);
    CHECK(s.sagas({"skip", s.path, "stuck", "--reason", "sent by hand"}).exit_code == 0);
    idem::store(s.path).sagas().run_due({&s.definition, 1});
    CHECK(s.state_of("stuck") == "completed");
    CHECK(idem::store(s.path).sagas().find("stuck")->steps.at(2).reason == "sent by hand");
}

TEST_CASE("a saga is aborted before its point of no return, and not behind it") {
    shop s;
    const auto refused = s.sagas({"abort", s.path, "stuck", "--reason", "x"});
    CHECK(refused.exit_code == 2);
    CHECK(refused.err.find("point of no return") != std::string::npos);
    CHECK(s.sagas({"abort", s.path, "waits"}).exit_code == 2);
    const auto aborted = json_lines(s.sagas({"abort", s.path, "waits", "--reason", "called"}).out);
    REQUIRE(aborted.size() == 1);
    CHECK(aborted[0].at("state") == "compensating");
    idem::store(s.path).sagas().run_due({&s.definition, 1});
    CHECK(s.state_of("waits") == "compensated");
}

TEST_CASE("a sweep lets go of what has ended long ago") {
    const shop s;
    const auto sweep = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"sweep", s.path});
        return s.sagas(more);
    };
    CHECK(sweep({}).out == "{\"swept\":0,\"more\":false}\n");
    CHECK(sweep({"--keep", "0", "--limit", "1"}).out == "{\"swept\":1,\"more\":true}\n");
    CHECK(sweep({"--keep", "0", "--limit", "1", "--all"}).out == "{\"swept\":1,\"more\":false}\n");
    CHECK(sweep({"--keep", "0"}).out == "{\"swept\":0,\"more\":false}\n");
    CHECK(sweep({"--limit", "0"}).exit_code == 2);
    CHECK(json_lines(s.sagas({"show", s.path, "good"}).out).at(0).at("swept") == "true");
    CHECK(sweep({"--keep", "soon"}).exit_code == 2);
}
