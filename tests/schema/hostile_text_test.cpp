// Text that is offered as a schema by somebody who means harm: FlatBuffers' parser must not be
// hurt.
#include <flatbuffers/idl.h>
#include <rapidcheck.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "promise.hpp"
#include "random_schema.hpp"
#include "scratch_folder.hpp"

namespace {

std::string repeated(std::string_view part, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += part;
    return out;
}

// "a0 b a1 b a2 b"
std::string numbered(std::string_view before, std::string_view behind, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) {
        out += before;
        out += std::to_string(i);
        out += behind;
    }
    return out;
}

bool loads(const std::string& text) {
    CAPTURE(text.substr(0, 200));
    return !promise::refusal([&] { idem::schema::from_text(promise::exact(text).view()); });
}

void expect_refused(const std::string& text, const std::string& part) {
    CAPTURE(text.substr(0, 200));
    promise::expect_refusal(part, [&] { idem::schema::from_text(promise::exact(text).view()); });
}

// `flatc --conform` follows a null pointer where a number became an enumeration, or the other way.
bool can_hurt_flatc(const flatbuffers::Parser& old, const flatbuffers::Parser& now) {
    const auto differ = [](const flatbuffers::Type& a, const flatbuffers::Type& b) {
        return a.base_type == b.base_type && a.element == b.element &&
               (!a.enum_def != !b.enum_def || !a.struct_def != !b.struct_def);
    };
    for (const auto* o : now.structs_.vec) {
        const auto* was = old.structs_.Lookup(o->defined_namespace->GetFullyQualifiedName(o->name));
        if (!was) continue;
        for (const auto* f : o->fields.vec) {
            for (const auto* g : was->fields.vec) {
                if (differ(f->value.type, g->value.type)) return true;
            }
        }
    }
    return false;
}

// What it says of a change; nothing where it has no objection.
std::string objection_of_flatc(const std::string& before, const std::string& after) {
    flatbuffers::IDLOptions options;
    options.lang_to_generate = flatbuffers::IDLOptions::kCpp;
    flatbuffers::Parser old(options);
    flatbuffers::Parser now(options);
    REQUIRE(old.Parse(before.c_str()));
    REQUIRE(now.Parse(after.c_str()));
    return can_hurt_flatc(old, now) ? "" : now.ConformTo(old);
}

// Whether it says less than flatc with a reason: numbers have the name of no enumeration in them,
// and nobody reads what is deprecated.
bool is_safe_with_reason(const std::vector<idem::schema_change>& changes) {
    return std::ranges::any_of(changes, [](const idem::schema_change& c) {
        return c.rule == "enum_renamed" || c.rule == "union_renamed" ||
               c.rule == "field_deprecated";
    });
}

// One a line.
constexpr const char* no_schemas = R"(table
table T
table T {
table T { a
table T { a:int }
}
;
table T { a:int =
table T { a:int = 99999999999999999999; }
table T { a:string = "x"; }
table T { a:string = "
table T { a:string = '\
table T { a:int (id: 65536); }
table T { a:int (id: -1); }
table T { a:int (id: x); }
table T { a:int (hash: "md5"); }
table T { a:int (no_such_attribute); }
table T { a:[[int]]; }
table T { a:[int:3]; }
table T { t:[ubyte] (nested_flatbuffer: "a b"); }
table T { a:Missing; }
table T { a:[ubyte] (flexbuffer); }
table T { a:float = sin(; }
table T { a:float = wide(1); }
table T { a:float = ""; }
table T { a:float = 1e300; }
table T { u_type:ubyte; u:U; } union U { T }
table T { x:int; } table T { x:int; }
struct S { a:[int:0]; }
struct S { a:[int:65536]; }
struct S {}
struct S { s:S; }
struct S (force_align: 3) { a:int; }
struct S (force_align: 1000000) { a:int; }
struct S { a:int = 1; }
enum E { A }
enum E:float { A }
enum E:bool { A }
enum E:byte { A = 128 }
enum E:byte { A, A }
enum E:byte { A = 1, B = 1 }
enum E:ubyte (bit_flags) { A = 8 }
enum T:int {A} table T { x:int; }
union U { U }
union U { a:U }
union U { a:int }
union U { Missing }
file_identifier "ABCDE";
file_identifier "\xff\xff\xff\xff";
root_type Missing;
include 7;
rpc_service R { r(X):Y; }
rpc_service
namespace
attribute
attribute "
attribute "\u0000"; table T(x){}
"\ud800"
/*
/
\)";

void write(const std::filesystem::path& file, const std::string& text) {
    std::ofstream(file, std::ios::binary) << text;
}

}  // namespace

TEST_CASE("a text beyond its limits is refused before it is parsed") {
    expect_refused(std::string("table T {}\0", 11), "zero byte");
    expect_refused(std::string((512 << 10) + 1, ' '), "more than 524288 bytes");
    expect_refused("namespace " + std::string(256, 'a') + ";", "name of more than 255 bytes");
    expect_refused("namespace " + repeated("a.", 200) + "a;", "name of more than 32 parts");
    expect_refused("namespace " + repeated("a /* */ . \n", 40) + "a;", "more than 32 parts");
    expect_refused(numbered("namespace a", ";", 1001), "more than 1000 namespaces");
    expect_refused(numbered("table T", "{}", 10'001), "more than 10000 declarations");
    expect_refused("table T {" + numbered("f", ":int;", 10'001) + "}", "more than 10000 members");
    expect_refused("enum E:int {" + numbered("V", ",", 10'001) + "}", "more than 10000 members");
    expect_refused(std::string(400'000, '['), "more than 16 brackets");
    expect_refused("table T { f:" + std::string(400'000, '['), "more than 16 brackets");
    expect_refused("table T { a:float = " + repeated("sin(", 100'000), "more than 16 brackets");
    expect_refused("table T\n{\nf:int\n= " + repeated("(", 17), "the schema:4: more than 16");
}

TEST_CASE("what FlatBuffers' parser would do beyond a schema is refused") {
    // Two fields for each union, 66,000 in all, and the parser asserts that they are fewer.
    expect_refused("table A {} union U { A } table T {" + numbered("f", ":U(id:1);", 33'000) + "}",
                   "more than 10000 members");
    const std::string schema = "table T { a:int; } root_type T; ";
    expect_refused(schema + "{ a: 1 }", "data in JSON");
    expect_refused("\xef\xbb\xbf" + schema + "{}", "data in JSON");
    expect_refused("{}", "data in JSON");
    CHECK(loads("\xef\xbb\xbfnative_include \"/etc/passwd\"; " + schema));
    CHECK(loads(schema + "file_extension \"../../x\"; attribute \"y\"; rpc_service R { r(T):T; }"));
    expect_refused("include \"other.fbs\"; " + schema, "includes 'other.fbs', which a text alone");
    expect_refused("\xef\xbb\xbfinclude \"/etc/passwd\";", "which a text alone cannot");
    expect_refused("native_include 'x'; /**/ include /**/ 'x';", "which a text alone cannot");
    expect_refused("include \"" + std::string(300'000, 'x') + "\";", "xxx...'");
}

TEST_CASE("what only FlatBuffers' parser can tell is refused in its words, not too many of them") {
    std::vector<std::string> texts = {
        "",
        "table T { a:int = " + std::string(500'000, '9') + "; }",
        "table T { a:int = 0x" + std::string(200, 'f') + "; }",
        "table T { a:" + std::string(255, 'x') + "; }",
        "\xff\xfe",
        "\xef\xbb",
        "table \xc3\xa4 {}",
    };
    std::istringstream lines(no_schemas);
    for (std::string line; std::getline(lines, line);) texts.push_back(line);
    for (const std::string& text : texts) {
        CHECK_MESSAGE(!loads(text), text);
    }
    const auto what = promise::refusal([] {
        idem::schema::from_text("table T { a:int = \"" + std::string(400'000, 'x') + "\"; }");
    });
    REQUIRE(what);
    CHECK(what->size() < 1100);
    const auto warned =
        promise::refusal([] { idem::schema::from_text("table T { camelCase:int; b:nothing; }"); });
    REQUIRE(warned);
    CHECK_MESSAGE(warned->find("snake_case") == warned->npos, *warned);
}

TEST_CASE("large texts within the limits are parsed") {
    CHECK(loads(std::string(300'000, '\n') + "table T {}"));
    CHECK(loads("/*" + std::string(500'000, '*') + "*/ table T {}"));
    CHECK(loads(repeated("/// comment\n", 40'000) + "table T {}"));
    CHECK(loads(numbered("attribute \"a", "\"; ", 20'000) + "table T {}"));
    CHECK(loads(numbered("namespace a", "; table T {} ", 1000)));
    CHECK(loads("namespace " + repeated("a.", 31) + "a; table T {}"));
    CHECK(loads("table T { a:double = 0." + std::string(400'000, '1') + "; }"));
    CHECK(loads("enum E:int { " + numbered("V", ", ", 9'000) + "} table T { e:E = V8999; }"));
    CHECK(loads("table T { " + numbered("f", ":int; ", 6'000) + "}"));
    CHECK(loads(numbered("table T", "{}", 10'000) + numbered("root_type T", ";", 10'000)));
    CHECK(!loads("enum E:int { X = -8999, " + numbered("V", ", ", 9'000) + "} " +
                 numbered("table T", " {" + numbered("f", ":E; ", 9'000) + "}", 4)));
}

TEST_CASE("files are included from beside the file, and from nowhere else") {
    const scratch_folder folder;
    const auto file = folder.path() / "main.fbs";
    const auto refused = [&](const std::string& text, const std::string& part) {
        write(file, text);
        promise::expect_refusal(part, [&] { idem::schema::read(file); });
    };
    std::filesystem::create_directory(folder.path() / "part");
    write(folder.path() / "part/inner.fbs", "table Inner {}");
    write(folder.path() / "part/part.fbs",
          "include \"inner.fbs\"; include \"main.fbs\"; "
          "table Part { i:Inner; }");
    write(file, "include \"part/part.fbs\"; include \"main.fbs\"; table T { p:Part; }");
    const auto whole = idem::schema::read(file);
    CHECK(whole.has_table("Inner"));
    CHECK(whole.event_types() == std::vector<std::string>{"T"});

    // Two that include each other from folders side by side, and are too large to be counted twice.
    const std::string space(150'000, ' ');
    std::filesystem::create_directory(folder.path() / "other");
    write(folder.path() / "part/a.fbs", "include \"../other/b.fbs\"; table A {}" + space);
    write(folder.path() / "other/b.fbs", "include \"../part/a.fbs\"; table B {}" + space);
    write(file, "include \"part/a.fbs\"; include \"main.fbs\"; table T {}" + space);
    CHECK(idem::schema::read(file).event_types() == std::vector<std::string>{"A", "B", "T"});

    refused("include \"/etc/passwd\";", "main.fbs:1: includes '/etc/passwd'");
    refused("include \"part\\\\part.fbs\";", "backslashes");
    refused("include \"part\";", "which is no file");
    refused("include \"missing.fbs\";", "unable to load include file: missing.fbs");
    REQUIRE(mkfifo((folder.path() / "pipe").c_str(), 0600) == 0);
    refused("include \"pipe\";", "which is no file");
    refused(numbered("include \"part/part.fbs", "\";", 257), "more than 256 includes");
    write(folder.path() / "deep.fbs", "\n\ntable T { a:" + std::string(20, '[') + "int; }");
    refused("include \"deep.fbs\";", "deep.fbs:3: more than 16 brackets");
    write(folder.path() / "zero.fbs", std::string("table T {}\0", 11));
    refused("include \"zero.fbs\";", "zero.fbs:1: holds a zero byte");
    write(folder.path() / "half.fbs", "table T {}" + std::string(300'000, ' '));
    refused("include \"half.fbs\";" + std::string(300'000, ' '), "with all that is included");
    // A chain: the parser calls itself for each of its links.
    for (int i = 0; i < 300; ++i) {
        write(
            folder.path() / ("c" + std::to_string(i) + ".fbs"),
            "include \"c" + std::to_string(i + 1) + ".fbs\"; table T" + std::to_string(i) + " {}");
    }
    refused("include \"c0.fbs\";", "more than 256 includes");
    write(folder.path() / "c200.fbs", "table T200 {}");
    CHECK(idem::schema::read(file).has_table("T0"));
}

TEST_CASE("a default beyond 2^63 is not lost on the way") {
    const auto s = idem::schema::from_text(
        "enum E:ulong { A = 18446744073709551615 } "
        "table T { u:ulong = 18446744073709551615; v:ulong = 9223372036854775808; w:ulong = 7; "
        "e:E = A; }");
    CHECK(s.to_json("T", s.from_json("T", "{}")) ==
          R"({"u":18446744073709551615,"v":9223372036854775808,"w":7,"e":"A"})");
}

TEST_CASE("a schema of any kind compares with what people make of it") {
    CHECK(rc::check("no change of a schema crashes", [] {
        const auto seed = *rc::gen::arbitrary<std::uint64_t>();
        RC_LOG() << "seed " << seed;
        random_schema made(seed);
        const std::string text = made.text();
        const auto before = idem::schema::from_text(text);
        RC_ASSERT(compare(before, before).empty());
        for (int i = 0; i < 8; ++i) {
            made.change();
            std::optional<idem::schema> after;
            if (promise::refusal([&] { after = idem::schema::from_text(made.text()); })) continue;
            promise::keep_with_change(before, *after);
            promise::keep_with_change(*after, before);
            RC_ASSERT(compare(*after, *after).empty());
            const auto changes = compare(before, *after);
            RC_LOG() << text << made.text() << objection_of_flatc(text, made.text());
            RC_ASSERT(worst(changes) != idem::compatibility::safe || is_safe_with_reason(changes) ||
                      objection_of_flatc(text, made.text()).empty());
            promise::refusal([&] { idem::schema::from_text(made.damage(made.text())); });
        }
    }));
}

TEST_CASE("two large schemas are compared without each type being compared with all others") {
    // Tables of five fields, all renamed, and all alike but for the last.
    const auto large = [](const std::string& prefix) {
        std::string text;
        for (int i = 0; i < 1800; ++i) {
            text += "table " + prefix + std::to_string(i) +
                    "{aaaa:int;bbbb:int;cccc:int;dddd:int;x" + std::to_string(i) + ":int;}";
        }
        return idem::schema::from_text(text);
    };
    const auto changes = compare(large("A"), large("B"));
    CHECK(changes.size() == 1800);
    CHECK(changes.front().rule == "table_renamed");
    const auto wide = [](const std::string& prefix) {
        return idem::schema::from_text("table T {" + numbered(prefix, ":int;", 5000) +
                                       "} enum E:int {" + numbered(prefix, ",", 5000) + "}");
    };
    CHECK(compare(wide("a"), wide("b")).size() == 10'000);
}
