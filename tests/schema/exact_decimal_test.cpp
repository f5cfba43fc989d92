#include "schema/exact_decimal.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

using idem::exact_decimal;

namespace {

std::string printed(const std::string& raw) {
    const auto number = exact_decimal::parse(raw);
    return number ? number->print() : "too long";
}

std::string product(const std::string& a, const std::string& b) {
    const auto made = exact_decimal::parse(a)->times(*exact_decimal::parse(b));
    return made ? made->print() : "too long";
}

__extension__ using wide = __int128;

std::string digits_of(wide value) {
    std::string out;
    do {
        out.insert(out.begin(), static_cast<char>('0' + value % 10));
        value /= 10;
    } while (value != 0);
    return out;
}

}  // namespace

TEST_CASE("a number is written without exponent, and exactly") {
    CHECK(printed("0") == "0");
    CHECK(printed("-0.00e5") == "0");
    CHECK(printed("0e-999999999999999999999999") == "0");
    CHECK(printed("10") == "10");
    CHECK(printed("1.50") == "1.5");
    CHECK(printed("-1.5E+1") == "-15");
    CHECK(printed("1.25e1") == "12.5");
    CHECK(printed("100e-2") == "1");
    CHECK(printed("25e-4") == "0.0025");
    CHECK(printed("0.1000000000000000055511151231257827") ==
          "0.1000000000000000055511151231257827");
}

TEST_CASE("38 digits are the most") {
    const std::string most(38, '9');
    CHECK(printed(most) == most);
    CHECK(printed(most + "9") == "too long");
    CHECK(printed("0." + most) == "0." + most);
    CHECK(printed("0." + most + "9") == "too long");
    CHECK(printed("1e37") == "1" + std::string(37, '0'));
    CHECK(printed("1e38") == "too long");
    CHECK(printed("1e-38") == "0." + std::string(37, '0') + "1");
    CHECK(printed("1e-39") == "too long");
    CHECK(printed("1e999999999") == "too long");
    CHECK(printed("1e-9223372036854775808") == "too long");
    CHECK(printed("1e9999999999999999999999") == "too long");
    CHECK(printed(most + "." + std::string(1000, '0')) == most);
    CHECK(printed(most + std::string(1000, '0') + "e-1000") == most);
    CHECK(product(most, "10") == "too long");
    CHECK(product(most, "0") == "0");
    CHECK(product("1e37", "1e-38") == "0.1");
    CHECK(product(most, most) == "too long");
}

TEST_CASE("products are those of whole numbers, with the point moved") {
    CHECK(rc::check("against integers of 128 bits", [] {
        const auto a = *rc::gen::arbitrary<std::int64_t>();
        const auto b = *rc::gen::arbitrary<std::int32_t>();
        const auto places = *rc::gen::inRange(0, 9);
        const wide exact = static_cast<wide>(a) * b;
        const bool negative = exact < 0;
        const std::string digits = digits_of(negative ? -exact : exact);
        const std::string expected =
            (negative ? "-" : "") + digits + "e-" + std::to_string(2 * places);
        const std::string point = "e-" + std::to_string(places);
        RC_ASSERT(product(std::to_string(a) + point, std::to_string(b) + point) ==
                  printed(expected));
        RC_ASSERT(product(std::to_string(a), std::to_string(b)) == (negative ? "-" : "") + digits);
    }));
}
