// Bytes that are offered as a payload, and text that is offered as its JSON, by somebody who means
// harm.
#include <flatbuffers/reflection.h>
#include <rapidcheck.h>

#include "idem/limits.hpp"
#include "promise.hpp"
#include "random_schema.hpp"
#include "raw_schema.hpp"

namespace {

const idem::schema& events() {
    static const auto s = idem::schema::from_text(
        "enum E:byte { A, B = 3 } enum F:ubyte (bit_flags) { R, W } "
        "struct P { x:double; y:[short:2]; } table L { n:string (required); } "
        "union U { L, P, t:string } "
        "table T { e:E; f:F; p:P; l:L; u:U; many:[U]; texts:[string]; ps:[P]; ls:[L]; es:[E]; "
        "longs:[long]; real:float; maybe:int = null; flag:bool; t:T; } root_type T;");
    return s;
}

std::string payload_of(const flatbuffers::FlatBufferBuilder& builder) {
    return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

using reference = flatbuffers::Offset<void>;

reference table_with(flatbuffers::FlatBufferBuilder& builder, reference field) {
    const auto start = builder.StartTable();
    builder.AddOffset(4, field);
    return {builder.EndTable(start)};
}

void finish(flatbuffers::FlatBufferBuilder& builder, reference root) {
    builder.Finish(flatbuffers::Offset<flatbuffers::Table>(root.o));
}

std::string repeated(std::string_view part, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += part;
    return out;
}

std::string nested(std::size_t tables) {
    return repeated(R"({"t":)", tables - 1) + "{}" + repeated("}", tables - 1);
}

bool flatbuffers_accepts(const idem::schema& of, const std::string& table,
                         std::string_view payload) {
    const auto& compiled = *reflection::GetSchema(of.bfbs().data());
    for (const auto* o : *compiled.objects()) {
        if (o->name()->string_view() != table) continue;
        return flatbuffers::Verify(
            compiled, *o, reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size());
    }
    return false;
}

}  // namespace

TEST_CASE("every systematic damage of a payload is refused, or is a payload") {
    const std::string payload = events().from_json(
        "T", R"({"e":"B","f":"R W","p":{"x":1,"y":[1,2]},"l":{"n":"leaf"},"u_type":"L",)"
             R"("u":{"n":"\u00e4"},"many_type":["t","P","L"],"many":["x",{"x":2,"y":[3,4]},)"
             R"({"n":""}],"texts":["a","bc"],"ps":[{"x":5,"y":[6,7]}],"ls":[{"n":"d"}],)"
             R"("es":["A",3],"longs":[1,-1],"real":0.5,"maybe":0,"flag":true,"t":{"t":{}}})");
    REQUIRE(promise::keep_with_payload(events(), "T", payload));
    std::size_t whole = 0;
    promise::each_damage(payload, [&](const std::string& damaged) {
        whole += promise::keep_with_payload(events(), "T", damaged) ? 1 : 0;
        promise::keep_with_payload(events(), "L", damaged);
    });
    CHECK(whole > 100);
}

TEST_CASE("a payload is read wherever it lies") {
    const std::string payload = events().from_json("T", R"({"longs":[1],"p":{"x":1,"y":[2,3]}})");
    const std::string json = events().to_json("T", payload);
    for (std::size_t shift = 0; shift < 8; ++shift) {
        const std::string moved = std::string(shift, 'x') + payload;
        CHECK(events().to_json("T", std::string_view(moved).substr(shift)) == json);
    }
}

TEST_CASE("tables lie as deep in one another as is stated, made and read alike") {
    const auto made = events().from_json("T", nested(64));
    CHECK(promise::keep_with_payload(events(), "T", made));
    promise::expect_refusal("lies too deep", [] { events().from_json("T", nested(65)); });
    promise::expect_refusal("not JSON", [] { events().from_json("T", nested(10'000)); });
    const auto tree = idem::schema::from_text("table T { t:T; } table N { n:[N]; }");
    for (const std::size_t depth : {std::size_t{64}, std::size_t{65}, std::size_t{10'000}}) {
        flatbuffers::FlatBufferBuilder builder;
        reference innermost = {builder.EndTable(builder.StartTable())};
        for (std::size_t i = 1; i < depth; ++i) innermost = table_with(builder, innermost);
        finish(builder, innermost);
        CHECK(promise::keep_with_payload(tree, "T", payload_of(builder)) == (depth == 64));
    }
    // A list counts as what holds it does.
    const std::string lists = repeated(R"({"n":[)", 31) + "{}" + repeated("]}", 31);
    CHECK(promise::keep_with_payload(tree, "N", tree.from_json("N", lists)));
    promise::expect_refusal("lies too deep",
                            [&] { tree.from_json("N", R"({"n":[{"n":[{}]},)" + lists + "]}"); });
}

TEST_CASE("a table in a list of itself has no end, and is refused") {
    flatbuffers::FlatBufferBuilder builder;
    const auto list =
        builder.CreateVector(std::vector<reference>(1, {builder.EndTable(builder.StartTable())}));
    finish(builder, table_with(builder, list.Union()));
    std::string bytes = payload_of(builder);
    // Its item leads back to the root, by an offset that wraps around.
    const auto tree = idem::schema::from_text("table N { n:[N]; }");
    for (std::size_t at = 0; at + 4 <= bytes.size(); at += 4) {
        for (std::uint32_t to = 0; to < bytes.size(); to += 4) {
            std::string cyclic = bytes;
            const std::uint32_t distance = to - static_cast<std::uint32_t>(at);
            cyclic.replace(at, 4, reinterpret_cast<const char*>(&distance), 4);
            promise::keep_with_payload(tree, "N", cyclic);
        }
    }
}

TEST_CASE("a table of fields longer than its table is counted each time") {
    // 100,000 tables without fields share one table of 32,000 absent ones: 3 * 10^9 looks at zeros.
    const auto s = idem::schema::from_text("table Empty {} table T { all:[Empty]; }");
    flatbuffers::FlatBufferBuilder builder;
    const auto start = builder.StartTable();
    builder.AddElement<std::uint8_t>(65'000, 0);
    const reference empty = {builder.EndTable(start)};
    const auto list = builder.CreateVector(std::vector<reference>(100'000, empty));
    finish(builder, table_with(builder, list.Union()));
    promise::expect_refusal("does not know", [&] { s.check("T", payload_of(builder)); });
    std::string bytes = payload_of(builder);
    builder.Clear();
    const auto second = builder.StartTable();
    builder.AddElement<std::uint8_t>(65'000, 1);
    const reference absent = {builder.EndTable(second)};
    const auto all = builder.CreateVector(std::vector<reference>(100'000, absent));
    finish(builder, table_with(builder, all.Union()));
    bytes = payload_of(builder);
    // The one entry of the long table of fields becomes zero: no field is unknown then.
    const std::size_t size_at = bytes.find(std::string("\xea\xfd", 2));  // 65,002 bytes
    REQUIRE(size_at != bytes.npos);
    bytes.replace(size_at + 65'000, 2, 2, '\0');
    promise::expect_refusal("when what it shares is counted", [&] { s.check("T", bytes); });
}

TEST_CASE("a small payload does not print as gigabytes") {
    // Each of 20,000 references leads to one table, and its 500 fields print with long names.
    raw::object wide = raw::table_of("Wide", 500, {.base = reflection::Int});
    for (auto& f : wide.fields) f.name += std::string(240, 'x');
    const raw::object holder =
        raw::table_of("T", 1, {.base = reflection::Vector, .element = reflection::Obj, .index = 0});
    const auto s = idem::schema::from_bfbs(raw::compiled({.objects = {wide, holder}}));
    flatbuffers::FlatBufferBuilder builder;
    const reference table = {builder.EndTable(builder.StartTable())};
    finish(
        builder,
        table_with(builder, builder.CreateVector(std::vector<reference>(20'000, table)).Union()));
    s.check("T", payload_of(builder));
    promise::expect_refusal("makes the JSON longer than",
                            [&] { s.to_json("T", payload_of(builder)); });
}

TEST_CASE("an enum of many values is not looked through for each number") {
    // 10,000 values, a million numbers.
    raw::enumeration e = {.name = "E", .underlying = reflection::Short};
    for (int i = 0; i < 10'000; ++i)
        e.values.push_back({.name = "V" + std::to_string(i), .number = i});
    const raw::object holder = raw::table_of(
        "T", 1, {.base = reflection::Vector, .element = reflection::Short, .index = 0});
    const auto s = idem::schema::from_bfbs(raw::compiled({.objects = {holder}, .enums = {e}}));
    const std::string numbers = R"({"f0":[9999)" + repeated(",9999", 999'999) + "]}";
    const std::string json = s.to_json("T", s.from_json("T", numbers));
    CHECK(json.ends_with(R"("V9999"]})"));
    CHECK(s.to_json("T", s.from_json("T", json)) == json);
}

TEST_CASE("what does not fit into a table is refused") {
    // 65,600 bytes of numbers, where a table of fields has offsets of 16 bits.
    const auto s = idem::schema::from_bfbs(
        raw::compiled({.objects = {raw::table_of("T", 8200, {.base = reflection::Long})}}));
    std::string json = R"({"f0":1)";
    for (int i = 1; i < 8200; ++i) {
        json += ",\"f" + std::to_string(i) + "\":1";
        if (i == 8000) CHECK(promise::keep_with_payload(s, "T", s.from_json("T", json + "}")));
    }
    promise::expect_refusal("more than 65535 bytes", [&] { s.from_json("T", json + "}"); });
}

TEST_CASE("little JSON does not become a large payload, nor long work") {
    const auto wide = idem::schema::from_bfbs(raw::compiled(
        {.objects = {
             raw::table_of("Wide", 8000, {.base = reflection::Byte}),
             raw::table_of(
                 "T", 1, {.base = reflection::Vector, .element = reflection::Obj, .index = 0})}}));
    // Each table has the one field of another, and so a table of fields of its own.
    std::string distinct;
    for (int i = 0; i < 8000; ++i) {
        distinct += (i == 0 ? R"({"f0":[{"f)" : R"(,{"f)") + std::to_string(i) + R"(":1})";
    }
    promise::expect_refusal("when what it shares is counted",
                            [&] { wide.from_json("T", distinct + "]}"); });
    promise::expect_refusal("when what it shares is counted", [&] {
        wide.from_json("T", R"({"f0":[{})" + repeated(",{}", 3'000'000) + "]}");
    });
    // Structs of 32 bytes, of which one is given.
    const auto padded =
        idem::schema::from_text("struct S (force_align: 32) { x:byte; } table T { all:[S]; }");
    promise::expect_refusal("makes the payload longer than", [&] {
        padded.from_json("T", R"({"all":[{"x":1})" + repeated(R"(,{"x":1})", 2'100'000) + "]}");
    });
}

TEST_CASE("what is deprecated comes back from JSON even where it is its default") {
    const auto s = idem::schema::from_text("table T { a:int = 3 (deprecated); }");
    CHECK(s.to_json("T", s.from_json("T", R"({"a":3})")) == R"({"a":3})");
    CHECK(s.to_json("T", s.from_json("T", "{}")) == "{}");
}

TEST_CASE("tables of more shapes than are shared are made all the same") {
    const auto s = idem::schema::from_bfbs(raw::compiled(
        {.objects = {
             raw::table_of("Wide", 12, {.base = reflection::Byte}),
             raw::table_of(
                 "T", 1, {.base = reflection::Vector, .element = reflection::Obj, .index = 0})}}));
    std::string items;
    for (int shape = 0; shape < 4096; ++shape) {
        std::string members;
        for (int bit = 0; bit < 12; ++bit) {
            if ((shape >> bit & 1) == 0) continue;
            members += (members.empty() ? "\"f" : ",\"f") + std::to_string(bit) + "\":1";
        }
        items += (items.empty() ? "{" : ",{") + members + "}";
    }
    promise::keep_with_json(s, "T", "{\"f0\":[" + items + "]}");
    CHECK(promise::keep_with_payload(s, "T", s.from_json("T", "{\"f0\":[" + items + "]}")));
}

TEST_CASE("JSON that is none, or none for the schema, is refused by the name of its member") {
    const auto refused = [](const std::string& json, const std::string& part) {
        promise::expect_refusal(part,
                                [&] { events().from_json("T", promise::exact(json).view()); });
    };
    refused("", "not JSON");
    refused("{\"e\":\"\xff\"}", "not JSON");
    refused(R"({"texts":["\ud800"]})", "not JSON");
    refused(std::string(1000, '['), "not JSON");
    refused(std::string(1'000'000, '{'), "not JSON");
    refused("\"T\"", "must be an object");
    refused(R"({"maybe":)" + std::string(1'000'000, '9') + "}", "999...");
    refused(R"({"real":1)" + std::string(1'000'000, '0') + "}", "000...");
    refused(R"({"e":")" + std::string(1'000'000, 'x') + "\"}", "xxx...'");
    refused(R"({")" + std::string(1'000'000, 'x') + "\":1}", "xxx...'");
    refused(R"({"f":"R  W"})", "no value of F");
    refused(R"({"f":""})", "no value of F");
    refused(R"({"u_type":9,"u":{}})", "has no value");
    refused(R"({"u_type":"NONE","u":{}})", "has no value");
    refused(R"({"u":{}})", "say in u_type");
    refused(R"({"many_type":["NONE"],"many":[1]})", "has no value");
    refused(R"({"many":[1]})", "list in many_type");
    refused(R"({"many_type":[],"many":["x"]})", "no member type");
    refused(R"({"p":{"x":1,"y":[1,2,3]}})", "has 3 items where it must have 2");
    refused(R"({"p":null,"l":{"n":null}})", "data.l.n is required, and missing");
    refused("{\"t\":" + std::string(10'000'000, ' ') + "1}", "must be an object");
    refused("{}" + std::string(64 << 20, ' '), "the limit is 67108864");
}

TEST_CASE("what a schema takes as JSON, FlatBuffers takes as a payload, for any schema") {
    CHECK(rc::check("made, verified, printed and made again", [] {
        const auto seed = *rc::gen::arbitrary<std::uint64_t>();
        RC_LOG() << "seed " << seed;
        random_schema made(seed);
        const auto s = idem::schema::from_text(made.text());
        for (const std::string& table : s.event_types()) {
            const std::string json = made.json(s, table);
            RC_LOG() << made.text() << json;
            const std::string payload = s.from_json(table, json);
            RC_ASSERT(promise::keep_with_payload(s, table, payload));
            RC_ASSERT(flatbuffers_accepts(s, table, payload));
            for (int i = 0; i < 10; ++i) {
                promise::keep_with_payload(s, table, made.damage(payload));
                promise::keep_with_json(s, table, made.damage(json));
            }
        }
    }));
}
