// Bytes of rows may come from a damaged file. What is read of them is a row whose bytes they are,
// or errc::corrupt; nothing else.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <optional>

#include "error_code.hpp"
#include "history.hpp"

namespace {

// False: refused as corrupt. Anything else that is thrown fails the test.
bool is_read_or_corrupt(const std::string& bytes) {
    try {
        const note row = idem::row_codec<note>::decode(bytes);
        RC_ASSERT(bytes_of(row) == bytes);
        RC_ASSERT(!idem::to_json(row).empty());
        return true;
    } catch (const idem::error& e) {
        RC_ASSERT(e.code() == idem::errc::corrupt);
        return false;
    }
}

void damage(std::string& bytes, random_source& random) {
    const auto any_byte = [&random] {
        const auto byte = random();
        return static_cast<char>(byte % 3 == 0 ? 0xff : byte % 3 == 1 ? byte / 3 % 4 : byte >> 8);
    };
    const std::size_t at = random() % bytes.size();
    switch (random() % 5) {
        case 0:
            bytes[at] = any_byte();
            break;
        case 1:
            bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
            break;
        case 2:
            bytes.insert(at, random() % 12, any_byte());
            break;
        case 3:
            bytes.erase(at, random() % 12);
            break;
        default:
            bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 40));
    }
}

template <class Value>
std::string encoded(const Value& value) {
    std::string bytes;
    idem::row_codec<Value>::encode(value, bytes);
    return bytes;
}

template <class Value>
std::optional<idem::errc> decode_fault(const std::string& bytes) {
    const idem::errc code = code_of([&] { idem::row_codec<Value>::decode(bytes); });
    if (code == idem::errc{255}) return std::nullopt;
    return code;
}

using text_set = idem::or_set<std::string>;
using text_register = idem::lww_register<std::string>;

const std::string origin(16, 'o');
const std::string later_origin(16, 'p');
const std::string vector = "\x01" + origin + "\x05";  // o:5
const std::string none(1, '\0');
const std::string nine(9, '\xff');

std::string text(const char* bytes, std::size_t size) {
    return {bytes, size};
}

}  // namespace

TEST_CASE("damaged bytes of a row are corrupt, or the bytes of another row") {
    std::size_t refused = 0;
    std::size_t taken = 0;
    CHECK(rc::check("damaged", [&] {
        const auto seed = *rc::gen::arbitrary<std::uint64_t>();
        RC_LOG() << "seed " << seed << "\n";
        random_source random(seed);
        const auto h = make_history(random(), 30);
        const std::string whole = bytes_of(fold(h, all_of(h)));
        for (int i = 0; i < 40; ++i) {
            std::string bytes = whole;
            for (std::size_t n = 1 + random() % 3; n > 0 && !bytes.empty(); --n) {
                damage(bytes, random);
            }
            ++(is_read_or_corrupt(bytes) ? taken : refused);
        }
    }));
    MESSAGE("damaged rows: refused ", refused, ", read as another row ", taken);
    CHECK(refused > taken);
}

TEST_CASE("a row that was cut anywhere is corrupt") {
    CHECK(rc::check("cut", [] {
        const auto h = make_history(*rc::gen::arbitrary<std::uint64_t>(), 20);
        const std::string whole = bytes_of(fold(h, all_of(h)));
        for (std::size_t size = 0; size < whole.size(); ++size) {
            RC_ASSERT(!is_read_or_corrupt(whole.substr(0, size)));
        }
    }));
}

TEST_CASE("random bytes are no row") {
    CHECK(rc::check("noise", [](const std::string& noise) {
        is_read_or_corrupt(noise);
        is_read_or_corrupt("\x09\x08" + noise);  // a row of eight members
    }));
}

TEST_CASE("a value of another type, a wrong flag and a wrong number are corrupt") {
    // of another type
    CHECK(decode_fault<text_set>(encoded(text_register{})) == idem::errc::corrupt);
    CHECK(decode_fault<idem::pn_counter>(encoded(idem::grow_counter{})) == idem::errc::corrupt);
    CHECK(decode_fault<idem::min_value<int>>(encoded(idem::max_value<int>{})) ==
          idem::errc::corrupt);
    // something behind it
    CHECK(!decode_fault<text_register>(text("\x01\x00", 2)));
    CHECK(decode_fault<text_register>(text("\x01\x00\x00", 3)) == idem::errc::corrupt);
    // a flag of 2; a bool of 2; a number that is too long, or beyond its type
    CHECK(decode_fault<text_register>("\x01\x02") == idem::errc::corrupt);
    CHECK(!decode_fault<idem::max_value<bool>>("\x06\x01\x01"));
    CHECK(decode_fault<idem::max_value<bool>>("\x06\x01\x02") == idem::errc::corrupt);
    CHECK(!decode_fault<idem::max_value<std::uint8_t>>("\x06\x01\xff\x01"));
    CHECK(decode_fault<idem::max_value<std::uint8_t>>("\x06\x01\x80\x02") == idem::errc::corrupt);
    CHECK(decode_fault<idem::max_value<std::uint8_t>>(text("\x06\x01\x81\x00", 4)) ==
          idem::errc::corrupt);
    CHECK(!decode_fault<idem::max_value<std::uint64_t>>("\x06\x01" + nine + "\x01"));
    CHECK(decode_fault<idem::max_value<std::uint64_t>>("\x06\x01" + nine + "\x02") ==
          idem::errc::corrupt);
}

TEST_CASE("what the writer of sets, registers and counters never writes is corrupt") {
    // sets: an element twice; one that was neither added nor removed; one added and removed;
    // origins out of order; a counter of 0; more items than bytes
    const std::string present = vector + none;
    CHECK(
        !decode_fault<text_set>("\x05\x02\x01"
                                "a" +
                                present +
                                "\x01"
                                "b" +
                                present));
    CHECK(decode_fault<text_set>("\x05\x02\x01"
                                 "a" +
                                 present +
                                 "\x01"
                                 "a" +
                                 present) == idem::errc::corrupt);
    CHECK(decode_fault<text_set>("\x05\x01\x01"
                                 "a" +
                                 none + none) == idem::errc::corrupt);
    CHECK(decode_fault<text_set>("\x05\x01\x01"
                                 "a" +
                                 vector + vector) == idem::errc::corrupt);
    const std::string two = "\x02" + origin + "\x05" + later_origin + "\x01" + none;
    const std::string turned = "\x02" + later_origin + "\x05" + origin + "\x01" + none;
    CHECK(
        !decode_fault<text_set>("\x05\x01\x01"
                                "a" +
                                two));
    CHECK(decode_fault<text_set>("\x05\x01\x01"
                                 "a" +
                                 turned) == idem::errc::corrupt);
    CHECK(decode_fault<text_set>("\x05\x01\x01"
                                 "a\x01" +
                                 origin + none + none) == idem::errc::corrupt);
    CHECK(decode_fault<text_set>("\x05\xff\xff\xff\xff\x0f") == idem::errc::corrupt);
    CHECK(decode_fault<text_set>("\x05\x01\x01"
                                 "a" +
                                 none + "\x01" + origin + none) == idem::errc::corrupt);
    CHECK(decode_fault<idem::mv_register<bool>>("\x02\x01" + origin + none + none) ==
          idem::errc::corrupt);
    // registers: a write that was overwritten; one of no event
    CHECK(!decode_fault<idem::mv_register<bool>>("\x02" + vector + "\x01" + origin + "\x06\x01"));
    CHECK(decode_fault<idem::mv_register<bool>>("\x02" + vector + "\x01" + origin + "\x05\x01") ==
          idem::errc::corrupt);
    CHECK(decode_fault<text_register>("\x01\x01" + std::string(8, 'c') + origin + origin +
                                      text("\x00\x00", 2)) == idem::errc::corrupt);
    // counters: a step that follows at once and was not added up; a step down; no step at all
    const std::string gap = "\x01" + origin + none + "\x01";
    CHECK(!decode_fault<idem::pn_counter>("\x04" + gap + "\x02\x03"));
    CHECK(decode_fault<idem::pn_counter>("\x04" + gap + "\x01\x03") == idem::errc::corrupt);
    CHECK(decode_fault<idem::grow_counter>("\x03" + gap + "\x02\x03") == idem::errc::corrupt);
    CHECK(decode_fault<idem::pn_counter>("\x04\x01" + origin + none + none) == idem::errc::corrupt);
    CHECK(decode_fault<idem::pn_counter>("\x04\x01" + origin + "\x01" + nine + "\x01\x04" + none) ==
          idem::errc::corrupt);
    // a struct of another number of members
    CHECK(decode_fault<order_line>(text("\x09\x03\x01\x00\x03\x00", 6)) == idem::errc::corrupt);
    CHECK(!decode_fault<order_line>(text("\x09\x02\x01\x00\x03\x00", 6)));
}
