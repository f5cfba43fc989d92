// idem append with a condition: what --unless, --after and --expect-stream promise, and the filter
// by tags that goes with it.
#include <doctest/doctest.h>

#include "run_command.hpp"
#include "scratch_folder.hpp"

namespace {

std::string tagged(const std::string& id, const std::string& type, const std::string& tags) {
    return line_of{.id = id, .type = type, .more = ",\"tags\":" + tags}.str();
}

const std::string both = R"(["baz:foos","foo:bar"])";
const std::string one = R"(["foo:bar"])";

// Events a to f, as the suites of the Dynamic Consistency Boundary have them.
class dummy_store {
public:
    dummy_store() {
        const auto filled = run_command({"append", path},
                                        tagged("a", "Some", both) + tagged("b", "Other", one) +
                                            tagged("c", "Some", one) + tagged("d", "Third", both) +
                                            tagged("e", "Some", both) + tagged("f", "Other", both));
        REQUIRE(filled.exit_code == 0);
    }
    command_result append(std::vector<std::string> options, const std::string& lines) const {
        options.insert(options.begin(), {"append", path});
        return run_command(options, lines);
    }
    std::string ids(std::vector<std::string> filters) const {
        filters.insert(filters.begin(), {"log", path});
        std::string found;
        for (const auto& line : json_lines(run_command(filters).out)) found += line.at("sourceid");
        return found;
    }

private:
    scratch_folder folder_;

public:
    const std::string path = folder_ / "dummy.idem";
};

const std::string some_foos = R"([{"types":["Some"],"tags":["baz:foos"]}])";
const std::string foos = R"([{"tags":["baz:foos"]}])";

}  // namespace

TEST_CASE("log and export filter by tags, in both directions") {
    const dummy_store store;
    CHECK(store.ids({"--tag", "baz:foos"}) == "adef");
    CHECK(store.ids({"--type", "Some", "--tag", "baz:foos"}) == "ae");
    CHECK(store.ids({"--reverse", "--to", "4", "--limit", "3"}) == "dcb");
    CHECK(store.ids({"--tag", "foo:bar", "--reverse", "--to", "4", "--limit", "3"}) == "dcb");
    CHECK(store.ids({"--tag", "foo:bar", "--tag", "baz:foos", "--from", "2"}) == "def");
    CHECK(store.ids({"--tag", "nobody"}) == "");
    CHECK(json_lines(run_command({"export", store.path, "--tag", "baz:foos"}).out).size() == 4);
}

TEST_CASE("--unless appends where no event matches behind --after, and else names the match") {
    const dummy_store store;
    const std::string fresh = tagged("g", "Some", one);
    const auto failed = [&](const std::vector<std::string>& options, const std::string& match) {
        const auto result = store.append(options, fresh + tagged("h", "Some", one));
        CHECK(result.exit_code == 3);
        const auto receipts = json_lines(result.out);
        REQUIRE(receipts.size() == 2);
        for (const auto& r : receipts) CHECK(r.at("outcome") == "condition_failed");
        CHECK(receipts[0].at("match") == match);
        CHECK(receipts[0].at("position") == "null");
        CHECK(receipts[0].at("detail").find("position " + match) != std::string::npos);
        CHECK_FALSE(receipts[1].contains("match"));
    };
    failed({"--unless", foos, "--after", "5"}, "6");
    failed({"--unless", some_foos}, "5");
    failed({"--unless", R"([{"types":["Third"]}])"}, "4");
    failed({"--unless", R"([{"tags":["nobody"]},{"types":["Third","None"]}])"}, "4");
    CHECK(store.append({"--unless", foos, "--after", "100"}, tagged("y", "Some", one)).exit_code ==
          0);
    const auto result = store.append({"--unless", some_foos, "--after", "5"}, fresh);
    CHECK(result.exit_code == 0);
    CHECK(json_lines(result.out).at(0).at("outcome") == "appended");
    // Known throughout, it is a duplicate whatever the condition says.
    const auto again = store.append({"--unless", foos}, fresh);
    CHECK(again.exit_code == 0);
    CHECK(json_lines(again.out).at(0).at("outcome") == "duplicate");
    const auto mixed = store.append({"--unless", foos}, fresh + tagged("z", "Some", one));
    CHECK(mixed.exit_code == 3);
    CHECK(json_lines(mixed.out).at(0).at("outcome") == "partial_duplicate");
}

TEST_CASE("--expect-stream looks at streams that the batch does not write to") {
    const dummy_store store;
    const std::string fresh = line_of{.id = "g", .stream = "new"}.str();
    const auto wrong = store.append(
        {"--expect-stream", "stream=5", "--expect-stream", "other=stream_exists"}, fresh);
    CHECK(wrong.exit_code == 3);
    CHECK(json_lines(wrong.out).at(0).at("outcome") == "wrong_revision");
    CHECK(store.append({"--expect-stream", "stream=4"}, fresh).exit_code == 3);
    const auto right =
        store.append({"--expect-stream", "stream=5", "--expect-stream", "a=b=no_stream", "--expect",
                      "no_stream", "--unless", R"([{"types":["None"]}])"},
                     fresh);
    CHECK(right.exit_code == 0);
    CHECK(store
              .append({"--expect-stream", "new=0", "--expect", "5"},
                      line_of{.id = "h"}.str() + line_of{.id = "i", .stream = "new"}.str())
              .exit_code == 2);
}

TEST_CASE("a condition that says nothing, or is none, is invalid input before anything is read") {
    const scratch_folder folder;
    const std::string path = folder / "s.idem";
    for (const std::vector<std::string>& options :
         std::vector<std::vector<std::string>>{{"--unless", "[]"},
                                               {"--unless", "[{}]"},
                                               {"--unless", R"([{"types":[],"tags":[]}])"},
                                               {"--unless", R"({"types":["Some"]})"},
                                               {"--unless", R"([{"tag":["a"]}])"},
                                               {"--unless", R"([{"tags":"a"}])"},
                                               {"--unless", R"([{"tags":[1]}])"},
                                               {"--unless", R"([{"tags":["a"],"tags":["b"]}])"},
                                               {"--unless", "types"},
                                               {"--unless", R"([{"tags":[""]}])"},
                                               {"--after", "3"},
                                               {"--unless", R"([{"tags":["a"]}])", "--after", "-1"},
                                               {"--expect-stream", "s"},
                                               {"--expect-stream", "=1"},
                                               {"--expect-stream", "s=some"}}) {
        CAPTURE(options.back());
        std::vector<std::string> arguments{"append", path};
        arguments.insert(arguments.end(), options.begin(), options.end());
        const auto result = run_command(arguments, numbered_line(1));
        CHECK(result.exit_code == 2);
        CHECK(result.out == "");
        CHECK(result.err != "");
    }
}
