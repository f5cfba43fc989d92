// Stores that know the schemas of their events, on the command line.
#include <doctest/doctest.h>

#include <fstream>
#include <random>

#include "run_command.hpp"
#include "scratch_folder.hpp"

namespace {

constexpr const char* first = "namespace bank; table Paid { payer:string (required); euros:long; }";
constexpr const char* second =
    "namespace bank; table Paid { payer:string (required); cents:long; }";
constexpr const char* to_second =
    R"({"type":"bank.Paid","from":1,"do":[{"scale":"euros","by":100},)"
    R"({"rename":"euros","to":"cents"}]})";

struct bank_store {
    bank_store() {
        write("1.fbs", first);
        write("2.fbs", second);
        write("up.json", to_second);
        write("paid.json", R"({"name":"paid","key":"data.payer","on":{"bank.Paid":{"do":)"
                           R"([{"add":"cents","value":"data.cents"}]}}})");
        REQUIRE(schema({"add", path, scratch / "1.fbs"}).exit_code == 0);
    }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(scratch / name, std::ios::binary) << text;
    }
    static command_result schema(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "schema");
        return run_command(arguments);
    }
    command_result pay(std::uint64_t n, const std::string& data,
                       const std::string& more = {}) const {
        return run_command({"append", path}, line_of{.id = "p-" + std::to_string(n),
                                                     .stream = "ann",
                                                     .type = "bank.Paid",
                                                     .data = data,
                                                     .more = more}
                                                 .str());
    }
    std::string first_event() const {
        return json_lines(run_command({"log", path}).out).at(1).at("id");
    }

    scratch_folder scratch;
    std::string path = scratch / "s.idem";
};

}  // namespace

TEST_CASE("schemas are added, planned, listed and refused by exit code") {
    const bank_store s;
    const auto listed = json_lines(bank_store::schema({"list", s.path}).out);
    CHECK(listed.at(0).at("type") == "bank.Paid");
    CHECK(listed.at(0).at("version") == "1");
    CHECK(listed.at(0).at("step") == "first");
    const auto planned = bank_store::schema({"add", s.path, s.scratch / "2.fbs", "--dry-run"});
    CHECK(planned.exit_code == 0);
    CHECK(json_lines(planned.out).back().at("outcome") == "would be added");
    CHECK(bank_store::schema({"list", s.path}).out.find("\"version\":2") == std::string::npos);
    const auto gap = bank_store::schema({"add", s.path, s.scratch / "2.fbs"});
    CHECK(gap.exit_code == 0);
    CHECK(json_lines(gap.out).back().at("step") == "needs_upcaster");
    CHECK(gap.err.find("needs an upcaster from version 1 to 2") != std::string::npos);
    const auto upcast = bank_store::schema({"add", s.path, "--upcast", s.scratch / "up.json"});
    CHECK(upcast.exit_code == 0);
    CHECK(json_lines(upcast.out).at(0).at("upcasters") == "1");
    s.write("bad.fbs", "namespace bank; table Paid { payer:string (required); cents:string; }");
    const auto refused = bank_store::schema({"add", s.path, s.scratch / "bad.fbs"});
    CHECK(refused.exit_code == 6);
    CHECK(json_lines(refused.out).at(0).at("compatibility") == "forbidden");
    CHECK(bank_store::schema({"add", s.path}).exit_code == 2);
}

TEST_CASE("a payload that does not fit is refused with its field, and what fits prints as JSON") {
    const bank_store s;
    const auto refused = s.pay(1, R"({"payer":"ann","euros":"five"})");
    CHECK(refused.exit_code == 2);
    CHECK((refused.out + refused.err).find("data.euros") != std::string::npos);
    CHECK(s.pay(1, R"({"euros":5})").exit_code == 2);
    CHECK(s.pay(1, R"({"payer":"ann","euros":5})").exit_code == 0);
    CHECK(s.pay(1, R"({"euros":5.0,"payer":"ann"})").exit_code == 0);
    const auto log = json_lines(run_command({"log", s.path}).out);
    REQUIRE(log.size() == 2);
    const std::string data = R"({"euros":5,"payer":"ann"})";  // sorted by our reader
    CHECK(log[1].at("data") == data);
    const auto id = log[1].at("id");
    for (const auto& command : std::vector<std::vector<std::string>>{
             {"show", s.path, id}, {"export", s.path}, {"why", s.path, id}}) {
        CAPTURE(command[0]);
        const auto result = run_command(command);
        CHECK_MESSAGE(result.out.find(R"("euros":5)") != std::string::npos,
                      (result.out + result.err));
    }
    const auto raw = run_command({"log", s.path, "--raw"});
    CHECK(raw.exit_code == 0);
    CHECK(raw.out.find(R"("euros":5)") == std::string::npos);
}

TEST_CASE("an event is shown as its upcasters leave it, or why they do not") {
    const bank_store s;
    CHECK(s.pay(1, R"({"payer":"ann","euros":5})").exit_code == 0);
    CHECK(bank_store::schema({"add", s.path, s.scratch / "2.fbs"}).exit_code == 0);
    const auto shown_as = [&](const std::string& version, const std::string& event = "2") {
        return run_command({"show", s.path, event, "--as-version", version});
    };
    const auto gap = shown_as("2");
    CHECK(gap.exit_code == 1);
    CHECK(gap.err.find("no upcaster of 'bank.Paid' from version 1 to 2") != std::string::npos);
    CHECK(bank_store::schema({"add", s.path, "--upcast", s.scratch / "up.json"}).exit_code == 0);
    const auto upcast = shown_as("2");
    CHECK(upcast.exit_code == 0);
    const auto event = json_lines(upcast.out).at(0);
    CHECK(event.at("data") == R"({"cents":500,"payer":"ann"})");
    CHECK(event.at("schemaversion") == "2");
    CHECK(json_lines(shown_as("1").out).at(0).at("data") == R"({"euros":5,"payer":"ann"})");
    const auto beyond = shown_as("3");
    CHECK(beyond.exit_code == 1);
    CHECK(beyond.err.find("from version 2 to 3") != std::string::npos);
    CHECK(s.pay(2, R"({"payer":"ann","cents":7})").exit_code == 0);
    const auto newest = json_lines(run_command({"log", s.path, "--reverse"}).out).at(0);
    const auto back = shown_as("1", newest.at("id"));
    CHECK(back.exit_code == 1);
    CHECK(back.err.find("forwards alone") != std::string::npos);
    CHECK(shown_as("0").exit_code == 2);
    CHECK(shown_as("4294967297").exit_code == 2);
    // An upcaster that this event does not suit.
    s.write("up.json", R"({"type":"bank.Paid","from":1,"do":[{"scale":"payer","by":100}]})");
    CHECK(bank_store::schema({"add", s.path, "--upcast", s.scratch / "up.json"}).exit_code == 0);
    const auto failed = shown_as("2");
    CHECK(failed.exit_code == 1);
    CHECK(failed.err.find("payer") != std::string::npos);
}

TEST_CASE("an export of a store with schemas imports as the same store") {
    const bank_store s;
    CHECK(s.pay(1, R"({"payer":"ann","euros":5})").exit_code == 0);
    CHECK(s.pay(2, R"({"payer":"bob","euros":7})").exit_code == 0);
    CHECK(
        bank_store::schema({"add", s.path, s.scratch / "2.fbs", "--upcast", s.scratch / "up.json"})
            .exit_code == 0);
    CHECK(s.pay(3, R"({"payer":"ann","cents":250})").exit_code == 0);
    const std::string copy = s.scratch / "copy.idem";
    const auto exported = run_command({"export", s.path});
    CHECK(exported.exit_code == 0);
    const auto imported = run_command({"import", copy}, exported.out);
    CHECK_MESSAGE(imported.exit_code == 0, imported.err);
    CHECK(run_command({"import", copy}, exported.out).exit_code == 0);  // all known
    const auto digest = [&](const std::string& store) {
        return run_command({"replay", store, s.scratch / "paid.json", "--digest"}).out;
    };
    CHECK(digest(s.path).size() == 33);
    CHECK(digest(copy) == digest(s.path));
    CHECK(json_lines(run_command({"state", copy, s.scratch / "paid.json", "ann"}).out)
              .at(0)
              .at("row") == R"({"cents":750})");
    CHECK(run_command({"verify", copy}).exit_code == 0);
}

TEST_CASE("upcasters and compiled schemas that are none are refused, whatever they are") {
    const bank_store s;
    const auto head = [&] { return json_lines(run_command({"log", s.path}).out).size(); };
    const auto before = head();
    for (const std::string& text :
         {std::string(), std::string("{"), std::string("[]"), std::string("null"),
          std::string(R"({"type":"bank.Paid","from":0,"do":[]})"),
          std::string(R"({"type":"bank.Paid","from":1,"do":[{"explode":"a"}]})"),
          std::string(R"({"type":"bank.Paid","from":1,"do":[{"scale":"a","by":"x"}]})"),
          std::string(R"({"type":"bank.Paid","from":1})"), std::string(100'000, '['),
          std::string(300'000, ' '), std::string("\xFF\xFE\x00", 3)}) {
        CAPTURE(text.substr(0, 60));
        s.write("hostile.json", text);
        for (const bool dry : {false, true}) {
            std::vector<std::string> command{"add", s.path, "--upcast", s.scratch / "hostile.json"};
            if (dry) command.emplace_back("--dry-run");
            const auto refused = bank_store::schema(command);
            CHECK_MESSAGE(refused.exit_code == (text == "[]" ? 0 : 2), (refused.out + refused.err));
        }
    }
    std::mt19937 random(20261124);
    for (int i = 0; i < 40; ++i) {
        std::string bytes(random() % 400, '\0');
        for (char& c : bytes) c = static_cast<char>(random());
        if (bytes.size() > 8) bytes.replace(4, 4, "BFBS");
        s.write("hostile.bfbs", bytes);
        CHECK(bank_store::schema({"add", s.path, s.scratch / "hostile.bfbs"}).exit_code == 2);
    }
    CHECK(head() == before);
}
