// Bytes that are offered as a compiled schema by somebody who means harm.
#include <limits>

#include "promise.hpp"
#include "raw_schema.hpp"

namespace {

struct spoilt {
    const char* refused_for;
    std::function<void(raw::schema&)> spoil;
};

void expect_refusals(const std::vector<spoilt>& cases) {
    for (const spoilt& c : cases) {
        raw::schema s = raw::sound();
        c.spoil(s);
        promise::expect_refusal(c.refused_for, [&] { idem::schema::from_bfbs(raw::compiled(s)); });
    }
}

raw::field& field(raw::schema& s, std::size_t id = 0) {
    return s.objects[0].fields[id];
}

}  // namespace

TEST_CASE("a schema made by hand loads, so that what spoils it is what refuses it") {
    const auto s = idem::schema::from_bfbs(raw::compiled(raw::sound()));
    CHECK(s.event_types() == std::vector<std::string>{"a.T"});
    CHECK(s.to_json("a.T", s.from_json("a.T", R"({"f3":[1]})")) == R"({"f0":0,"f3":[1]})");
}

TEST_CASE("types that cannot be are refused") {
    expect_refusals({
        {"table is not in it",
         [](auto& s) {
             field(s).of = {reflection::Obj, 0, 2};
         }},
        {"table is not in it",
         [](auto& s) {
             field(s).of = {reflection::Obj, 0, -1};
         }},
        {"table is not in it",
         [](auto& s) {
             field(s).of = {reflection::Obj, 0, INT32_MAX};
         }},
        {"table is not in it",
         [](auto& s) {
             field(s).of = {reflection::Obj, 0, INT32_MIN};
         }},
        {"enum is not in it",
         [](auto& s) {
             field(s).of = {reflection::Int, 0, 2};
         }},
        {"not known", [](auto& s) { field(s).of.base = 18; }},
        {"not known", [](auto& s) { field(s).of.base = 127; }},
        {"not known", [](auto& s) { field(s).of.base = -1; }},
        {"tables cannot hold", [](auto& s) { field(s).of.base = reflection::None; }},
        {"tables cannot hold",
         [](auto& s) {
             field(s).of = {reflection::Array, reflection::Int, -1, 3};
         }},
        {"lists cannot hold",
         [](auto& s) {
             field(s).of = {reflection::Vector, reflection::Vector};
         }},
        {"lists cannot hold",
         [](auto& s) {
             field(s).of = {reflection::Vector, reflection::None};
         }},
        {"another type than its enum",
         [](auto& s) {
             field(s).of = {reflection::Int, 0, 0};
         }},
        {"another type than its enum",
         [](auto& s) {
             field(s).of = {reflection::Double, 0, 0};
         }},
        {"another type than its enum",
         [](auto& s) {
             s.objects[1].fields[0].of = {reflection::Int, 0, 0};
         }},
        {"names no union",
         [](auto& s) {
             field(s).of = {reflection::UType, 0, 0};
         }},
        {"names no union",
         [](auto& s) {
             field(s).of = {reflection::UByte, 0, 1};
         }},
        {"names no members", [](auto& s) { field(s, 2).of.index = -1; }},
        {"which member it is", [](auto& s) { field(s, 1).of = {reflection::UByte}; }},
        {"which member it is", [](auto& s) { field(s).of = field(s, 2).of; }},
        {"which member it is",
         [](auto& s) {
             field(s, 2).of = {reflection::Vector, reflection::Union, 1};
         }},
    });
}

TEST_CASE("structs that cannot be are refused") {
    const auto in_struct = [](auto&& change) {
        return [change](raw::schema& s) { change(s.objects[1]); };
    };
    const raw::type itself = {reflection::Obj, 0, 1};
    expect_refusals({
        {"too deep in one another", in_struct([=](auto& o) { o.fields[0].of = itself; })},
        {"struct that holds a table", in_struct([](auto& o) {
             o.fields[0].of = {reflection::Obj, 0, 0};
         })},
        {"structs cannot hold", in_struct([](auto& o) { o.fields[0].of = {reflection::String}; })},
        {"structs cannot hold", in_struct([](auto& o) {
             o.fields[0].of = {reflection::Vector, reflection::Int};
         })},
        {"structs cannot hold", in_struct([](auto& o) {
             o.fields[0].of = {reflection::UType, 0, 1};
         })},
        {"has no length", in_struct([](auto& o) {
             o.fields[0].of = {reflection::Array, reflection::Int};
         })},
        {"size that cannot be", in_struct([](auto& o) { o.fields.clear(); })},
        {"size that cannot be", in_struct([](auto& o) { o.bytes = 3; })},
        {"size that cannot be", in_struct([](auto& o) { o.bytes = 0; })},
        {"size that cannot be", in_struct([](auto& o) { o.bytes = 4096; })},
        {"structs may have", in_struct([](auto& o) { o.bytes = INT32_MAX & ~3; })},
        {"structs may have", in_struct([](auto& o) { o.bytes = -4; })},
        {"structs may have", in_struct([](auto& o) { o.align = 0; })},
        {"structs may have", in_struct([](auto& o) { o.align = 3; })},
        {"structs may have", in_struct([](auto& o) { o.align = 64; })},
        {"structs may have", in_struct([](auto& o) { o.align = -4; })},
        {"not where it can be", in_struct([](auto& o) { o.align = 2; })},
        {"not where it can be", in_struct([](auto& o) { o.fields[0].offset = 2; })},
        {"size that cannot be", in_struct([](auto& o) { o.fields[0].offset = 65532; })},
        {"not where it can be",
         in_struct([](auto& o) { o.fields.push_back({.name = "y", .id = 1, .offset = 0}); })},
        {"structs may have", in_struct([](auto& o) {
             o.fields[0].of = {reflection::Array, reflection::Int, -1, 65535};
             o.bytes = 4 * 65535;
         })},
        {"too deep in one another",
         [](raw::schema& s) {
             for (int i = 2; i < 80; ++i) {
                 s.objects.push_back(s.objects[1]);
                 s.objects.back().name += std::to_string(i);
                 s.objects.back().fields[0].of = {reflection::Obj, 0, i - 1};
             }
         }},
    });
}

TEST_CASE("ids, offsets and defaults that cannot be are refused") {
    expect_refusals({
        {"gap between the ids", [](auto& s) { field(s).id = 1; }},
        {"gap between the ids", [](auto& s) { field(s, 3).id = 4; }},
        {"gap between the ids", [](auto& s) { field(s, 3).id = 65535; }},
        {"not where its id says", [](auto& s) { field(s).offset = 6; }},
        {"not where its id says", [](auto& s) { field(s).offset = 65534; }},
        {"numbers cannot be", [](auto& s) { field(s).required = true; }},
        {"numbers cannot be", [](auto& s) { field(s, 1).required = true; }},
        {"cannot hold", [](auto& s) { field(s).default_integer = INT64_MAX; }},
        {"cannot hold", [](auto& s) { field(s).default_integer = -2147483649LL; }},
        {"cannot hold", [](auto& s) { field(s, 1).default_integer = 1; }},
        {"cannot hold",
         [](auto& s) {
             field(s).of.base = reflection::Bool;
             field(s).default_integer = 256;
         }},
        {"cannot hold",
         [](auto& s) {
             field(s).of.base = reflection::UByte;
             field(s).default_integer = -1;
         }},
        {"cannot hold",
         [](auto& s) {
             field(s).of.base = reflection::Float;
             field(s).default_real = 1e300;
         }},
        {"is a flexbuffer",
         [](auto& s) {
             field(s, 3).attributes = {{"flexbuffer", "0"}};
         }},
        {"in its bytes that is not in it",
         [](auto& s) {
             field(s, 3).attributes = {{"nested_flatbuffer", "Nowhere"}};
         }},
        {"no list of bytes",
         [](auto& s) {
             field(s).attributes = {{"nested_flatbuffer", "T"}};
         }},
        {"no name of a table",
         [](auto& s) {
             field(s, 3).attributes = {{"nested_flatbuffer", "T\n"}};
         }},
    });
}

TEST_CASE("names and numbers that cannot be are refused") {
    expect_refusals({
        {"no name of a table", [](auto& s) { s.objects[0].name = ""; }},
        {"no name of a table", [](auto& s) { s.objects[0].name = "a..T"; }},
        {"no name of a table", [](auto& s) { s.objects[0].name = "a.T."; }},
        {"no name of a table", [](auto& s) { s.objects[0].name = ".T"; }},
        {"objects[0].name is not UTF-8", [](auto& s) { s.objects[0].name = "a.\xff"; }},
        {"no name of a field", [](auto& s) { field(s).name = "a.b"; }},
        {"no name of a field", [](auto& s) { field(s).name = "0"; }},
        {"no name of a field", [](auto& s) { field(s).name = "\""; }},
        {"no name of a field", [](auto& s) { field(s).name = std::string("a\0b", 3); }},
        {"no name of a field", [](auto& s) { field(s).name = "caf\xc3\xa9"; }},
        {"no name of a value", [](auto& s) { s.enums[0].values[0].name = "A B"; }},
        {"no name of an enum", [](auto& s) { s.enums[0].name = " "; }},
        {"longer than 255", [](auto& s) { field(s).name.assign(256, 'x'); }},
        {"longer than 255", [](auto& s) { s.objects[0].name.assign(100'000, 'x'); }},
        {"is in it twice", [](auto& s) { field(s).name = "f1"; }},
        {"is in it twice", [](auto& s) { s.objects[1].name = "a.T"; }},
        {"is in it twice", [](auto& s) { s.enums[1].name = "a.E"; }},
        {"is in it twice", [](auto& s) { s.enums[1].name = "a.T"; }},
        {"is in it twice", [](auto& s) { s.enums[0].values[1].name = "A"; }},
        {"the number of another", [](auto& s) { s.enums[0].values[1].number = 0; }},
        {"too large a number", [](auto& s) { s.enums[0].values[1].number = 128; }},
        {"too large a number", [](auto& s) { s.enums[1].values[1].number = 257; }},
        {"something else than numbers", [](auto& s) { s.enums[0].underlying = reflection::Float; }},
        {"something else than numbers", [](auto& s) { s.enums[1].underlying = reflection::Int; }},
        {"something else than numbers", [](auto& s) { s.enums[0].is_union = true; }},
        {"more or less than one bit",
         [](auto& s) {
             s.enums[0].attributes = {{"bit_flags", "0"}};
         }},
        {"union without NONE", [](auto& s) { s.enums[1].values.erase(s.enums[1].values.begin()); }},
        {"neither table, struct nor text",
         [](auto& s) { s.enums[1].values[1].member = {reflection::Int}; }},
        {"neither table, struct nor text",
         [](auto& s) { s.enums[1].values[1].member = {reflection::None}; }},
        {"root is no table", [](auto& s) { s.root = 1; }},
        {"four characters", [](auto& s) { s.file_identifier = "ABCDE"; }},
    });
}

TEST_CASE("more than there may be is refused") {
    expect_refusals({
        {"more than 10000 types", [](auto& s) { s.objects.resize(10'001, {.name = "a"}); }},
        {"more than 10000 types", [](auto& s) { s.enums.resize(10'001, {.name = "e"}); }},
    });
    raw::writer shared;  // one value, and one field, many times: the files stay small
    const auto value = reflection::CreateEnumVal(
        shared.builder(), shared.builder().CreateString("A"), 0, shared.make(raw::type()));
    const auto values = shared.builder().CreateVector(
        std::vector<flatbuffers::Offset<reflection::EnumVal>>(100'001, value));
    const auto name = shared.builder().CreateString("E");
    const auto underlying = shared.make(raw::type{.base = reflection::Byte});
    const auto many = reflection::CreateEnum(shared.builder(), name, values, false, underlying);
    promise::expect_refusal("more than 100000 values",
                            [&] { idem::schema::from_bfbs(shared.finish({}, {many})); });
    raw::writer fields;
    const auto one = fields.make(raw::field{.name = "f"});
    const auto list = fields.builder().CreateVector(
        std::vector<flatbuffers::Offset<reflection::Field>>(100'001, one));
    const auto table_name = fields.builder().CreateString("T");
    const auto table = reflection::CreateObject(fields.builder(), table_name, list);
    promise::expect_refusal("more than 100000 fields",
                            [&] { idem::schema::from_bfbs(fields.finish({table}, {})); });
    promise::expect_refusal("the limit is 524288", [] {
        idem::schema::from_bfbs(raw::compiled(raw::sound()) + std::string(512 << 10, '\0'));
    });
}

TEST_CASE("a default of every kind prints as it is, and comes back") {
    raw::schema s = raw::sound();
    field(s).default_integer = std::numeric_limits<std::int32_t>::min();
    raw::object reals = raw::table_of("R", 4, {.base = reflection::Float});
    reals.fields[0].default_real = std::numeric_limits<double>::quiet_NaN();
    reals.fields[1].default_real = -std::numeric_limits<double>::infinity();
    reals.fields[2].default_real = 0.1;
    reals.fields[3].of.base = reflection::ULong;
    reals.fields[3].default_integer = -1;
    s.objects.push_back(reals);
    const auto loaded = promise::keep_with_bfbs(raw::compiled(s));
    REQUIRE(loaded);
    CHECK(loaded->to_json("R", loaded->from_json("R", "{}")) ==
          R"({"f0":"NaN","f1":"-Infinity","f2":0.1,"f3":18446744073709551615})");
    CHECK(loaded->to_json("R", loaded->from_json("R", R"({"f0":0,"f2":0})")) ==
          R"({"f0":0,"f1":"-Infinity","f2":0,"f3":18446744073709551615})");
}

TEST_CASE("what is deprecated cannot be required, whatever its attributes say") {
    raw::schema s = raw::sound();
    field(s, 3).required = true;
    field(s, 3).deprecated = true;
    field(s, 3).key = true;
    const auto loaded = promise::keep_with_bfbs(raw::compiled(s));
    REQUIRE(loaded);
    CHECK(loaded->to_json("a.T", loaded->from_json("a.T", "{}")) == R"({"f0":0})");
}

// A megabyte is little, and its square is not.
TEST_CASE("what a compiled schema shares does not make it long to load") {
    raw::writer comments;  // each field refers to one list of 40,000 comments: 1.6 * 10^9 of them
    auto& b = comments.builder();
    const auto comment = b.CreateString("c");
    const auto documentation =
        b.CreateVector(std::vector<flatbuffers::Offset<flatbuffers::String>>(40'000, comment));
    const auto name = b.CreateString("f");
    const auto of = comments.make(raw::type());
    const auto field =
        reflection::CreateField(b, name, of, 0, 4, 0, 0, false, false, false, 0, documentation);
    const auto fields =
        b.CreateVector(std::vector<flatbuffers::Offset<reflection::Field>>(40'000, field));
    const auto table = reflection::CreateObject(b, name, fields);
    promise::expect_refusal("when what it shares is counted",
                            [&] { idem::schema::from_bfbs(comments.finish({table}, {})); });

    raw::writer long_value;  // each field has an attribute of 200,000 bytes: 8 GB of copies
    const auto long_field = long_value.make(
        raw::field{.name = "f", .attributes = {{"nested_flatbuffer", std::string(200'000, 'x')}}});
    const auto long_fields = long_value.builder().CreateVector(
        std::vector<flatbuffers::Offset<reflection::Field>>(40'000, long_field));
    const auto long_name = long_value.builder().CreateString("T");
    const auto long_table = reflection::CreateObject(long_value.builder(), long_name, long_fields);
    promise::expect_refusal("",
                            [&] { idem::schema::from_bfbs(long_value.finish({long_table}, {})); });
}
