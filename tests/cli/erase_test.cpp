// idem erase, idem subjects, and what the other commands make of sealed and erased data.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "idem/cloudevents.hpp"
#include "idem/store.hpp"
#include "run_command.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

namespace {

std::string personal_line(std::uint64_t number, const std::string& subject) {
    line_of line{.id = to_string(numbered_id(number)), .stream = "customer-" + subject};
    line.data = R"({"name":"Wilhelmina","n":)" + std::to_string(number) + "}";
    line.more = R"(,"datasubject":")" + subject + "\"";
    return line.str();
}

std::string id_of(std::uint64_t number) {
    return to_string(numbered_id(number));
}

}  // namespace

TEST_CASE("an event is erased by its id, and every command says so") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store}, personal_line(1, "c1") + personal_line(2, "c1"));
    CHECK(run_command({"show", store, "1"}).out.find("Wilhelmina") != std::string::npos);

    const auto erased = run_command({"erase", store, id_of(1), "--yes"});
    CHECK(erased.exit_code == 0);
    CHECK(json_lines(erased.out).at(0) ==
          json_members{
              {"event", id_of(1)}, {"position", "3"}, {"repeated", "false"}, {"events", "1"}});
    CHECK(json_lines(run_command({"erase", store, id_of(1), "--yes"}).out).at(0).at("repeated") ==
          "true");

    for (const auto& asked :
         {std::vector<std::string>{"show", store, "1"}, {"log", store, "--to", "1"}}) {
        const auto line = json_lines(run_command(asked).out).at(0);
        CHECK(line.at("erased") == "true");
        CHECK(line.at("datasubject") == "c1");
        CHECK(line.count("data") == 0);
    }
    const auto again = run_command({"append", store}, personal_line(1, "c1"));
    CHECK(again.exit_code == 3);
    CHECK(json_lines(again.out).at(0).at("outcome") == "erased");
    CHECK(json_lines(again.out).at(0).at("position") == "1");
    const auto why = run_command({"why", store, id_of(1)}, personal_line(1, "c1"));
    CHECK(why.exit_code == 3);
    CHECK(json_lines(why.out).at(0).at("would_be") == "erased");
    const auto verified = json_lines(run_command({"verify", store}).out).at(0);
    CHECK(verified.at("sound") == "true");
    CHECK(verified.at("erased") == "1");
    const auto imported = run_command({"import", store}, personal_line(1, "c1"));
    CHECK(imported.exit_code == 3);
    CHECK(json_lines(imported.out).at(0).at("erased") == "1");
}

TEST_CASE("a subject is erased, listed as erased, and readmitted") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store}, personal_line(1, "c1") + personal_line(2, "c2"));
    const auto done = run_command({"erase", store, "--subject", "c1", "--yes"});
    CHECK(done.exit_code == 0);
    CHECK(json_lines(done.out).at(0).at("subject") == "c1");
    const auto listed = json_lines(run_command({"subjects", store}).out);
    REQUIRE(listed.size() == 2);
    CHECK(listed[0] == json_members{{"subject", "c1"},
                                    {"events", "1"},
                                    {"erased", "1"},
                                    {"sealed", "0"},
                                    {"is_erased", "true"}});
    CHECK(listed[1].at("is_erased") == "false");
    const auto refused = run_command({"append", store}, personal_line(3, "c1"));
    CHECK(refused.exit_code == 3);
    CHECK(json_lines(refused.out).at(0).at("field") == "data_subject");
    CHECK(run_command({"erase", store, "--readmit", "c1"}).exit_code == 0);
    CHECK(run_command({"append", store}, personal_line(3, "c1")).exit_code == 0);
    CHECK(json_lines(run_command({"stats", store}).out).at(0).at("key_bytes") != "0");
}

TEST_CASE("a delivery with erased events is taken in without them") {
    const scratch_folder folder;
    const std::string store = folder / "s.idem";
    REQUIRE(run_command({"append", store}, personal_line(1, "c1")).exit_code == 0);
    REQUIRE(run_command({"erase", store, "--subject", "c1", "--yes"}).exit_code == 0);
    const std::string delivery =
        personal_line(1, "c1") + personal_line(2, "c1") + personal_line(3, "c2");
    for (const char* verdict : {"accepted", "duplicate"}) {
        const auto taken = run_command({"ingest", store, "orders/3", "7", "--json"}, delivery);
        CHECK(taken.exit_code == 0);
        const auto lines = json_lines(taken.out);
        REQUIRE(lines.size() == 4);
        CHECK(lines[0].at("outcome") == "erased");
        CHECK(lines[0].at("position") == "1");
        CHECK(lines[1].at("outcome") == "erased");
        CHECK(lines[1].at("position") == "null");
        CHECK(lines[2].at("stream") == "customer-c2");
        CHECK(lines[3].at("verdict") == verdict);
        CHECK(lines[3].at("last") == "7");
    }
}

TEST_CASE("to erase a subject that no event names is told, with what may have been meant") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store}, personal_line(1, "customer-17") + personal_line(2, "other"));
    const auto slip = run_command({"erase", store, "--subject", "custmer-17", "--yes"});
    CHECK(slip.exit_code == 0);
    CHECK(json_lines(slip.out).at(0).at("events") == "0");
    CHECK(slip.err.find("no event here names the subject custmer-17; new ones are refused from "
                        "now on; did you mean customer-17") != std::string::npos);
    const auto meant = run_command({"erase", store, "--subject", "customer-17", "--yes"});
    CHECK(json_lines(meant.out).at(0).at("events") == "1");
    CHECK(meant.err == "");
    const auto listed = json_lines(run_command({"subjects", store}).out);
    REQUIRE(listed.size() == 3);
    CHECK(listed[0].at("subject") == "custmer-17");
    CHECK(listed[0].at("events") == "0");
    CHECK(listed[0].at("is_erased") == "true");
}

TEST_CASE("nothing is erased unless somebody says yes, nor what cannot be") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store}, personal_line(1, "c1") + numbered_line(2));
    CHECK(run_command({"erase", store, "--subject", "c1"}).exit_code == 2);
    CHECK(run_command({"erase", store, "--subject", "c1"}, "yes\n").exit_code == 2);
    CHECK(run_command({"erase", store, "--yes"}).exit_code == 2);
    CHECK(run_command({"erase", store, id_of(1), "--subject", "c1", "--yes"}).exit_code == 2);
    CHECK(run_command({"erase", store, id_of(9), "--yes"}).exit_code == 1);
    const auto plain = json_lines(run_command({"log", store}).out).at(1).at("id");
    const auto result = run_command({"erase", store, plain, "--yes"});
    CHECK(result.exit_code == 2);
    CHECK(result.err.find("without a data subject") != std::string::npos);
    CHECK(run_command({"subjects", store}).out.find("\"erased\":0") != std::string::npos);
}

TEST_CASE("export and backup leave out what is sealed unless asked") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store}, personal_line(1, "c1") + numbered_line(2));
    const auto without = run_command({"export", store});
    CHECK(without.out.find("Wilhelmina") == std::string::npos);
    CHECK(json_lines(without.out).at(0).at("sealed") == "true");
    CHECK(without.err.find("--with-data") != std::string::npos);
    const auto refused = run_command({"import", scratch / "a.idem"}, without.out);
    CHECK(refused.exit_code == 2);
    CHECK(refused.err.find("--with-data") != std::string::npos);
    CHECK(run_command({"import", store}, without.out).exit_code == 0);  // it is known

    const auto with = run_command({"export", store, "--with-data"});
    CHECK(with.err == "");
    CHECK(run_command({"import", scratch / "b.idem"}, with.out).exit_code == 0);
    CHECK(run_command({"show", scratch / "b.idem", "1"}).out.find("Wilhelmina") !=
          std::string::npos);

    run_command({"backup", store, scratch / "c.idem"});
    CHECK(json_lines(run_command({"show", scratch / "c.idem", "1"}).out).at(0).at("sealed") ==
          "true");
    const auto verified = run_command({"verify", scratch / "c.idem"});
    CHECK(verified.exit_code == 0);
    CHECK(json_lines(verified.out).at(0).at("sealed") == "1");
    run_command({"backup", store, scratch / "d.idem", "--with-keys"});
    CHECK(run_command({"show", scratch / "d.idem", "1"}).out.find("Wilhelmina") !=
          std::string::npos);
}

TEST_CASE("what another process seals and erases is seen here at once") {
    const scratch_folder scratch;
    const std::string folder = scratch / "s.idem";
    idem::store store(folder);
    idem::projection p;
    p.name = "names";
    p.apply = [](const idem::event_view& e, idem::state_table& t) { t.put(e.stream(), e.data()); };
    store.append(numbered_event(9));
    store.run(p, idem::projection_mode::manual);
    run_command({"append", folder}, personal_line(1, "c1"));
    CHECK(store.find(numbered_id(1))->data.find("Wilhelmina") != std::string::npos);
    const idem::event mine = idem::parse_cloudevent(personal_line(2, "c1"));
    CHECK(store.append(mine).outcome() == idem::outcome::appended);
    CHECK(run_command({"erase", folder, id_of(1), "--yes"}).exit_code == 0);
    CHECK(store.catch_up("names") == 4);
    CHECK(store.state("names").find("customer-c1").row == mine.data);
    CHECK(store.find(numbered_id(1))->erased);
    CHECK(store.find(numbered_id(2))->data == mine.data);
    CHECK(store.append(idem::parse_cloudevent(personal_line(1, "c1"))).outcome() ==
          idem::outcome::erased);
    CHECK(run_command({"erase", folder, "--subject", "c1", "--yes"}).exit_code == 0);
    CHECK(store.find(numbered_id(2))->erased);
    CHECK(store.append(idem::parse_cloudevent(personal_line(3, "c1"))).outcome() ==
          idem::outcome::erased);
}

TEST_CASE("a projection in JSON that had folded erased data is told stale, and rebuilt") {
    const scratch_folder scratch;
    const std::string folder = scratch / "s.idem";
    idem::store store(folder);
    idem::projection p;
    p.name = "names";
    p.apply = [](const idem::event_view& e, idem::state_table& t) { t.put(e.stream(), e.data()); };
    store.append(idem::parse_cloudevent(personal_line(1, "c1")));
    store.run(p, idem::projection_mode::manual);
    store.catch_up("names");
    const auto erased = run_command({"erase", folder, "--subject", "c1", "--yes"});
    CHECK(erased.err.find("names@1 is stale") != std::string::npos);
    CHECK(json_lines(run_command({"projections", folder}).out).at(0).at("stale") != "null");
    store.rebuild(p);
    CHECK(json_lines(run_command({"projections", folder}).out).at(0).at("stale") == "null");
}
