// Payloads checked, printed and made by their schema alone, with FlatBuffers' own parser and
// verifier as the judges.
#include <doctest/doctest.h>
#include <flatbuffers/idl.h>
#include <flatbuffers/reflection.h>
#include <rapidcheck.h>

#include <string>

#include "base/json.hpp"
#include "idem/error.hpp"
#include "idem/schema.hpp"

namespace {

constexpr const char* everything = R"(
namespace all;
enum Colour:byte { Red, Green, Blue = 7 }
enum Rights:ubyte (bit_flags) { Read, Write, Run }
struct Point { x:float; y:double; }
struct Box { corner:Point; sizes:[short:3]; colour:Colour; }
table Leaf { name:string (required); weight:uint = 5; }
union Any { Leaf, Point, text:string }
table Event {
  flag:bool; i8:byte; u8:ubyte; i16:short; u16:ushort; i32:int; u32:uint; i64:long; u64:ulong;
  real:double = 0.5; small:float; maybe:int = null;
  colour:Colour = Green; rights:Rights;
  title:string; box:Box; leaf:Leaf; any:Any;
  numbers:[long]; bytes:[ubyte]; reals:[double]; flags:[bool]; colours:[Colour];
  texts:[string]; points:[Point]; leaves:[Leaf]; many:[Any];
  old:int (deprecated);
}
root_type Event;
)";

const idem::schema& all() {
    static const idem::schema s = idem::schema::from_text(everything);
    return s;
}

std::string printed(const std::string& json) {
    return all().to_json("all.Event", all().from_json("all.Event", json));
}

// What an error says, and of which field.
std::string refusal(const std::function<void()>& call) {
    try {
        call();
    } catch (const idem::error& e) {
        CHECK(e.code() == idem::errc::invalid_input);
        CHECK(!e.place().field.empty());
        return e.what();
    }
    return "no error";
}

std::string number(std::int64_t low, std::int64_t high) {
    return std::to_string(*rc::gen::inRange<std::int64_t>(low, high));
}
std::string real() {
    return *rc::gen::element<std::string>("0.5", "1e300", "-2.25", "0.1", "1e-300", "3");
}
std::string text() {
    return *rc::gen::element<std::string>(R"("")", R"("a")", R"("\u00e4\n\"")", R"("longer text")");
}
std::string colour() {
    return *rc::gen::element<std::string>(R"("Red")", R"("Blue")", R"("Green")");
}
std::string point() {
    return R"({"x":0.25,"y":)" + real() + "}";
}
std::string leaf() {
    return R"({"name":)" + text() + R"(,"weight":)" + number(0, 9) + "}";
}
template <class Make>
std::string list(Make make) {
    std::string items;
    for (auto n = *rc::gen::inRange(0, 4); n > 0; --n) items += (items.empty() ? "" : ",") + make();
    return "[" + items + "]";
}

// An event with some of its members, chosen at random.
std::string random_json() {
    std::string out;
    const auto add = [&](const std::string& name, const std::string& value) {
        if (*rc::gen::inRange(0, 3) == 0) return;
        out += (out.empty() ? "\"" : ",\"") + name + "\":" + value;
    };
    add("flag", *rc::gen::element<std::string>("true", "false"));
    add("i8", number(-128, 128));
    add("u8", number(0, 256));
    add("i16", number(-32768, 32768));
    add("u16", number(0, 65536));
    add("i32", number(-2147483648LL, 2147483648LL));
    add("u32", number(0, 4294967296LL));
    add("i64", number(INT64_MIN, INT64_MAX));
    add("u64", *rc::gen::element<std::string>("0", "18446744073709551615", "7"));
    add("real", real());
    add("small", "0.125");
    add("maybe", number(-2, 2));
    add("colour", colour());
    add("rights", *rc::gen::element<std::string>(R"("Read")", R"("Write Run")", "0"));
    add("title", text());
    add("box", R"({"corner":)" + point() + R"(,"sizes":[1,-2,3],"colour":)" + colour() + "}");
    add("leaf", leaf());
    switch (*rc::gen::inRange(0, 4)) {
        case 1:
            out += (out.empty() ? "" : ",") + (R"("any_type":"Leaf","any":)" + leaf());
            break;
        case 2:
            out += (out.empty() ? "" : ",") + (R"("any_type":"Point","any":)" + point());
            break;
        case 3:
            out += (out.empty() ? "" : ",") + (R"("any_type":"text","any":)" + text());
            break;
        default:
            break;
    }
    add("numbers", list([] { return number(INT64_MIN, INT64_MAX); }));
    add("bytes", list([] { return number(0, 256); }));
    add("reals", list(real));
    add("flags", list([] { return std::string("true"); }));
    add("colours", list(colour));
    add("texts", list(text));
    add("points", list(point));
    add("leaves", list(leaf));
    if (*rc::gen::arbitrary<bool>()) {
        out += (out.empty() ? "" : ",") +
               (R"("many_type":["text","Leaf"],"many":[)" + text() + "," + leaf() + "]");
    }
    return "{" + out + "}";
}

bool flatbuffers_accepts(std::string_view payload) {
    const auto& schema = *reflection::GetSchema(all().bfbs().data());
    return flatbuffers::Verify(schema, *schema.root_table(),
                               reinterpret_cast<const std::uint8_t*>(payload.data()),
                               payload.size());
}

}  // namespace

TEST_CASE("JSON becomes the payload that FlatBuffers' own parser makes of it") {
    CHECK(rc::check("the same values", [] {
        const std::string json = random_json();
        RC_LOG() << json;
        const std::string payload = all().from_json("all.Event", json);
        all().check("all.Event", payload);
        RC_ASSERT(flatbuffers_accepts(payload));

        flatbuffers::IDLOptions options;
        options.lang_to_generate = flatbuffers::IDLOptions::kCpp;
        flatbuffers::Parser parser(options);
        RC_ASSERT(parser.Parse(everything));
        const bool parsed = parser.ParseJson(json.c_str());
        RC_LOG() << parser.error_;
        RC_ASSERT(parsed);
        const std::string theirs(reinterpret_cast<const char*>(parser.builder_.GetBufferPointer()),
                                 parser.builder_.GetSize());
        const std::string printed = all().to_json("all.Event", payload);
        RC_ASSERT(all().to_json("all.Event", theirs) == printed);
        RC_ASSERT(!idem::json::check(printed));
        RC_ASSERT(all().from_json("all.Event", printed) == payload);
    }));
}

TEST_CASE("damaged payloads are refused, or are payloads of other values") {
    CHECK(rc::check("no byte leads outside", [] {
        std::string payload = all().from_json("all.Event", random_json());
        for (auto n = *rc::gen::inRange(1, 4); n > 0; --n) {
            const auto at = *rc::gen::inRange<std::size_t>(0, payload.size());
            payload[at] = static_cast<char>(*rc::gen::inRange(0, 256));
        }
        if (*rc::gen::inRange(0, 4) == 0) {
            payload.resize(*rc::gen::inRange<std::size_t>(0, payload.size()));
        }
        // where the sanitizers see each byte that is read beyond it
        const std::vector<char> exact(payload.begin(), payload.end());
        const std::string_view view(exact.data(), exact.size());
        try {
            all().check("all.Event", view);
        } catch (const idem::error& e) {
            RC_ASSERT(e.code() == idem::errc::invalid_input);
            return;
        }
        const std::string printed = all().to_json("all.Event", view);
        RC_LOG() << printed;
        RC_ASSERT(flatbuffers_accepts(view));
        RC_ASSERT(all().to_json("all.Event", all().from_json("all.Event", printed)) == printed);
    }));
}

TEST_CASE("damaged schemas are refused, or are schemas") {
    CHECK(rc::check("no byte leads outside", [] {
        std::string bytes(all().bfbs());
        for (auto n = *rc::gen::inRange(1, 6); n > 0; --n) {
            const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
            bytes[at] = static_cast<char>(*rc::gen::inRange(0, 256));
        }
        const std::string payload = all().from_json("all.Event", random_json());
        try {
            const auto damaged = idem::schema::from_bfbs(bytes);
            for (const auto& type : damaged.event_types()) {
                const std::string json = damaged.to_json(type, payload);
                RC_ASSERT(damaged.to_json(type, damaged.from_json(type, json)) == json);
            }
        } catch (const idem::error& e) {
            RC_ASSERT(e.code() == idem::errc::invalid_input);
        }
    }));
}

TEST_CASE("what is absent prints as it is meant") {
    CHECK(printed("{}") ==
          R"({"flag":false,"i8":0,"u8":0,"i16":0,"u16":0,"i32":0,"u32":0,"i64":0,"u64":0,)"
          R"("real":0.5,"small":0,"colour":"Green","rights":0})");
    CHECK(printed(R"({"maybe":0,"old":3,"title":null})").ends_with(R"("rights":0,"old":3})"));
}

TEST_CASE("numbers keep every digit, and those that are none print as text") {
    const auto has = [](const std::string& json, const std::string& part) {
        const std::string all_of_it = printed(json);
        CHECK_MESSAGE(all_of_it.find(part) != std::string::npos, all_of_it);
    };
    has(R"({"i64":-9223372036854775808})", R"("i64":-9223372036854775808)");
    has(R"({"u64":18446744073709551615})", R"("u64":18446744073709551615)");
    has(R"({"real":0.1})", R"("real":0.1,)");
    has(R"({"real":5e-324})", R"("real":5e-324)");
    has(R"({"real":-0.0})", R"("real":-0)");
    has(R"({"real":"NaN"})", R"("real":"NaN")");
    has(R"({"small":"-Infinity"})", R"("small":"-Infinity")");
    has(R"({"colour":3})", R"("colour":3)");
    has(R"({"rights":"Read Run"})", R"("rights":"Read Run")");
    has(R"({"rights":9})", R"("rights":9)");
}

TEST_CASE("JSON that the schema does not take is refused by the name of its member") {
    const auto why = [](const std::string& json) {
        return refusal([&] { all().from_json("all.Event", json); });
    };
    CHECK(why("{") == "data is not JSON at byte 1: expected a name in quotes");
    CHECK(why("[]") == "data is a list where it must be an object");
    CHECK(why(R"({"nope":1})") == "data has a member 'nope' that all.Event does not know");
    CHECK(why(R"({"i8":1,"i8":2})") == "data has the member 'i8' twice");
    CHECK(why(R"({"i8":128})") == "data.i8 is 128, where it must be an integer of 8 bits");
    CHECK(why(R"({"u8":-1})") ==
          "data.u8 is -1, where it must be an integer of 8 bits, not negative");
    CHECK(why(R"({"i32":1.5})") == "data.i32 is 1.5, where it must be an integer of 32 bits");
    CHECK(why(R"({"u64":18446744073709551616})").starts_with("data.u64 is 18446744073709551616"));
    CHECK(why(R"({"small":1e300})") == "data.small is 1e300, which its type cannot hold");
    CHECK(why(R"({"flag":1})") == "data.flag is a number where it must be true or false");
    CHECK(why(R"({"title":1})") == "data.title is a number where it must be text");
    CHECK(why(R"({"colour":"Pink"})") == "data.colour is 'Pink', which is no value of all.Colour");
    CHECK(why(R"({"rights":"Read Fly"})").starts_with("data.rights is 'Read Fly', which is no"));
    CHECK(why(R"({"leaf":{}})") == "data.leaf.name is required, and missing");
    CHECK(why(R"({"leaves":[{"name":"a"},{"name":2}]})") ==
          "data.leaves[1].name is a number where it must be text");
    CHECK(why(R"({"points":[{"x":1}]})") == "data.points[0].y is required, and missing");
    CHECK(why(R"({"box":{"corner":{"x":1,"y":2},"sizes":[1],"colour":0}})") ==
          "data.box.sizes has 1 items where it must have 3");
    CHECK(why(R"({"any":{"name":"a"}})") ==
          "data.any is a union; say in any_type which member of all.Any it is");
    CHECK(why(R"({"any_type":"NONE","any":{"name":"a"}})") ==
          "data.any is member 0 of all.Any, which has no value");
    CHECK(why(R"({"any_type":"Leaf"})") == "data.any is missing, though its member is named");
    CHECK(why(R"({"any_type":"NONE"})") == "no error");
    CHECK(why(R"({"many_type":["Leaf"]})") == "data.many is missing, though its member is named");
    CHECK(why(R"({"many_type":["Leaf"],"many":[]})") ==
          "data.many is not as long as the list of its members");
}

TEST_CASE("a payload is refused by the name of its field") {
    const idem::schema newer = idem::schema::from_text(
        "namespace all; table Leaf { name:string (required); weight:uint; extra:int; } "
        "table Event { leaf:Leaf; }");
    const idem::schema older = idem::schema::from_text(
        "namespace all; table Leaf { name:string (required); weight:uint; } "
        "table Event { leaf:Leaf; }");
    const idem::schema loose = idem::schema::from_text(
        "namespace all; table Leaf { name:string; weight:uint; } table Event { leaf:Leaf; }");
    const auto why = [&](const idem::schema& of, const char* json) {
        const std::string payload = of.from_json("all.Event", json);
        return refusal([&] { older.check("all.Event", payload); });
    };
    CHECK(why(newer, R"({"leaf":{"name":"a"}})") == "no error");
    CHECK(why(newer, R"({"leaf":{"name":"a","extra":1}})") ==
          "data.leaf has a field 2 that all.Leaf of this version does not know");
    CHECK(why(loose, R"({"leaf":{"weight":1}})") == "data.leaf.name is required, and missing");
    CHECK(refusal([&] { older.check("all.Event", "x"); }) == "data is too short to be a table");
    CHECK(refusal([&] { older.check("all.Nope", "x"); }) == "the schema has no table 'all.Nope'");
}

TEST_CASE("what a payload shares is counted each time") {
    // Lists of lists, in which every item is the same: a few kilobytes that come to 10^12 texts.
    const idem::schema nested = idem::schema::from_text(
        "table D { t:[string]; } table C { d:[D]; } table B { c:[C]; } table A { b:[B]; }");
    flatbuffers::FlatBufferBuilder builder;
    const auto level = [&](flatbuffers::Offset<void> item) {
        const std::vector<flatbuffers::Offset<void>> items(1000, item);
        const auto list = builder.CreateVector(items);
        const auto start = builder.StartTable();
        builder.AddOffset(4, list);
        return flatbuffers::Offset<void>(builder.EndTable(start));
    };
    flatbuffers::Offset<void> item = builder.CreateString("shared").Union();
    for (int i = 0; i < 4; ++i) item = level(item);
    builder.Finish(flatbuffers::Offset<flatbuffers::Table>(item.o));
    const std::string_view payload(reinterpret_cast<const char*>(builder.GetBufferPointer()),
                                   builder.GetSize());
    CHECK(payload.size() < 20'000);
    CHECK(refusal([&] {
              nested.check("A", payload);
          }).find("larger than it may be when what it shares is counted") != std::string::npos);
    CHECK(refusal([&] { nested.to_json("A", payload); }) != "no error");
}

TEST_CASE("a table in itself is walked to a stated depth") {
    const idem::schema tree = idem::schema::from_text("table T { t:T; } root_type T;");
    const auto nested = [](int depth) {
        std::string json = "{}";
        for (int i = 1; i < depth; ++i) json = R"({"t":)" + json + "}";
        return json;
    };
    CHECK(tree.to_json("T", tree.from_json("T", nested(64))) == nested(64));
    CHECK(refusal([&] { tree.from_json("T", nested(66)); }).ends_with("lies too deep"));
    // One that holds itself would never end.
    flatbuffers::FlatBufferBuilder builder;
    const auto start = builder.StartTable();
    builder.AddElement<std::uint32_t>(4, 1);
    builder.Finish(flatbuffers::Offset<flatbuffers::Table>(builder.EndTable(start)));
    std::string bytes(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
    const auto field = bytes.find('\1', 12);
    REQUIRE(field != std::string::npos);
    const std::uint32_t root = static_cast<std::uint8_t>(bytes[0]);
    const std::uint32_t back = root - static_cast<std::uint32_t>(field);  // wraps around: backwards
    bytes.replace(field, 4, reinterpret_cast<const char*>(&back), 4);
    CHECK(refusal([&] { tree.check("T", bytes); }).find("data") == 0);
}

TEST_CASE("the tables that can be events are those that nobody holds, and the root") {
    CHECK(all().event_types() == std::vector<std::string>{"all.Event"});
    const auto bank = idem::schema::from_text(
        "namespace bank; table Opened { owner:Owner; } table Owner { name:string; } "
        "table Deposited { cents:long; } struct Pair { a:int; } root_type Owner;");
    CHECK(bank.event_types() ==
          std::vector<std::string>{"bank.Deposited", "bank.Opened", "bank.Owner"});
    CHECK(bank.has_table("bank.Owner"));
    CHECK(!bank.has_table("bank.Pair"));
}

TEST_CASE("a schema that is none is refused with its line") {
    const auto why = [](const char* text) {
        return refusal([&] { idem::schema::from_text(text); });
    };
    CHECK(why("table T { a:nothing; }").find("type referenced but not defined") !=
          std::string::npos);
    CHECK(why("table T {\n a:int\n b:int; }").find("3") != std::string::npos);
    CHECK(refusal([] {
              idem::schema::from_bfbs("not a schema at all, really");
          }).find("its bytes are not those of one") != std::string::npos);
    CHECK_THROWS_AS(idem::schema::read("/nowhere/at_all.fbs"), idem::error);
}
