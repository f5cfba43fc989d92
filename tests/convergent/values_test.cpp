// What each convergent value answers, by example.
#include <doctest/doctest.h>

#include <limits>

#include "error_code.hpp"
#include "idem/limits.hpp"
#include "note.hpp"

namespace {

using strings = std::vector<std::string>;

idem::uuid uuid_of(std::uint8_t number) {
    idem::uuid id{};
    id.bytes[15] = number;
    return id;
}

idem::event_mark mark(std::uint64_t clock, std::uint8_t origin, std::uint64_t counter,
                      std::uint8_t id = 1) {
    return {clock, uuid_of(origin), uuid_of(id), counter};
}

template <class Value>
std::string encoded(const Value& value) {
    std::string bytes;
    idem::row_codec<Value>::encode(value, bytes);
    return bytes;
}

constexpr auto least = std::numeric_limits<std::int64_t>::min();
constexpr auto most = std::numeric_limits<std::int64_t>::max();

}  // namespace

TEST_CASE("the last write stands: by clock, then origin, then id") {
    idem::lww_register<std::string> r;
    CHECK_FALSE(r.is_set());
    CHECK(r.to_json() == "null");
    r.set("first", mark(5, 2, 1));
    r.set("earlier", mark(4, 9, 7));
    CHECK(r.value() == "first");
    r.set("other origin", mark(5, 3, 1));
    r.set("lesser origin", mark(5, 1, 9));
    CHECK(r.value() == "other origin");
    r.set("other id", mark(5, 3, 1, 2));
    r.set("lesser id", mark(5, 3, 1, 1));
    CHECK(r.value() == "other id");
    CHECK(r.written() == mark(5, 3, 1, 2));
    r.set("", mark(6, 1, 2));
    CHECK(r.is_set());
    CHECK(r.to_json() == "\"\"");
}

TEST_CASE("an mv_register keeps concurrent writes until one that has seen them") {
    idem::mv_register<std::string> r;
    r.set("base", mark(1, 1, 1), {});
    const auto seen = r.observed();
    r.set("left", mark(2, 1, 2), seen);
    r.set("right", mark(2, 2, 1), seen);
    CHECK(r.in_conflict());
    CHECK(r.values() == strings{"left", "right"});
    CHECK(r.to_json() == R"(["left","right"])");
    // The same origin wrote again without having seen its own last write: both stand.
    r.set("stale client", mark(3, 1, 3), seen);
    CHECK(r.values() == strings{"left", "stale client", "right"});
    r.set("settled", mark(4, 3, 1), r.observed());
    CHECK(r.values() == strings{"settled"});
    r.set("left", mark(2, 1, 2), seen);  // comes again
    CHECK(r.values() == strings{"settled"});
}

TEST_CASE("a write stands though its context claims to have seen it") {
    idem::mv_register<std::string> r;
    idem::version_vector claimed;
    claimed.include({uuid_of(1), 100});
    r.set("mine", mark(1, 1, 7), claimed);
    CHECK(r.values() == strings{"mine"});
    CHECK(r.observed().counter_of(uuid_of(1)) == 7);
}

TEST_CASE("an addition that the remover had not seen wins") {
    idem::or_set<std::string> s;
    s.add("red", mark(1, 1, 1));
    s.add("blue", mark(1, 1, 1));  // one event may add several
    const auto seen = s.observed("red");
    s.add("red", mark(2, 2, 5));  // meanwhile, elsewhere
    s.remove("red", seen);
    CHECK(s.elements() == strings{"blue", "red"});
    s.remove("red", s.observed("red"));
    CHECK(s.elements() == strings{"blue"});
    CHECK(s.observed("red").empty());
    s.add("red", mark(2, 2, 5));  // comes again
    CHECK_FALSE(s.contains("red"));
    s.add("red", mark(3, 2, 6));  // anew
    CHECK(s.to_json() == R"(["blue","red"])");
    const auto before = s;
    s.remove("green", {});  // nobody had seen it: nothing is kept of it
    CHECK(s == before);
}

TEST_CASE("a removal that comes before the addition it had seen removes it") {
    idem::or_set<int> writer;
    writer.add(7, mark(1, 1, 4));
    idem::or_set<int> late;
    late.remove(7, writer.observed(7));
    late.add(7, mark(1, 1, 4));
    CHECK(late.elements().empty());
    writer.remove(7, writer.observed(7));
    CHECK(late == writer);
}

TEST_CASE("an element that comes and goes takes no more room") {
    idem::or_set<std::string> s;
    std::size_t largest = 0;
    for (std::uint64_t counter = 1; counter <= 1000; ++counter) {
        s.add("pinned", mark(counter, 1, counter));
        s.remove("pinned", s.observed("pinned"));
        largest = std::max(largest, encoded(s).size());
    }
    CHECK(largest < 50);
}

TEST_CASE("counters count each event once, and up to a gap they take no room") {
    idem::pn_counter c;
    for (std::uint64_t counter = 1000; counter >= 2; --counter) {
        c.add(counter % 2 == 0 ? 3 : -1, mark(1, 1, counter));
        c.add(1000, mark(1, 1, counter));  // a repeat does not count, whatever it says
    }
    CHECK(c.value() == 500 * 3 - 499);
    CHECK(encoded(c).size() > 1000);
    c.add(-1, mark(1, 1, 1));  // fills the gap
    CHECK(c.value() == 500 * 3 - 500);
    CHECK(encoded(c).size() < 30);
    c.add(5, mark(1, 1, 500));
    CHECK(c.value() == 500 * 3 - 500);
}

TEST_CASE("a settled counter keeps its total in few bytes") {
    idem::grow_counter c;
    for (std::uint64_t counter = 10; counter <= 10'000; counter += 10) {
        c.add(2, mark(1, 1, counter));
    }
    CHECK(encoded(c).size() > 2000);
    c.settle({uuid_of(1), 10'000});
    CHECK(c.value() == 2000);
    CHECK(encoded(c).size() < 30);
    c.add(2, mark(1, 1, 10'000));
    c.settle({uuid_of(1), 5});
    CHECK(c.value() == 2000);
    c.add(2, mark(1, 1, 10'010));
    CHECK(c.value() == 2002);
}

TEST_CASE("a counter is exact beyond 64 bits, and says where its value is not") {
    idem::pn_counter c;
    c.add(most, mark(1, 1, 1));
    c.add(most, mark(1, 1, 2));
    CHECK(c.to_json() == "18446744073709551614");
    CHECK(code_of([&] { c.value(); }) == idem::errc::invalid_input);
    c.add(least, mark(1, 1, 3));
    CHECK(c.value() == most - 1);
    idem::grow_counter g;
    CHECK(code_of([&] { g.add(std::uint64_t{1} << 63, mark(1, 1, 1)); }) ==
          idem::errc::invalid_input);
    g.add(static_cast<std::uint64_t>(most), mark(1, 1, 2));
    g.add(static_cast<std::uint64_t>(most), mark(1, 1, 3));
    CHECK(g.value() == std::numeric_limits<std::uint64_t>::max() - 1);
    CHECK(idem::row_codec<idem::grow_counter>::decode(encoded(g)) == g);
}

TEST_CASE("the greatest and the least stand") {
    idem::max_value<std::string> greatest;
    idem::min_value<int> smallest;
    CHECK(greatest.to_json() == "null");
    for (const char* text : {"b", "c", "a"}) greatest.include(text);
    for (const int number : {3, -7, 5}) smallest.include(number);
    CHECK(greatest.value() == "c");
    CHECK(smallest.value() == -7);
    CHECK(smallest.to_json() == "-7");
}

TEST_CASE("a removed key of a map comes back whole by an update that the remover had not seen") {
    idem::or_map<std::string, order_line> m;
    m.update("tea", mark(1, 1, 1)).amount.set(3, mark(1, 1, 1));
    m.update("nuts", mark(2, 1, 2)).amount.set(1, mark(2, 1, 2));
    const auto seen = m.observed("tea");
    auto elsewhere = m;
    m.remove("tea", seen);
    CHECK(m.find("tea") == nullptr);
    CHECK(m.keys() == strings{"nuts"});
    elsewhere.update("tea", mark(3, 2, 1)).changes.add(4, mark(3, 2, 1));
    idem::merge(m, elsewhere);
    REQUIRE(m.find("tea") != nullptr);
    CHECK(m.find("tea")->amount.value() == 3);
    CHECK(m.to_json() == R"({"nuts":{"amount":1,"changes":0},"tea":{"amount":3,"changes":4}})");
}

TEST_CASE("a row prints its members by name") {
    note row;
    row.title.set("say \"hi\"", mark(1, 1, 1));
    row.labels.add("a", mark(1, 1, 1));
    row.likes.add(-2, mark(1, 1, 1));
    row.rank.include(4);
    CHECK(idem::to_json(row) ==
          R"({"title":"say \"hi\"","text":[],"labels":["a"],"views":0,"likes":-2,)"
          R"("longest":null,"rank":4,"lines":{}})");
    idem::or_map<idem::uuid, idem::max_value<bool>> by_id;
    by_id.update(uuid_of(9), mark(1, 1, 1)).include(true);
    CHECK(by_id.to_json() == R"({"00000000-0000-0000-0000-000000000009":true})");
}

TEST_CASE("an update of no event is refused") {
    note row;
    const idem::event_mark none;
    const auto refused = [](auto call) { return code_of(call) == idem::errc::invalid_input; };
    CHECK(refused([&] { row.title.set("", none); }));
    CHECK(refused([&] { row.text.set("", none, {}); }));
    CHECK(refused([&] { row.labels.add("", none); }));
    CHECK(refused([&] { row.views.add(1, none); }));
    CHECK(refused([&] { row.likes.add(1, none); }));
    CHECK(refused([&] { row.lines.update("", none); }));
    CHECK(row == note{});
}

TEST_CASE("what was seen travels as text") {
    idem::version_vector seen;
    CHECK(to_string(seen).empty());
    CHECK(idem::version_vector::parse("") == seen);
    seen.include({uuid_of(2), 7});
    seen.include({uuid_of(1), std::numeric_limits<std::uint64_t>::max()});
    const std::string text =
        "00000000-0000-0000-0000-000000000001:18446744073709551615,"
        "00000000-0000-0000-0000-000000000002:7";
    CHECK(to_string(seen) == text);
    CHECK(idem::version_vector::parse(text) == seen);
    const std::string one = "00000000-0000-0000-0000-000000000001";
    const strings wrong = {",",
                           "x",
                           one,
                           one + ":",
                           one + ":0",
                           one + ":-1",
                           one + ":1,",
                           one + ":1,,",
                           one + ":1 ",
                           "," + one + ":1",
                           one + ":01x",
                           one + ":1," + one + ":2",
                           one.substr(1) + "q:1",
                           one + ":18446744073709551616",
                           std::string(idem::limits::context_bytes_max + 1, 'x')};
    for (const auto& bad : wrong) {
        CAPTURE(bad);
        CHECK(code_of([&] { idem::version_vector::parse(bad); }) == idem::errc::invalid_input);
    }
}

TEST_CASE("bytes on disk are as schemas/CONVERGENT.md says") {
    const std::string origin(15, '\0');
    idem::or_set<std::string> s;
    s.add("red", mark(9, 1, 300));
    CHECK(encoded(s) ==
          std::string("\x05\x01\x03red\x01", 7) + origin + "\x01\xac\x02" + std::string(1, '\0'));
    idem::pn_counter c;
    c.add(-3, mark(9, 1, 1));
    c.add(2, mark(9, 1, 2));
    c.add(5, mark(9, 1, 4));
    CHECK(encoded(c) == "\x04\x01" + origin + "\x01\x02" + "\xff\xff\xff\xff\xff\xff\xff\xff\xff" +
                            "\x01\x01\x01\x02" + "\x0a");
}
