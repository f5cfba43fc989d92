// Definitions of upcasters: what they may say, and how they are refused.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "base/json.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "schema/json_upcaster.hpp"

namespace {

std::string refusal(const std::string& text) {
    try {
        idem::parse_json_upcasters(text, "t.json");
    } catch (const idem::error& e) {
        CHECK(e.code() == idem::errc::invalid_input);
        return e.what();
    }
    return "no error";
}

std::string with_operation(const std::string& operation) {
    return R"({"type":"T","from":1,"do":[)" + operation + "]}";
}

void expect_start(const std::string& message, const std::string& start) {
    CHECK_MESSAGE(message.starts_with(start), message);
}

std::string list_of(const std::string& item, std::size_t count) {
    std::string out = "[";
    for (std::size_t i = 0; i < count; ++i) out += (i == 0 ? "" : ",") + item;
    return out + "]";
}

constexpr const char* whole = R"({"type":"bank.Deposited","from":1,"description":"cents","do":[
  {"rename":"euros","to":"amount"},
  {"scale":"amount","by":100},
  {"default":"currency","value":"EUR"},
  {"split":"name","at":" ","into":["first","last"]},
  {"merge":["street","city"],"with":", ","into":"address"},
  {"drop":"legacy"}
]})";

}  // namespace

TEST_CASE("a definition is read, alone or in a list") {
    const auto one = idem::parse_json_upcasters(whole, "t.json");
    REQUIRE(one.size() == 1);
    CHECK(one[0].type() == "bank.Deposited");
    CHECK(one[0].from() == 1);
    CHECK(one[0].apply(R"({"euros":12.10,"name":"A B","street":"S","city":"C","legacy":[]})") ==
          R"({"amount":1210,"first":"A","last":"B","address":"S, C","currency":"EUR"})");
    CHECK(idem::parse_json_upcasters(std::string(" [") + whole + "," + whole + "] ", "t.json")
              .size() == 2);
    CHECK(idem::parse_json_upcasters("[]", "t.json").empty());
}

TEST_CASE("definitions of the same meaning are the same text") {
    const auto definition = [](const char* text) {
        return idem::parse_json_upcasters(text, "t.json").at(0).definition();
    };
    const std::string plain = definition(R"({"type":"T","from":1,"do":[{"scale":"a","by":100}]})");
    CHECK(plain == definition(R"( { "do" : [ {"by" : 1e2, "scale":"\u0061" } ], "from":1,
                                  "type":"T" } )"));
    CHECK(plain != definition(R"({"type":"T","from":1,"do":[{"scale":"a","by":100.5}]})"));
    CHECK(plain != definition(R"({"type":"T","from":2,"do":[{"scale":"a","by":100}]})"));
    CHECK(definition(plain.c_str()) == plain);

    const auto made = idem::parse_json_upcasters(
        R"({"type":"T","from":7,"do":[{"default":"a","value":[1, -2.50, 1e400, "1e1 \" 2"]}]})",
        "t.json");
    const auto again = idem::parse_json_upcasters(made.at(0).definition(), "t.json");
    CHECK(again.at(0).from() == 7);
    CHECK(made.at(0).apply("{}") == R"({"a":[1,-2.5,1e400,"1e1 \" 2"]})");
    CHECK(again.at(0).apply("{}") == made.at(0).apply("{}"));
}

TEST_CASE("an upcaster that is none is refused at its place") {
    expect_start(refusal(""), "t.json is not JSON at byte 0: ");
    expect_start(refusal("{"), "t.json is not JSON at byte 1: ");
    expect_start(refusal(std::string(1'000'000, '[')), "t.json is not JSON at byte 128: nested");
    CHECK(refusal("1") ==
          "t.json is a number where it must be an object; write an upcaster like "
          R"({"type":"bank.Deposited","from":1,"do":[{"rename":"euros","to":"amount"}]})");
    expect_start(refusal(std::string("[") + whole + ",[]]"),
                 "t.json: /1 is a list where it must be an object; write");
    expect_start(refusal(R"({"from":1,"do":[]})"), "t.json lacks 'type'; write an upcaster like");
    expect_start(refusal(R"({"type":"T","from":1})"), "t.json lacks 'do'; write");
    expect_start(refusal(R"({"type":"T","from":1,"do":[],"":0})"), "t.json has a member '' that");
    expect_start(refusal(R"({"type":"T","from":1,"do":[],"then":0})"),
                 "t.json has a member 'then' that an upcaster does not have; write");
    expect_start(refusal(R"({"type":"T","from":1,"do":[],"\u0064o":0})"),
                 "t.json has the member 'do' twice");
    expect_start(refusal(R"({"type":"","from":1,"do":[]})"), "t.json: /type is empty; write");
    expect_start(refusal(R"({"type":1,"from":1,"do":[]})"), "t.json: /type is a number where");
    expect_start(refusal(R"({"type":"a\n","from":1,"do":[]})"), "t.json: /type has a control");
    expect_start(refusal(R"({"type":")" + std::string(256, 'a') + R"(","from":1,"do":[]})"),
                 "t.json: /type has 256 bytes; event types have at most name_bytes_max, 255");
    for (const char* from : {"0", "-1", "1.5", "0.1", "4294967295", "1e999999999"}) {
        const std::string text = std::string(R"({"type":"T","do":[],"from":)") + from + "}";
        CHECK(refusal(text) == std::string("t.json: /from is '") + from +
                                   "', where it must be a version, an integer from 1 to "
                                   "4294967294");
    }
    expect_start(refusal(R"({"type":"T","from":"1","do":[]})"), "t.json: /from is text where");
    expect_start(refusal(R"({"type":"T","from":1,"do":{}})"), "t.json: /do is an object where");
    expect_start(refusal(R"({"type":"T","from":1,"do":[]})"), "t.json: /do is empty; write");
    expect_start(refusal(R"({"type":"T","from":1,"description":1,"do":[]})"),
                 "t.json: /description is a number where it must be text");
}

TEST_CASE("an operation that is none is refused at its place") {
    const auto why = [](const std::string& operation) {
        const std::string message = refusal(with_operation(operation));
        const std::string start = "t.json: /do/0";
        CHECK_MESSAGE(message.starts_with(start), message);
        return message.substr(std::min(start.size(), message.size()));
    };
    const auto expect = [&](const char* operation, const char* start) {
        expect_start(why(operation), start);
    };
    expect("3", " is a number where it must be an object; it is one of rename, scale,");
    expect("{}", " names no operation; it is one of rename, scale, default, split, merge and drop");
    expect(R"({"drop":"a","scale":"b"})", " names two operations, drop and scale; make them two");
    expect(R"({"drop":"a","drop":"b"})", " has the member 'drop' twice");
    expect(R"({"drop":"a","if":"b"})", " has a member 'if' that drop does not have; write drop");
    CHECK(why(R"({"scale":"a"})") ==
          R"( lacks 'by'; write scale like {"scale":"amount","by":100})");
    expect(R"({"drop":1})", "/drop is a number where it must be text; write drop like");
    expect(R"({"drop":""})", "/drop has an empty name; write it like owner.name");
    expect(R"({"drop":"a..b"})", "/drop has an empty name");
    expect(R"({"drop":"a\\b"})", "/drop has a backslash before something else than a dot");
    expect(R"({"drop":"a\\"})", "/drop has a backslash");
    expect(R"({"drop":"a\u001b"})", "/drop has a control character");
    expect(R"({"rename":"a","to":"a"})", "/to is the member itself; choose another name");
    expect(R"({"rename":"a.b.c","to":"a.b"})", "/to names the object that holds data.a.b.c; ");
    expect(R"({"scale":"a","by":"2"})", "/by is text where it must be a number; write scale");
    expect(R"({"scale":"a","by":0.0})", "/by is 0, which would forget the number; drop");
    expect(R"({"scale":"a","by":1e999999999})", "/by is '1e999999999', which has too many digits");
    expect(R"({"scale":"a","by":0.1234567890123456})", "/by is '0.1234567890123456', which has");
    expect(R"({"default":"a","value":[{"b":{"c":1,"\u0063":2}}]})",
           "/value has the member 'c' twice; keep one");
    expect(R"({"split":"a","at":"","into":["b","c"]})", "/at is empty; write split like");
    expect(R"({"split":"a","at":" ","into":"b"})", "/into is text where it must be a list;");
    expect(R"({"split":"a","at":" ","into":["b"]})", "/into must have at least 2 items, and has 1");
    expect(R"({"split":"a","at":" ","into":["b","b.c"]})",
           "/into/1 is the same member as item 0, or one lies within the other; name members");
    expect(R"({"split":"a.b","at":" ","into":["c","a"]})", "/into/1 names the object that holds");
    expect(R"({"split":"a","at":" ","into":["b",1]})", "/into/1 is a number where it must be text");
    expect(R"({"merge":["a","a"],"with":"","into":"b"})", "/merge/1 is the same member as item 0");
    expect(R"({"merge":["a.b","c"],"with":"","into":"a"})", "/into names the object that holds");
    expect(R"({"merge":[],"with":"","into":"a"})", "/merge must have at least 2 items, and has 0");
}

TEST_CASE("definitions have limits") {
    const std::string drop = R"({"drop":"a"})";
    const auto upcaster = [](const std::string& operations) {
        return R"({"type":"T","from":1,"do":)" + operations + "}";
    };
    const std::string small = upcaster("[" + drop + "]");
    CHECK(refusal(upcaster(list_of(drop, 64))) == "no error");
    expect_start(refusal(upcaster(list_of(drop, 65))),
                 "t.json: /do has more than 64 operations; go by way of another version");
    CHECK(refusal(list_of(small, 1000)) == "no error");
    expect_start(refusal(list_of(small, 1001)), "t.json has more than 1000 upcasters; make it two");
    const auto padded = [&](std::size_t size) {
        return std::string("[") + small.substr(0, small.size() - 1) +
               std::string(size - small.size(), ' ') + "}]";
    };
    CHECK(refusal(padded(256 << 10)) == "no error");
    expect_start(refusal(padded((256 << 10) + 1)),
                 "t.json: /0 has 262145 bytes; an upcaster has at most 262144");
    expect_start(refusal(std::string((64 << 20) + 1, ' ')), "t.json has 67108865 bytes; a file");

    std::string deep = "a";
    for (int i = 1; i < 16; ++i) deep += ".a";
    CHECK(refusal(with_operation(R"({"drop":")" + deep + "\"}")) == "no error");
    expect_start(refusal(with_operation(R"({"drop":")" + deep + ".a\"}")),
                 "t.json: /do/0/drop has more than 16 names");
    expect_start(refusal(with_operation(R"({"drop":")" + std::string(1025, 'a') + "\"}")),
                 "t.json: /do/0/drop has 1025 bytes; the limit is 1024");
    expect_start(refusal(with_operation(R"({"merge":)" + list_of("\"a\"", 17) +
                                        R"(,"with":"","into":"b"})")),
                 "t.json: /do/0/merge has more than 16 items; make it two operations");
}

TEST_CASE("a damaged definition is refused, or is one") {
    CHECK(rc::check("whatever it says", [] {
        std::string text = whole;
        for (int n = *rc::gen::inRange(1, 4); n > 0; --n) {
            const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
            if (*rc::gen::arbitrary<bool>()) {
                text[at] = *rc::gen::element('"', '\\', '{', '}', ',', ':', '.', '0', 'e', ' ');
            } else {
                text.erase(at, *rc::gen::inRange<std::size_t>(1, 12));
            }
        }
        RC_LOG() << text;
        const std::string_view data = R"({"euros":1,"name":"A B","city":"C"})";
        try {
            for (const auto& made : idem::parse_json_upcasters(text, "t.json")) {
                const std::string out = made.apply(data);
                RC_ASSERT(!idem::json::check(out));
                const auto again = idem::parse_json_upcasters(made.definition(), "t.json");
                RC_ASSERT(again.at(0).definition() == made.definition());
                RC_ASSERT(idem::json::same_value(again.at(0).apply(data), out));
            }
        } catch (const idem::error& e) {
            RC_ASSERT(e.code() == idem::errc::invalid_input);
        }
    }));
}
