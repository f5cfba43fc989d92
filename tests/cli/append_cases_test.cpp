// Sequences of appends through the command line: NeK writes event N with expected revision K, m1 is
// no_stream; S_..._E is one batch. The last step's exit code and outcomes are checked, and how many
// events the stream then holds.
#include <doctest/doctest.h>

#include <sstream>

#include "run_command.hpp"
#include "scratch_folder.hpp"

namespace {

struct sequence {
    const char* steps;
    std::vector<const char*> last_outcomes;
    std::size_t events;
};

const std::vector<sequence> sequences{
    {"0em1 1e0 2e1 3e2 4e3 5e4 0em1", {"duplicate"}, 6},
    {"0em1 1e0 2e1 3e2 4e3 5e4 0any", {"duplicate"}, 6},
    {"0em1 1e0 2e1 3e2 4e3 5e4 0e5", {"duplicate"}, 6},
    {"0em1 1e0 2e1 3e2 4e3 5e4 6e5", {"appended"}, 7},
    {"0em1 1e0 2e1 3e2 4e3 5e4 6e4", {"wrong_revision"}, 6},
    {"0em1 0em1", {"duplicate"}, 1},
    {"0em1 0e0", {"duplicate"}, 1},
    {"0em1 0any", {"duplicate"}, 1},
    {"0em1 1e1", {"wrong_revision"}, 1},
    {"0e1", {"wrong_revision"}, 0},
    {"0exists", {"wrong_revision"}, 0},
    {"0any 1exists", {"appended"}, 2},
    {"S_0em1_1em1_E S_0em1_E", {"duplicate"}, 2},
    {"S_0em1_1em1_E S_0em1_1em1_E", {"duplicate", "duplicate"}, 2},
    {"S_0em1_1em1_E S_0em1_1em1_2em1_E",
     {"partial_duplicate", "partial_duplicate", "partial_duplicate"},
     2},
    {"S_0any_1any_E S_0any_2any_E", {"duplicate", "appended"}, 3},
    {"S_0any_1any_E S_2any_0any_E", {"appended", "duplicate"}, 3},
    {"S_0any_1any_E S_0any_1any_2any_E", {"duplicate", "duplicate", "appended"}, 3},
    {"S_0any_0any_E", {"appended", "duplicate"}, 1},
};

std::string expectation(const std::string& written) {
    if (written == "any") return "any";
    if (written == "exists") return "stream_exists";
    return written == "em1" ? "no_stream" : written.substr(1);
}

command_result run_step(const std::string& store, std::string step) {
    if (step.starts_with("S_")) step = step.substr(2, step.size() - 4);
    std::istringstream writes(step);
    std::string input;
    std::string expected;
    for (std::string write; std::getline(writes, write, '_');) {
        const std::size_t digits = write.find_first_not_of("0123456789");
        input += numbered_line(std::stoull(write.substr(0, digits)));
        expected = expectation(write.substr(digits));
    }
    return run_command({"append", store, "--expect", expected}, input);
}

}  // namespace

TEST_CASE("sequences of appends are answered as the table says") {
    for (const auto& s : sequences) {
        CAPTURE(s.steps);
        const scratch_folder scratch;
        const std::string store = scratch / "s.idem";
        std::istringstream steps(s.steps);
        command_result last;
        for (std::string step; steps >> step;) last = run_step(store, step);
        const auto receipts = json_lines(last.out);
        REQUIRE(receipts.size() == s.last_outcomes.size());
        bool accepted = true;
        for (std::size_t i = 0; i < receipts.size(); ++i) {
            const std::string& outcome = receipts[i].at("outcome");
            CHECK(outcome == s.last_outcomes[i]);
            accepted = accepted && (outcome == "appended" || outcome == "duplicate");
        }
        CHECK(last.exit_code == (accepted ? 0 : 3));
        CHECK(json_lines(run_command({"export", store, "--stream", "stream"}).out).size() ==
              s.events);
    }
}

TEST_CASE("a partial duplicate names the known events with their positions") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    run_command({"append", store}, numbered_line(9, "other"));
    run_step(store, "S_0em1_1em1_E");
    const auto receipts = json_lines(run_step(store, "S_2em1_1em1_0em1_E").out);
    REQUIRE(receipts.size() == 3);
    CHECK(receipts[0].at("position") == "null");
    CHECK(receipts[1].at("position") == "3");
    CHECK(receipts[1].at("revision") == "1");
    CHECK(receipts[2].at("position") == "2");
}

TEST_CASE("content decides between duplicate and conflict; time and metadata are not content") {
    const scratch_folder scratch;
    const std::string store = scratch / "s.idem";
    const line_of first{.id = "1", .more = R"(,"tags":"a,b","schemaversion":2)"};
    run_command({"append", store}, first.str());
    struct variant {
        line_of line;
        const char* field;  // empty: a duplicate
    };
    const std::vector<variant> variants{
        {first, ""},
        {{.id = "1", .data = R"( { "n" : 1.0 } )", .more = first.more}, ""},
        {{.id = "1", .more = first.more + R"(,"time":"2020-01-01T00:00:00Z","traceparent":"x")"},
         ""},
        {{.id = "1", .more = R"(,"tags":["b","a"],"schemaversion":2)"}, ""},
        {{.id = "1", .stream = "other", .more = first.more}, "stream"},
        {{.id = "1", .type = "Other", .more = first.more}, "type"},
        {{.id = "1", .more = R"(,"tags":"a,b","schemaversion":3)"}, "schema_version"},
        {{.id = "1", .more = first.more + R"(,"datacontenttype":"text/json")"}, "content_type"},
        {{.id = "1", .data = R"({"n":2})", .more = first.more}, "data"},
        {{.id = "1", .more = R"(,"tags":"a","schemaversion":2)"}, "tags"},
    };
    for (const auto& v : variants) {
        CAPTURE(v.line.str());
        const auto result = run_command({"append", store}, v.line.str());
        const auto receipts = json_lines(result.out);
        REQUIRE(receipts.size() == 1);
        if (std::string(v.field).empty()) {
            CHECK(result.exit_code == 0);
            CHECK(receipts[0].at("outcome") == "duplicate");
        } else {
            CHECK(result.exit_code == 3);
            CHECK(receipts[0].at("outcome") == "id_conflict");
            CHECK(receipts[0].at("field") == v.field);
        }
        CHECK(receipts[0].at("position") == "1");
    }
}
