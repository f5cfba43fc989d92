// Declared upcasters: what each operation does, leaves alone and refuses, and what holds for any
// data.
#include "schema/json_upcaster.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <optional>
#include <set>

#include "base/json.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"

namespace json = idem::json;

namespace {

idem::json_upcaster upcaster(const std::string& operations) {
    const std::string text = R"({"type":"T","from":1,"do":[)" + operations + "]}";
    return idem::parse_json_upcasters(text, "t.json").at(0);
}

// The data after it, or what is said against it.
std::string upcast(const std::string& operations, const std::string& data) {
    REQUIRE_MESSAGE(!json::check(data), data);
    const auto made = upcaster(operations);
    try {
        const std::string out = made.apply(data);
        CHECK_MESSAGE(!json::check(out), out);
        return out;
    } catch (const idem::error& e) {
        CHECK(e.code() == idem::errc::invalid_input);
        CHECK(e.place().field.starts_with("data"));
        return e.what();
    }
}

struct example {
    std::string operations;
    std::string data;
    std::string expected;
};

void expect(const std::vector<example>& examples) {
    for (const example& e : examples) {
        CAPTURE(e.operations);
        CAPTURE(e.data);
        CHECK(upcast(e.operations, e.data) == e.expected);
    }
}

std::string repeated(const std::string& text, int times) {
    std::string out;
    for (int i = 0; i < times; ++i) out += text;
    return out;
}

// A scalar or a small container in some odd but valid spelling.
std::string random_raw() {
    return *rc::gen::element<std::string>(
        "0", "-1.50", "1E+2", "12345678901234567890123", "1e999999999", "\"\"", R"("a b c")",
        R"("\u00e9\ud83d\ude00\n\/")", "true", "null", "[ ]", R"([{"a":1,"a":2}, "x"])",
        R"({ "a" : {"b":1 } })", "{}", R"({"b":{"c":"1 2"}})", "1.25");
}

struct spelled_member {
    std::string name;     // decoded
    std::string spelled;  // as a JSON string
    std::string raw;
};

std::vector<spelled_member> random_members(const std::vector<spelled_member>& names) {
    std::vector<spelled_member> members;
    for (spelled_member m : names) {
        if (*rc::gen::inRange(0, 3) == 0) continue;
        m.raw = random_raw();
        members.insert(members.begin() + *rc::gen::inRange<long>(0, std::ssize(members) + 1), m);
    }
    return members;
}

std::string object_of(const std::vector<spelled_member>& members) {
    const std::string gap = *rc::gen::element<std::string>("", " ", "\n  ");
    std::string out = "{";
    for (const auto& m : members) {
        if (out.size() > 1) out += ",";
        out += gap + m.spelled + gap + ":" + gap + m.raw + gap;
    }
    return out + "}";
}

const std::vector<spelled_member> named = {
    {"a", R"("a")", ""}, {"b", R"("\u0062")", ""}, {"c", R"("c")", ""}, {"d.e", R"("d.e")", ""}};
const std::vector<spelled_member> others = {{"x", R"("x")", ""},
                                            {"y z", R"("y\u0020z")", ""},
                                            {"\xc3\xa4", R"("\u00e4")", ""},
                                            {"\\\"", R"("\\\"")", ""}};

std::string random_path() {
    std::string path = *rc::gen::element<std::string>("a", "b", "c", R"(d\\.e)");
    for (int n = *rc::gen::inRange(0, 3); n > 0; --n) {
        path += *rc::gen::element<std::string>(".a", ".b", ".c");
    }
    return "\"" + path + "\"";
}

std::string random_operation() {
    const std::string a = random_path();
    const std::string b = random_path();
    const std::string c = random_path();
    switch (*rc::gen::inRange(0, 6)) {
        case 0:
            return R"({"rename":)" + a + R"(,"to":)" + b + "}";
        case 1:
            return R"({"scale":)" + a + R"(,"by":)" +
                   *rc::gen::element<std::string>("100", "0.01", "-2.5", "1e20") + "}";
        case 2:
            return R"({"default":)" + a + R"(,"value":)" + random_raw() + "}";
        case 3:
            return R"({"split":)" + a + R"(,"at":" ","into":[)" + b + "," + c + "]}";
        case 4:
            return R"({"merge":[)" + a + "," + b + R"(],"with":" ","into":)" + c + "}";
        default:
            return R"({"drop":)" + a + "}";
    }
}

// The objects of `text`, to the bottom, have each name once.
bool has_no_repeats(std::string_view text) {
    bool good = true;
    if (json::kind_of(text) == json::kind::array) {
        json::each_item(
            text, [&](json::kind, std::string_view raw) { good = good && has_no_repeats(raw); });
    } else if (json::kind_of(text) == json::kind::object) {
        std::set<std::string, std::less<>> seen;
        json::each_member(text, [&](std::string_view name, json::kind, std::string_view raw) {
            good = good && seen.emplace(name).second && has_no_repeats(raw);
        });
    }
    return good;
}

}  // namespace

TEST_CASE("rename moves a member, and never over another") {
    const char* flat = R"({"rename":"a","to":"b"})";
    const char* inward = R"({"rename":"a","to":"o.p.a"})";
    expect({
        {flat, R"({"x":1,"a":2.0,"y":3})", R"({"x":1,"b":2.0,"y":3})"},
        {flat, R"({"a":null})", R"({"b":null})"},
        {flat, R"({"\u0061":[ 1 ]})", R"({"b":[ 1 ]})"},
        {flat, R"( {"x" : 1} )", R"( {"x" : 1} )"},
        {flat, R"({"b":1})", R"({"b":1})"},
        {flat, "{}", "{}"},
        {flat, R"({"a":1,"b":2})",
         "T, version 1 to 2, /do/0 (rename): data.b is there already; drop it first, or choose "
         "another name"},
        {flat, R"({"a":1,"b":null})",
         "T, version 1 to 2, /do/0 (rename): data.b is there already; drop it first, or choose "
         "another name"},
        {inward, R"({"a":1,"x":2})", R"({"o":{"p":{"a":1}},"x":2})"},
        {inward, R"({"a":1,"o":{"x": 2}})", R"({"o":{"x":2,"p":{"a":1}}})"},
        {inward, R"({"a":1,"o":null})",
         "T, version 1 to 2, /do/0 (rename): data.o is null where it must be an object"},
        {inward, R"({"a":1,"o":{"p":[]}})",
         "T, version 1 to 2, /do/0 (rename): data.o.p is a list where it must be an object"},
        {R"({"rename":"o.a","to":"a"})", R"({"o":{"a":1}})", R"({"o":{},"a":1})"},
        {R"({"rename":"o.a","to":"a"})", R"({"o":null})", R"({"o":null})"},
        {R"({"rename":"o.a","to":"a"})", R"({"o":"text"})",
         "T, version 1 to 2, /do/0 (rename): data.o is text where it must be an object"},
        {R"({"rename":"a","to":"a.value"})", R"({"a":5,"x":1})", R"({"a":{"value":5},"x":1})"},
        {R"({"rename":"a.b\\.c","to":"d\\\\e"})", R"({"a":{"b.c":1}})", R"({"a":{},"d\\e":1})"},
        {R"({"rename":"o.a","to":"v"},{"drop":"o"},{"rename":"v","to":"o"})", R"({"o":{"a":1}})",
         R"({"o":1})"},
        {R"({"rename":"o","to":"p"},{"rename":"p.a","to":"p.b"})", R"({"o":{"a":1}, "x":[ ]})",
         R"({"p":{"b":1},"x":[ ]})"},
        {R"({"rename":"o.a","to":"o.b"},{"rename":"o","to":"p.q"},{"drop":"p.q.x"})",
         R"({"o":{"a":1,"x":2}})", R"({"p":{"q":{"b":1}}})"},
    });
}

TEST_CASE("scale multiplies without rounding") {
    const char* cents = R"({"scale":"a","by":100})";
    const char* euros = R"({"scale":"o.a","by":0.01})";
    expect({
        {cents, R"({"a":12.10,"x":1.0})", R"({"a":1210,"x":1.0})"},
        {cents, R"({"a":-0.1234})", R"({"a":-12.34})"},
        {cents, R"({"a":1.5e3})", R"({"a":150000})"},
        {cents, R"({"a":-0})", R"({"a":0})"},
        {cents, R"({"a":0e999999999999999999999})", R"({"a":0})"},
        {cents, R"({"a":9223372036854775807})", R"({"a":922337203685477580700})"},
        {cents, R"({"a":0.30000000000000004})", R"({"a":30.000000000000004})"},
        {cents, R"({"a":null})", R"({"a":null})"},
        {cents, R"({"b":1})", R"({"b":1})"},
        {euros, R"({"o":{"a":5}})", R"({"o":{"a":0.05}})"},
        {euros, R"({"o":{"a":100}})", R"({"o":{"a":1}})"},
        {euros, R"({"o":{"a":-1e-3}})", R"({"o":{"a":-0.00001}})"},
        {R"({"scale":"a","by":-1})", R"({"a":0.5})", R"({"a":-0.5})"},
        {cents, R"({"a":"12"})",
         "T, version 1 to 2, /do/0 (scale): data.a is text where it must be a number"},
        {euros, R"({"o":{"a":[1]}})",
         "T, version 1 to 2, /do/0 (scale): data.o.a is a list where it must be a number"},
        {cents, R"({"a":1e999999999})",
         "T, version 1 to 2, /do/0 (scale): data.a is '1e999999999', which needs more than 38 "
         "digits"},
        {cents, R"({"a":1e-99999999999999999999})",
         "T, version 1 to 2, /do/0 (scale): data.a is '1e-99999999999999999999', which needs more "
         "than 38 digits"},
        {cents, R"({"a":1e36})",
         "T, version 1 to 2, /do/0 (scale): data.a is '1e36', which times 100 needs more than 38 "
         "digits"},
    });
    const std::string ones = repeated("1", 1000);
    CHECK(upcast(cents, R"({"a":)" + ones + "}").find("needs more than 38 digits") < 150);
    CHECK(upcast(cents, R"({"a":1.)" + repeated("0", 1000) + "}") == R"({"a":100})");
}

TEST_CASE("default and drop") {
    const char* currency = R"({"default":"currency","value":"EUR"})";
    const char* inner = R"({"default":"o.b","value":[ 1, {"c" : "d e"} ]})";
    expect({
        {currency, R"({"a": 1})", R"({"a":1,"currency":"EUR"})"},
        {currency, R"({ "currency" : null })", R"({ "currency" : null })"},
        {currency, R"({"currency":"USD"})", R"({"currency":"USD"})"},
        {inner, R"({"o":{}})", R"({"o":{"b":[1,{"c":"d e"}]}})"},
        {inner, "{}", "{}"},
        {inner, R"({"o":null})", R"({"o":null})"},
        {inner, R"({"o":1})",
         "T, version 1 to 2, /do/0 (default): data.o is a number where it must be an object"},
        {R"({"default":"o","value":{}},{"default":"o.b","value":1})", "{}", R"({"o":{"b":1}})"},
        {R"({"drop":"a"})", R"({"a":1,"b": 2})", R"({"b":2})"},
        {R"({"drop":"a"})", R"({"a":null})", "{}"},
        {R"({"drop":"a"})", R"({ "b": 2})", R"({ "b": 2})"},
        {R"({"drop":"o.a"})", R"({"o":{"a":1,"b":"\u00e9"},"x":{"a" :1}})",
         R"({"o":{"b":"\u00e9"},"x":{"a" :1}})"},
        {R"({"drop":"o.a"})", R"({"o":{"b" :1}} )", R"({"o":{"b" :1}} )"},
        {R"({"drop":"o.a"})", R"({"o":[]})",
         "T, version 1 to 2, /do/0 (drop): data.o is a list where it must be an object"},
        {R"({"drop":"a"},{"default":"a","value":1e5})", R"({"a":1,"b":2})",
         R"({"b":2,"a":100000})"},
    });
}

TEST_CASE("split and merge") {
    const char* split = R"({"split":"name","at":" ","into":["first","last"]})";
    const char* merge = R"({"merge":["street","city"],"with":", ","into":"address"})";
    expect({
        {split, R"({"x":1,"name":"Ada Lovelace","y":2})",
         R"({"x":1,"first":"Ada","last":"Lovelace","y":2})"},
        {split, R"({"name":"Ada King Lovelace"})", R"({"first":"Ada","last":"King Lovelace"})"},
        {split, R"({"name":" "})", R"({"first":"","last":""})"},
        {split, R"({"name":"Ada"})", R"({"first":"Ada"})"},
        {split, R"({"name":"\"\u00e9\n b"})", "{\"first\":\"\\\"\xc3\xa9\\u000a\",\"last\":\"b\"}"},
        {split, R"({"name":null})", R"({"first":null,"last":null})"},
        {split, R"({"last":"b"})", R"({"last":"b"})"},
        {split, R"({"name":"Ada","last":"b"})",
         "T, version 1 to 2, /do/0 (split): data.last is there already; drop it first, or choose "
         "another name"},
        {split, R"({"name":["Ada"]})",
         "T, version 1 to 2, /do/0 (split): data.name is a list where it must be text"},
        {R"({"split":"a","at":"--","into":["a","b.c","b.d"]},{"default":"b.d","value":0})",
         R"({"a":"1--2","x":0})", R"({"a":"1","b":{"c":"2","d":0},"x":0})"},
        {R"({"split":"a","at":".","into":["a.b","a.c"]})", R"({"a":"1.2","x":0})",
         R"({"a":{"b":"1","c":"2"},"x":0})"},
        {merge, R"({"x":1,"city":"Bern","street":"Aare 1","y":2})",
         R"({"x":1,"address":"Aare 1, Bern","y":2})"},
        {merge, R"({"city":"Bern"})", R"({"address":"Bern"})"},
        {merge, R"({"city":"Bern","street":null})", R"({"address":"Bern"})"},
        {merge, R"({"city":null})", R"({"address":null})"},
        {merge, R"({"address":1})", R"({"address":1})"},
        {merge, R"({"city":"Bern","street":7})",
         "T, version 1 to 2, /do/0 (merge): data.street is a number where it must be text"},
        {merge, R"({"city":"Bern","address":""})",
         "T, version 1 to 2, /do/0 (merge): data.address is there already; drop it first, or "
         "choose another name"},
        {R"({"merge":["a","o.b"],"with":"","into":"a"})", R"({"o":{"b":"2"},"a":"1"})",
         R"({"o":{},"a":"12"})"},
    });
}

TEST_CASE("data that no operation can be sure of is refused") {
    const char* drop = R"({"drop":"a.b"})";
    expect({
        {drop, "[]", "T, version 1 to 2: data is a list where it must be an object"},
        {drop, " null ", "T, version 1 to 2: data is null where it must be an object"},
        {drop, R"({"a":{"b":1},"\u0061":{}})",
         "T, version 1 to 2, /do/0 (drop): data has the member 'a' twice"},
        {drop, R"({"a":{"b":1,"c":2,"b":3}})",
         "T, version 1 to 2, /do/0 (drop): data.a has the member 'b' twice"},
        {drop, R"({"x":1,"a":{},"x":2})", R"({"x":1,"a":{},"x":2})"},
        {R"({"drop":"y"},{"scale":"a","by":2})", R"({"a":"1"})",
         "T, version 1 to 2, /do/1 (scale): data.a is text where it must be a number"},
    });
    CHECK_THROWS_WITH_AS(upcaster(drop).apply(""),
                         "T, version 1 to 2: data is empty where it must be an object",
                         idem::error);
}

TEST_CASE("data stays within its limits") {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    const std::size_t max = idem::limits::json_depth_max;
    const char* inward = R"({"rename":"a","to":"b.c"})";
    CHECK(upcast(inward, R"({"a":)" + nested(max - 2) + "}").starts_with(R"({"b":{"c":[[)"));
    CHECK(upcast(inward, R"({"a":)" + nested(max - 1) + "}") ==
          "T, version 1 to 2: data would nest deeper than json_depth_max, 128");
    std::string steps;  // each nests the data by 15 more
    for (int i = 0; i < 20; ++i) {
        steps += (i == 0 ? "" : ",") + (R"({"rename":"a","to":"b)" + repeated(".b", 15)) +
                 R"("},{"rename":"b","to":"a"})";
    }
    CHECK(upcast(steps, R"({"a":{}})") ==
          "T, version 1 to 2: data would nest deeper than json_depth_max, 128");

    const std::string large = R"({"a":")" + std::string(idem::limits::event_bytes_max - 20, 'x');
    CHECK(upcast(R"({"default":"b","value":12})", large + "\"}").size() ==
          idem::limits::event_bytes_max - 5);
    CHECK(upcast(R"({"default":"b","value":123456789})", large + "\"}") ==
          "T, version 1 to 2: data would have 1048578 bytes; the limit, event_bytes_max, is "
          "1048576");
    std::string many = "{";
    for (int i = 0; i < 50'000; ++i) many += "\"m" + std::to_string(i) + "\":{},";
    CHECK(upcast(R"({"rename":"m7.a","to":"b"},{"rename":"m49999","to":"last"})", many + "\"z\":1}")
              .ends_with(R"("last":{},"z":1})"));
}

TEST_CASE("what holds for any data") {
    CHECK(rc::check("the same again, valid, and no name twice", [] {
        std::string operations = random_operation();
        for (int n = *rc::gen::inRange(0, 5); n > 0; --n) operations += "," + random_operation();
        const std::string data = object_of(random_members(named));
        RC_LOG() << operations << "\n" << data;
        std::optional<idem::json_upcaster> made;
        try {
            made = upcaster(operations);
        } catch (const idem::error& e) {
            RC_DISCARD("no definition");
        }
        try {
            const std::string out = made->apply(data);
            RC_ASSERT(!json::check(out));
            RC_ASSERT(made->apply(data) == out);
            if (has_no_repeats(data)) RC_ASSERT(has_no_repeats(out));
        } catch (const idem::error& e) {
            RC_ASSERT(e.code() == idem::errc::invalid_input);
            RC_ASSERT_THROWS_AS(made->apply(data), idem::error);
        }
    }));
    CHECK(rc::check("members that are not named keep their order and spelling", [] {
        auto members = random_members(others);
        for (const auto& m : random_members(named)) {
            members.insert(members.begin() + *rc::gen::inRange<long>(0, std::ssize(members) + 1),
                           m);
        }
        const std::string data = object_of(members);
        std::string out;
        try {
            out = upcaster(random_operation()).apply(data);
        } catch (const idem::error& e) {
            RC_DISCARD("refused");
        }
        RC_LOG() << data << "\n" << out;
        std::vector<std::string> kept;
        json::each_member(out, [&](std::string_view name, json::kind, std::string_view raw) {
            const bool other = std::any_of(others.begin(), others.end(),
                                           [&](const auto& m) { return m.name == name; });
            if (other) kept.push_back(std::string(name) + ":" + std::string(raw));
        });
        std::vector<std::string> expected;
        for (const auto& m : members) {
            const bool other = std::any_of(others.begin(), others.end(),
                                           [&](const auto& o) { return o.name == m.name; });
            if (!other) continue;
            expected.push_back(m.name + ":" + m.raw);
            RC_ASSERT(out.find(m.spelled) != std::string::npos);
        }
        RC_ASSERT(kept == expected);
    }));
}

TEST_CASE("there and back again") {
    CHECK(rc::check("rename", [] {
        std::vector<spelled_member> names = others;
        names.push_back(named[0]);
        const std::string data = object_of(random_members(names));
        const std::string away = *rc::gen::element<std::string>("b", "b.c", R"(d\\.e)");
        const std::string there = upcaster(R"({"rename":"a","to":")" + away + "\"}").apply(data);
        const std::string back =
            upcaster(R"({"rename":")" + away + R"(","to":"a"},{"drop":"b"})").apply(there);
        RC_LOG() << data << "\n" << there << "\n" << back;
        RC_ASSERT(json::same_value(back, data));
    }));
    CHECK(rc::check("scale", [] {
        std::string number = std::to_string(*rc::gen::arbitrary<std::int64_t>());
        if (*rc::gen::arbitrary<bool>()) number += "." + std::to_string(*rc::gen::inRange(0, 999));
        const std::string data = R"({"a":)" + number + "}";
        const std::string there = upcaster(R"({"scale":"a","by":100})").apply(data);
        const std::string back = upcaster(R"({"scale":"a","by":0.01})").apply(there);
        const std::string once = upcaster(R"({"scale":"a","by":1})").apply(data);
        RC_LOG() << data << "\n" << there << "\n" << back;
        RC_ASSERT(back == once);
        RC_ASSERT(json::same_value(back, data));
    }));
    CHECK(rc::check("split and merge", [] {
        const auto text = *rc::gen::container<std::string>(rc::gen::element('a', ' ', '"', '\n'));
        const std::string data = R"({"x":1,"a":)" + idem::to_json_string(text) + R"(,"y":2})";
        const std::string both = upcaster(R"({"split":"a","at":" ","into":["b","c","d"]},)"
                                          R"({"merge":["b","c","d"],"with":" ","into":"a"})")
                                     .apply(data);
        RC_ASSERT(both == data);
    }));
}
