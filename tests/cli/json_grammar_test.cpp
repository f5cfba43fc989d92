// The language of JSON projections: what is read, what is refused and where, and when order
// matters.
#include <doctest/doctest.h>

#include <fstream>
#include <sstream>

#include "idem/error.hpp"
#include "json_path.hpp"
#include "json_projection.hpp"

using idem::cli::parse_json_projection;

namespace {

std::string with_rule(const std::string& rule) {
    return R"({"name":"p","key":"stream","on":{"T":)" + rule + "}}";
}
std::string with_operations(const std::string& operations) {
    return with_rule(R"({"do":)" + operations + "}");
}

std::string refusal_of(const std::string& text) {
    try {
        parse_json_projection(text, "p.json");
    } catch (const idem::error& e) {
        CHECK(e.code() == idem::errc::invalid_input);
        return e.what();
    }
    return "";
}

std::string reasons_of(const std::string& text) {
    std::string all;
    const auto parsed = parse_json_projection(text, "p.json");
    for (const auto& reason : parsed.order_reasons) all += (all.empty() ? "" : "; ") + reason;
    CHECK((parsed.fold.order == idem::fold_order::commutative) == all.empty());
    return all;
}

}  // namespace

TEST_CASE("a definition becomes a projection of that name, version and types") {
    const std::string text =
        R"({"name":"totals","version":7,"description":"what was paid","key":["stream","data.a"],)"
        R"("on":{"Paid":{"do":[{"count":"n"}]},"Refunded":[{"key":"id","do":["delete"]},)"
        R"({"when":[{"tag":"x"}],"do":[{"count":"n"}]}]}})";
    const auto parsed = parse_json_projection(text, "p.json");
    CHECK(parsed.fold.name == "totals");
    CHECK(parsed.fold.version == 7);
    CHECK(parsed.fold.types == std::vector<std::string>{"Paid", "Refunded"});
    CHECK(parsed.fold.definition == text);
    CHECK(parsed.fold.keys == idem::key_kind::text);
    const auto every = parse_json_projection(
        R"({"name":"n","key":{"literal":"all"},"on":
            {"*":{"do":[{"count":"n"}]},"T":{"do":["delete"]}}})",
        "p.json");
    CHECK(every.fold.types.empty());
    CHECK(every.fold.version == 1);
}

TEST_CASE("what is not of the language is refused with file, JSON pointer and remedy") {
    struct variant {
        std::string text;
        const char* pointer;
        const char* remedy;
    };
    const std::vector<variant> variants{
        {"", "p.json: ", "line 1"},
        {"{", "p.json: ", "line 1, column 2"},
        {"[]", "/", "\"name\""},
        {"{}", "/", "\"name\""},
        {R"({"name":"p","key":"stream","on":{},"extra":1})", "/", "\"extra\" is not known"},
        {R"({"name":"p","name":"q","key":"stream","on":{}})", "p.json", "given twice"},
        {R"({"name":"p","key":"stream","on":{"A":{"do":["delete"]},"A":{"do":["delete"]}}})",
         "p.json", "given twice"},
        {R"({"name":"p q","key":"stream","on":{"T":{"do":["delete"]}}})", "/name", "A-Z"},
        {R"({"name":7,"key":"stream","on":{"T":{"do":["delete"]}}})", "/name", "text"},
        {R"({"name":"p","version":0,"key":"id","on":{"T":{"do":["delete"]}}})", "/version",
         "from 1"},
        {R"({"name":"p","version":1.5,"key":"id","on":{"T":{"do":["delete"]}}})", "/version",
         "from 1"},
        {R"({"name":"p","key":"stream"})", "/", "\"on\""},
        {R"({"name":"p","key":"stream","on":{}})", "/on", "rule"},
        {R"({"name":"p","on":{"T":{"do":["delete"]}}})", "/on/T", "\"key\""},
        {R"({"name":"p","key":[],"on":{"T":{"do":["delete"]}}})", "/key", "list"},
        {R"({"name":"p","key":5,"on":{"T":{"do":["delete"]}}})", "/key", "literal"},
        {R"({"name":"p","key":"amount","on":{"T":{"do":["delete"]}}})", "/key", "data.amount"},
        {R"({"name":"p","key":"stream","on":{"a/b~c":{"do":[]}}})", "/on/a~1b~0c/do", "list"},
        {with_rule("{}"), "/on/T", "\"do\""},
        {with_rule("[]"), "/on/T", "list"},
        {with_rule(R"({"do":["delete"],"if":1})"), "/on/T", "\"if\" is not known"},
        {with_rule(R"({"when":[{"tag":"a","path":"id"}],"do":["delete"]})"), "/on/T/when/0",
         "alone"},
        {with_rule(R"({"when":[{"path":"id"}],"do":["delete"]})"), "/on/T/when/0", "equals"},
        {with_rule(R"({"when":[{"path":"id","equals":[1]}],"do":["delete"]})"),
         "/on/T/when/0/equals", "number"},
        {with_rule(R"({"when":[{"path":"id","exists":1}],"do":["delete"]})"), "/on/T/when/0/exists",
         "true nor false"},
        {with_operations(R"(["erase"])"), "/on/T/do/0", "\"delete\""},
        {with_operations(R"([{"inc":"n"}])"), "/on/T/do/0", "set, latest, add, count"},
        {with_operations(R"([{"count":"n"},{"add":"n"}])"), "/on/T/do/1", "\"value\""},
        {with_operations(R"([{"add":"n","set":"m","value":"id"}])"), "/on/T/do/0",
         "two operations"},
        {with_operations(R"([{"count":"n","value":"id"}])"), "/on/T/do/0",
         "\"value\" is not known"},
        {with_operations(R"([{"set":"n","value":"id","real":true}])"), "/on/T/do/0", "\"real\""},
        {with_operations(R"([{"set":"","value":"id"}])"), "/on/T/do/0/set", "empty"},
        {with_operations(R"([{"set":"n","value":7}])"), "/on/T/do/0/value", "literal"},
        {with_operations(R"([{"set":"n","value":{"literal":1,"x":2}}])"), "/on/T/do/0/value",
         "\"x\""},
        {with_operations(R"([{"set":"n","value":{"literal":99999999999999999999}}])"),
         "/on/T/do/0/value", "64 bits"},
        {with_operations(R"([{"set":"n","value":"id","optional":"yes"}])"), "/on/T/do/0/optional",
         "true nor false"},
        {with_operations(R"(["delete",{"count":"n"}])"), "/on/T/do/1", "last"},
        {with_operations(R"([{"insert":"s","value":"id"},{"set":"s","value":"id"}])"), "/on",
         "two fields"},
        {R"({"name":"p","key":"stream","on":{"":{"do":["delete"]}}})", "/on/", "\"*\""},
    };
    for (const auto& v : variants) {
        CAPTURE(v.text);
        const std::string refusal = refusal_of(v.text);
        CHECK(refusal.starts_with("p.json: "));
        CHECK(refusal.find(v.pointer) != std::string::npos);
        CHECK(refusal.find(v.remedy) != std::string::npos);
    }
}

TEST_CASE("the latest value is changed by nothing else, and its mark has a name of its own") {
    const auto refused = [](const std::string& operations, const char* remedy) {
        CAPTURE(operations);
        CHECK(refusal_of(with_operations(operations)).find(remedy) != std::string::npos);
    };
    refused(R"([{"set":"s","value":"id"},{"latest":"s","value":"id"}])", "only latest may");
    refused(R"([{"latest":"s","value":"id"},{"count":"s"}])", "only latest may");
    refused(R"([{"set":"$latest","value":"id"}])", "/on/T/do/0/set: is a name that rows keep");
}

TEST_CASE("paths are read as they are written, and refused otherwise") {
    using idem::cli::parse_path;
    CHECK(parse_path("stream").steps.empty());
    CHECK(parse_path("data").steps.empty());
    CHECK(parse_path("data.a.b[0]").steps.size() == 3);
    const auto odd = parse_path(R"(data["a.b \"c\" é"][12].x-y)");
    REQUIRE(odd.steps.size() == 3);
    CHECK(std::get<std::string>(odd.steps[0]) == "a.b \"c\" é");
    CHECK(std::get<std::size_t>(odd.steps[1]) == 12);
    CHECK(std::get<std::string>(odd.steps[2]) == "x-y");
    CHECK(parse_path("metadata.traceparent").steps.size() == 1);
    for (const char* wrong : {"",
                              ".",
                              "amount",
                              "data.",
                              "data..a",
                              "data[",
                              "data[]",
                              "data[-1]",
                              "data[1",
                              "data[1a]",
                              "data[\"a]",
                              "data[\"a\"",
                              "data[\"a\\\"]",
                              "data]",
                              "data.a\"b",
                              "stream.x",
                              "metadata",
                              "metadata[0]",
                              "metadata.a.b",
                              "data[99999999999999999999999]",
                              "Data.a"}) {
        CAPTURE(wrong);
        CHECK_THROWS_AS(parse_path(wrong), idem::error);
    }
}

TEST_CASE("order does not matter where all operations on each field commute") {
    for (const char* operations :
         {R"([{"count":"n"}])", R"([{"count":"n"},{"add":"n","value":"data.a"}])",
          R"([{"max":"m","value":"data.a"},{"min":"k","value":"data.a"}])",
          R"([{"max":"m","value":"data.a","real":true}])",
          R"([{"insert":"s","value":"data.a"},{"insert":"s","value":"data.b"}])",
          R"([{"max":"last","value":"time"}])",
          R"([{"latest":"s","value":"data.a"},{"latest":"s","value":"data.b"}])"}) {
        CAPTURE(operations);
        CHECK(reasons_of(with_operations(operations)) == "");
    }
}

TEST_CASE("where order matters the analysis says why") {
    struct variant {
        const char* operations;
        const char* reasons;
    };
    const std::vector<variant> variants{
        {R"([{"set":"balance","value":"data.a"}])", "balance is set"},
        {R"([{"add":"n","value":"data.a","real":true}])", "n is added to in real numbers"},
        {R"([{"count":"n"},{"add":"n","value":"data.a","real":true}])",
         "n is added to and added to in real numbers"},
        {R"([{"count":"n"},{"max":"n","value":"data.a"}])", "n is a maximum and added to"},
        {R"([{"max":"n","value":"data.a"},{"max":"n","value":"data.a","real":true}])",
         "n is a maximum and a real maximum"},
        {R"([{"insert":"s","value":"data.a"},{"remove":"s","value":"data.b"}])",
         "s is a set that grows and a set that shrinks"},
        {R"([{"remove":"s","value":"data.b"}])", "s is a set that shrinks"},
        {R"(["delete"])", "rows are deleted"},
        {R"([{"max":"p","value":"position"}])", "position is read"},
        {R"([{"set":"a","value":"id"},{"set":"b","value":"revision"},"delete"])",
         "a is set; b is set; rows are deleted; revision is read"},
    };
    for (const auto& v : variants) {
        CAPTURE(v.operations);
        CHECK(reasons_of(with_operations(v.operations)) == v.reasons);
    }
    CHECK(reasons_of(with_rule(R"({"key":"position","do":[{"count":"n"}]})")) ==
          "position is read");
    CHECK(reasons_of(
              with_rule(R"({"when":[{"path":"revision","equals":0}],"do":[{"count":"n"}]})")) ==
          "revision is read");
}

TEST_CASE("two spellings of a definition are one definition, two meanings are not") {
    using idem::cli::same_definition;
    const std::string text = with_operations(R"([{"count":"n"}])");
    std::string spaced = text;
    for (std::size_t at = spaced.find(':'); at != std::string::npos;
         at = spaced.find(':', at + 2)) {
        spaced.insert(at + 1, " ");
    }
    CHECK(same_definition(text, spaced));
    CHECK(!same_definition(text, with_operations(R"([{"count":"m"}])")));
    CHECK(!same_definition(text, ""));
    CHECK(same_definition("", ""));
}

TEST_CASE("a definition may declare its order, and is believed where its operations allow") {
    const auto with_order = [](const std::string& order, const std::string& operations) {
        return R"({"name":"p","key":"stream","order":)" + order + R"(,"on":{"T":{"do":)" +
               operations + "}}}";
    };
    const std::string counts = R"([{"count":"n"}])";
    const std::string sets = R"([{"set":"n","value":"data.n"}])";
    const auto order_of = [&](const std::string& order, const std::string& operations) {
        return parse_json_projection(with_order(order, operations), "p.json").fold.order;
    };
    CHECK(order_of(R"("arrival")", counts) == idem::fold_order::arrival);
    CHECK(order_of(R"("commutative")", counts) == idem::fold_order::commutative);
    CHECK(order_of(R"("canonical")", counts) == idem::fold_order::canonical);
    CHECK(order_of(R"("canonical")", sets) == idem::fold_order::canonical);
    CHECK(refusal_of(with_order(R"("commutative")", sets)).find("n is set") != std::string::npos);
    CHECK(refusal_of(with_order(R"("any")", counts)).find("/order") != std::string::npos);
    CHECK(refusal_of(with_order("true", counts)).find("/order") != std::string::npos);
}

TEST_CASE("the examples of the page on projections are read") {
    std::ifstream page(IDEM_PROJECTIONS_PAGE);
    std::stringstream text;
    text << page.rdbuf();
    std::size_t examples = 0;
    const std::string all = text.str();
    const std::string fence = "```json\n";
    for (auto at = all.find(fence); at != std::string::npos; at = all.find(fence, at + 1)) {
        const auto start = at + fence.size();
        const std::string example = all.substr(start, all.find("```", start) - start);
        CAPTURE(example);
        CHECK(refusal_of(example) == "");
        ++examples;
    }
    CHECK(examples >= 2);
}
