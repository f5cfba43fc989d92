#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "base/json.hpp"

namespace json = idem::json;

namespace {

// A random value, in two spellings that mean the same.
struct spelled {
    std::string plain;
    std::string other;
};

std::string gap() {
    return std::string(*rc::gen::inRange<std::size_t>(0, 3), ' ') +
           (*rc::gen::arbitrary<bool>() ? "\n" : "");
}

spelled random_string() {
    spelled s{"\"", "\""};
    const auto units = *rc::gen::container<std::string>(rc::gen::inRange('!', '~'));
    for (const char c : units) {
        if (c == '"' || c == '\\') {
            s.plain += std::string("\\") + c;
        } else {
            s.plain += c;
        }
        if (*rc::gen::arbitrary<bool>()) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\u%04X", static_cast<unsigned>(c));
            s.other += escaped;
        } else {
            s.other += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
        }
    }
    return {s.plain + "\"", s.other + "\""};
}

spelled random_number() {
    const auto digits = std::to_string(*rc::gen::inRange<long>(-1'000'000, 1'000'000));
    switch (*rc::gen::inRange(0, 4)) {
        case 0:
            return {digits, digits + ".0"};
        case 1:
            return {digits, digits + "e0"};
        case 2:
            return {digits + "0", digits + "E+1"};
        default:
            return {digits + ".5", digits + ".50e+00"};
    }
}

spelled random_value(int depth) {
    const int kind = *rc::gen::inRange(0, depth > 0 ? 6 : 4);
    if (kind == 0) return random_number();
    if (kind == 1) return random_string();
    if (kind == 2) return {"true", "true"};
    if (kind == 3) return {"null", "null"};
    const bool object = kind == 5;
    const auto size = *rc::gen::inRange<std::size_t>(0, 4);
    std::vector<spelled> parts;
    for (std::size_t i = 0; i < size; ++i) {
        spelled part = random_value(depth - 1);
        if (object) {
            const std::string name = "\"k" + std::to_string(i) + "\"";
            part = {name + ":" + part.plain, gap() + name + gap() + ":" + gap() + part.other};
        }
        parts.push_back(part);
    }
    spelled whole;
    for (const auto& p : parts) whole.plain += (whole.plain.empty() ? "" : ",") + p.plain;
    if (object) std::reverse(parts.begin(), parts.end());
    for (const auto& p : parts)
        whole.other += (whole.other.empty() ? "" : ",") + gap() + p.other + gap();
    const char open = object ? '{' : '[';
    const char close = object ? '}' : ']';
    return {open + whole.plain + close, open + gap() + whole.other + close};
}

}  // namespace

TEST_CASE("valid JSON passes, and what is not is refused at its byte") {
    for (const char* good :
         {"0", "-0", "1.5e-3", "\"\"", "[]", "{}", "[[],{}]", " { \"a\" : [ 1 , true , null ] } ",
          R"("\u00e9\ud83d\ude00\n\/")", "\"\x7f\"", "1E400"}) {
        CAPTURE(good);
        CHECK_FALSE(json::check(good));
    }
    const auto fault_at = [](std::string_view text) {
        const auto fault = json::check(text);
        return fault ? static_cast<int>(fault->offset) : -1;
    };
    CHECK(fault_at("") == 0);
    CHECK(fault_at("{\"a\":}") == 5);
    CHECK(fault_at("[1,]") == 3);
    CHECK(fault_at("[1 2]") == 3);
    CHECK(fault_at("{\"a\" 1}") == 5);
    CHECK(fault_at("{a:1}") == 1);
    CHECK(fault_at("01") == 1);
    CHECK(fault_at("1.") == 2);
    CHECK(fault_at("-") >= 0);
    CHECK(fault_at("+1") == 0);
    CHECK(fault_at("tru") == 0);
    CHECK(fault_at("\"a") == 2);
    CHECK(fault_at("\"\n\"") == 1);
    CHECK(fault_at("\"\\x\"") == 2);
    CHECK(fault_at("\"\\ud800\"") >= 0);
    CHECK(fault_at("\"\\ude00\\ud83d\"") >= 0);
    CHECK(fault_at("\"\xff\"") == 1);
    CHECK(fault_at("1 2") == 2);
    CHECK(fault_at("]") == 0);
    CHECK(fault_at(std::string_view("\"\0\"", 3)) == 1);
    CHECK_FALSE(json::check(std::string(128, '[') + std::string(128, ']')));
    CHECK(json::check(std::string(129, '[') + std::string(129, ']')));
    CHECK(json::check(std::string(1'000'000, '[')));
}

TEST_CASE("numbers are compared by value") {
    const auto same = [](const char* a, const char* b) { return json::same_value(a, b); };
    CHECK(same("1", "1.0"));
    CHECK(same("100", "1e2"));
    CHECK(same("-0", "0"));
    CHECK(same("0.000", "0e99"));
    CHECK(same("4.50", "4.5"));
    CHECK(same("2e-3", "0.002"));
    CHECK(same("333333333.33333329", "333333333.3333333"));
    CHECK(same("1E30", "1000000000000000019884624838656.0"));
    CHECK(same("1e21", "1000000000000000000000"));
    CHECK(same("0.1", "0.1000000000000000055511151231257827"));
    CHECK(same("1e400", "10e399"));
    CHECK_FALSE(same("1", "-1"));
    CHECK_FALSE(same("1", "2"));
    CHECK_FALSE(same("9007199254740993", "9007199254740992"));
    CHECK_FALSE(same("123456789012345678901", "123456789012345678902"));
    CHECK_FALSE(same("1e400", "1e401"));
    CHECK_FALSE(same("1e-999999999999999999999", "0"));
    CHECK_FALSE(same("1e999999999999999999999", "0"));
    CHECK_FALSE(same("1e9000000000000", "1e9000000000001"));
    CHECK_FALSE(same("1.5e-9223372036854775808", "1.5e-9223372036854775807"));
    CHECK(same("1.5e-9223372036854775808", "1.5e-9223372036854775808"));
    CHECK(same("0e-9223372036854775809", "0"));
    CHECK_FALSE(
        same("1152921504606846976", "1152921504606846976.0"));  // beyond 2^53: see the header
    CHECK_FALSE(same("1", "\"1\""));
    CHECK_FALSE(same("0", "false"));
}

TEST_CASE("members sort by UTF-16 code units, and repeated names keep their order") {
    CHECK(json::canonical("{\"b\":1,\"a\":2}") == "{\"a\":2e0,\"b\":1e0}");
    // U+1F600 is a surrogate pair, below U+FB33 in UTF-16 and above it in UTF-8.
    CHECK(json::canonical("{\"\xef\xac\xb3\":0,\"\xf0\x9f\x98\x80\":0}") ==
          "{\"\xf0\x9f\x98\x80\":0,\"\xef\xac\xb3\":0}");
    CHECK_FALSE(json::same_value(R"({"a":1,"a":2})", R"({"a":2,"a":1})"));
    CHECK(json::same_value(R"({"a":{"c":1,"b":[]}})", R"({ "a" : { "b" : [ ] , "c" : 1 } })"));
    CHECK_FALSE(json::same_value("[1,2]", "[2,1]"));
    CHECK_FALSE(json::same_value("[]", "{}"));
}

TEST_CASE("every other spelling of a value is the same value, and another value is not") {
    CHECK(rc::check("spelling", [] {
        const spelled s = random_value(3);
        RC_ASSERT(!json::check(s.plain));
        RC_ASSERT(!json::check(s.other));
        RC_ASSERT(json::same_value(s.plain, s.other));
        RC_ASSERT(!json::same_value("[" + s.plain + "]", s.other));
        RC_ASSERT(!json::same_value("[1," + s.plain + "]", "[2," + s.other + "]"));
    }));
}

TEST_CASE("any bytes can be checked") {
    CHECK(rc::check("bytes", [](const std::string& bytes) { (void)json::check(bytes); }));
}
