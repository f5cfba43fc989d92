#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "base/text.hpp"
#include "idem/cloudevents.hpp"
#include "idem/codec.hpp"
#include "idem/error.hpp"
#include "idem/state.hpp"

namespace text = idem::text;

TEST_CASE("UTF-8 is what RFC 3629 says, no more") {
    CHECK_FALSE(text::invalid_utf8(""));
    CHECK_FALSE(text::invalid_utf8("plain text that is longer than a word"));
    CHECK_FALSE(text::invalid_utf8("\xc3\xbc \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf"));
    CHECK(text::invalid_utf8("12345678\xff") == 8);
    for (const char* bad :
         {"\x80", "\xc0\xaf", "\xc1\xbf", "\xc3", "\xe0\x80\xaf", "\xed\xa0\x80", "\xe2\x82",
          "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe"}) {
        CHECK(text::invalid_utf8(bad) == 0);
    }
}

TEST_CASE("base64 goes round, and has one spelling for each value") {
    CHECK(text::encode_base64("") == "");
    CHECK(text::encode_base64("f") == "Zg==");
    CHECK(text::encode_base64("foobar") == "Zm9vYmFy");
    CHECK(text::decode_base64("Zm8=") == "fo");
    for (const char* bad :
         {"Z", "Zg", "Zg=", "Zh==", "Z===", "Zg==Zg==", "Z g=", "Zm9=", "====", "Zg=a"}) {
        CAPTURE(bad);
        CHECK_FALSE(text::decode_base64(bad));
    }
    for (const idem::timestamp end : {idem::timestamp::min(), idem::timestamp::max()}) {
        CHECK(idem::parse_timestamp(idem::to_string(end)) == end);
    }
    CHECK(rc::check("round trip", [](const std::string& bytes) {
        RC_ASSERT(text::decode_base64(text::encode_base64(bytes)) == bytes);
    }));
}

TEST_CASE("what is shown is one line of readable text, however odd the bytes") {
    CHECK(text::shown("a\nb\xff") == "'a\\x0ab\\xff'");
    CHECK(text::shown(std::string(1000, 'x')).size() < 80);
}

TEST_CASE("times read and print as RFC 3339") {
    const auto round = [](const char* given) {
        return idem::to_string(idem::parse_timestamp(given));
    };
    CHECK(round("2018-06-14T15:00:00Z") == "2018-06-14T15:00:00Z");
    CHECK(round("2018-06-14T15:00:00.5+02:00") == "2018-06-14T13:00:00.5Z");
    CHECK(round("2018-06-14t15:00:00.123456789999z") == "2018-06-14T15:00:00.123456789Z");
    CHECK(round("1969-12-31T23:59:59.75Z") == "1969-12-31T23:59:59.75Z");
    CHECK(round("2016-12-31T23:59:60Z") == "2017-01-01T00:00:00Z");
    CHECK(round("2020-02-29T00:00:00-00:30") == "2020-02-29T00:30:00Z");
    for (const char* bad : {"", "2018", "2018-06-14", "2018-02-30T00:00:00Z",
                            "2018-06-14T24:00:00Z", "2018-06-14T15:00:00", "2018-06-14T15:00:00.Z",
                            "2018-06-14T15:00:00Zx", "2018-06-14T15:00:00+25:00",
                            "9999-01-01T00:00:00Z", "1000-01-01T00:00:00Z", "2018-6-14T15:00:00Z",
                            "2262-04-11T23:47:16.854775808Z", "1677-09-21T00:12:43.145224191Z"}) {
        CAPTURE(bad);
        CHECK_THROWS_AS(idem::parse_timestamp(bad), idem::error);
    }
    CHECK(rc::check("round trip", [](std::int64_t nanoseconds) {
        const idem::timestamp time{std::chrono::nanoseconds(nanoseconds / 2)};
        RC_ASSERT(idem::parse_timestamp(idem::to_string(time)) == time);
    }));
}

TEST_CASE("keys sort as their values do, and print as people read them") {
    using idem::key_kind;
    CHECK(rc::check("signed", [](std::int64_t a, std::int64_t b) {
        std::string x;
        std::string y;
        idem::key_codec<std::int64_t>::encode(a, x);
        idem::key_codec<std::int64_t>::encode(b, y);
        RC_ASSERT((x < y) == (a < b));
        RC_ASSERT(idem::key_codec<std::int64_t>::decode(x) == a);
        RC_ASSERT(idem::parse_key(key_kind::signed_integer,
                                  idem::print_key(key_kind::signed_integer, x)) == x);
    }));
    CHECK(rc::check("unsigned, narrow", [](std::uint16_t a) {
        std::string x;
        idem::key_codec<std::uint16_t>::encode(a, x);
        RC_ASSERT(idem::print_key(key_kind::unsigned_integer, x) == std::to_string(a));
    }));
    std::string narrow;
    idem::key_codec<std::int32_t>::encode(-5, narrow);
    CHECK(idem::print_key(key_kind::signed_integer, narrow) == "-5");
    CHECK(idem::parse_key(key_kind::text, "ann") == "ann");
    CHECK_THROWS_AS(idem::parse_key(key_kind::unsigned_integer, "-1"), idem::error);
    CHECK_THROWS_AS(idem::parse_key(key_kind::signed_integer, "1x"), idem::error);
    CHECK_THROWS_AS(idem::parse_key(key_kind::uuid, "1"), idem::error);
    CHECK_THROWS_AS(idem::parse_key(key_kind::bytes, "*"), idem::error);
    CHECK(to_string(idem::state_digest{1, 0xabc}) == "00000000000000010000000000000abc");
}
