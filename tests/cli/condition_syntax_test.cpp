// How conditions on rows are written: what is refused, and what the refusal says.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <string>
#include <vector>

#include "condition_syntax.hpp"
#include "idem/error.hpp"
#include "text.hpp"

using idem::cli::parse_condition;

namespace {

std::string refusal_of(const std::string& expression) {
    try {
        parse_condition(expression);
    } catch (const idem::error& e) {
        CHECK(e.code() == idem::errc::invalid_input);
        return e.what();
    }
    return "";
}

std::string repeated(const std::string& text, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
}

}  // namespace

TEST_CASE("what is no condition is refused with the column, what was found and what would fit") {
    struct variant {
        std::string expression;
        std::string told;
    };
    for (const variant& v : std::vector<variant>{
             {"", "column 1: found the end where a path, a literal"},
             {"   ", "column 4: found the end where a path"},
             {"cents", "column 6: found the end where one of == != < <= > >=, as in paid == true,"},
             {"cents >=", "column 9: found the end where a path"},
             {"cents = 5", "column 7: found \"=\" where one of == != < <= > >="},
             {"cents = 5", "equality is written =="},
             {"a == 1 && b == 2",
              "column 8: found \"&&\" where and, or, or the end would fit; write and"},
             {"!a == 1", "column 1: found \"!\" where a path"},
             {"a <> 1", "inequality is written !="},
             {"a ==! 1", "column 3: found \"==!\""},
             {"a == 'x'", "column 6: found \"'\""},
             {"a == 1 AND b == 2", "column 8: found \"AND\" where and, or, or the end"},
             {"a == 1 b", "column 8: found \"b\""},
             {"own-goals == 1", "column 4: found \"-\""},
             {"a + 1 == 2", "there is no arithmetic"},
             {".cents == 1", "column 1: found \".\""},
             {"0 <= a <= 10", "column 8: comparisons do not chain"},
             {"(a == 1", "column 8: found the end where and, or, or ) would fit"},
             {"(a) == 1", "column 3: found \")\" where one of =="},
             {"a == 1)", "column 7: found \")\" where and, or, or the end"},
             {"not", "column 4: found the end where a path"},
             {"a == and", "column 6: found \"and\" where a path"},
             {"\"a\" == 5", "column 1: two literals are compared"},
             {"a == 1 or 1 < 2", "column 11: two literals"},
             {"a == 007", "column 6: 007 is no number; write it as 5"},
             {"a == 5-3", "column 6: 5-3 is no number"},
             {"a == 1.", "column 6: 1. is no number"},
             {"a == 99999999999999999999", "column 6: 99999999999999999999 is beyond what 64 bits"},
             {"a == 1e999", "column 6: 1e999 is beyond"},
             {"a == \"x", "column 6: the text that begins here has no closing \""},
             {"a == \"x\\", "column 6: the text that begins here"},
             {"a == \"\\x\"", "column 6: the text \"\\x\" is not as in JSON"},
             {"a. == 1", "column 3: found \" \" where a name"},
             {"a[ == 1", "column 3: found \" \" where an index from 0 or a name"},
             {"a[-1] == 1", "column 3: found \"-\" where an index"},
             {"a[99999999999999999999] == 1",
              "column 3: found \"99999999999999999999\" where an index"},
             {"a[1 == 1", "column 4: found \" \" where ] would fit"},
             {"avg(a) == 1",
              "column 1: found \"avg\" where key(), count(), sum(PATH) or row(\"KEY\")"},
             {"sum() == 1", "column 5: found \")\" where a path of the rows"},
             {"sum(5) == 1", "column 5: found \"5\" where a path of the rows"},
             {"sum(true) == 1", "column 5: found \"true\" where a path of the rows"},
             {"sum(a == 1", "column 7: found \"==\" where ) would fit"},
             {"row(ann).a == 1", "column 5: found \"ann\" where the key of a row, in \"quotes\","},
             {"key(1) == 1", "column 5: found \"1\" where ) would fit"},
             {"\"é\" == größe", "column 10: found \"ö\" where"},
             {"cents >= 0 and count() > 1",
              "column 16: count() is about the whole state, what stands at column 1 about each "
              "row; a "
              "condition asks about one of them, so ask twice, in two runs"},
             {"row(\"a\").b == key()",
              "column 15: key() is about each row, what stands at column 1"},
         }) {
        CAPTURE(v.expression);
        const std::string refusal = refusal_of(v.expression);
        CAPTURE(refusal);
        CHECK(refusal.starts_with("the condition cannot be read: column "));
        CHECK(refusal.find(v.told) != std::string::npos);
    }
}

TEST_CASE("a hostile condition is refused, whatever its bytes, its length and its depth") {
    const std::string deep = repeated("(", 64) + "a == 1" + repeated(")", 64);
    CHECK(refusal_of(deep).empty());
    CHECK(refusal_of(repeated("not ", 64) + "a == 1").empty());
    CHECK(refusal_of("(" + deep + ")").find("column 65: nested deeper than 64") !=
          std::string::npos);
    CHECK(refusal_of(repeated("not ", 65) + "a == 1").find("nested deeper") != std::string::npos);
    CHECK(refusal_of(repeated("not(", 1000)).find("nested deeper") != std::string::npos);
    const std::string wide = "a == 1" + repeated(" or a == 1", 409);
    REQUIRE(wide.size() == 4096);
    CHECK(refusal_of(wide).empty());
    CHECK(refusal_of(wide + " ") == "the condition has 4097 bytes, over the limit of 4096");
    CHECK(!refusal_of(std::string(1 << 20, '(')).empty());
    CHECK(!refusal_of(repeated("a.", 2048)).empty());
    CHECK(!refusal_of(std::string("a == 1\0", 7)).empty());
    for (const std::string bytes : {"\xff", "\xc3", "\xe2\x82", "\xed\xa0\x80", "\x01", "\x7f"}) {
        for (const std::string& expression :
             {bytes, bytes + "a == 1", "a" + bytes + " == 1", "a == " + bytes, "a == 1" + bytes,
              "a." + bytes + " == 1", "a[" + bytes + "] == 1", "sum(" + bytes + ") == 1",
              "row(" + bytes + ") == 1"}) {
            const std::string refusal = refusal_of(expression);
            CHECK(!refusal.empty());
            CHECK(refusal == idem::cli::printable(refusal));
        }
        if (bytes != "\x7f") CHECK(!refusal_of("a == \"" + bytes + "\"").empty());
    }
    const bool refused_or_read = rc::check([] {
        const auto text = *rc::gen::container<std::string>(
            rc::gen::element('a', '(', ')', '"', '=', '<', '[', ']', '.', '1', '-', ' ', '\xc3'));
        try {
            parse_condition(text);
        } catch (const idem::error& e) {
            RC_ASSERT(e.code() == idem::errc::invalid_input);
        }
    });
    CHECK(refused_or_read);
}
