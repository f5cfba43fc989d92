// Compiled schemas made by hand, so that they can be what no compiler would write.
#pragma once

#include <flatbuffers/reflection_generated.h>

#include <string>
#include <utility>
#include <vector>

namespace raw {

using attribute_list = std::vector<std::pair<std::string, std::string>>;

struct type {
    int base = reflection::Int;
    int element = reflection::None;
    int index = -1;
    std::uint16_t length = 0;
};

struct field {
    std::string name;
    type of = {};
    std::uint16_t id = 0;
    std::uint16_t offset = 4;
    std::int64_t default_integer = 0;
    double default_real = 0;
    bool deprecated = false;
    bool required = false;
    bool key = false;
    bool optional = false;
    attribute_list attributes = {};
};

struct object {
    std::string name;
    std::vector<field> fields = {};
    bool is_struct = false;
    int align = 1;
    int bytes = 0;
};

struct value {
    std::string name;
    std::int64_t number = 0;
    type member = {.base = reflection::None};
};

struct enumeration {
    std::string name;
    std::vector<value> values = {};
    int underlying = reflection::Byte;
    bool is_union = false;
    attribute_list attributes = {};
};

struct schema {
    std::vector<object> objects = {};
    std::vector<enumeration> enums = {};
    int root = -1;
    std::string file_identifier = {};
};

class writer {
public:
    std::string write(const schema& from) {
        std::vector<flatbuffers::Offset<reflection::Object>> objects;
        for (const auto& o : from.objects) objects.push_back(make(o));
        std::vector<flatbuffers::Offset<reflection::Enum>> enums;
        for (const auto& e : from.enums) enums.push_back(make(e));
        const auto root = from.root < 0 ? flatbuffers::Offset<reflection::Object>()
                                        : objects[static_cast<std::size_t>(from.root)];
        return finish(objects, enums, root, from.file_identifier);
    }

    // The parts, for schemas in which one is used many times over.
    flatbuffers::FlatBufferBuilder& builder() { return builder_; }

    // Number by number, for what is no reflection::BaseType cannot be passed as one.
    flatbuffers::Offset<reflection::Type> make(const type& t) {
        const auto start = builder_.StartTable();
        builder_.AddElement(reflection::Type::VT_INDEX, std::int32_t{t.index});
        builder_.AddElement(reflection::Type::VT_FIXED_LENGTH, t.length);
        builder_.AddElement(reflection::Type::VT_BASE_TYPE, static_cast<std::int8_t>(t.base));
        builder_.AddElement(reflection::Type::VT_ELEMENT, static_cast<std::int8_t>(t.element));
        return {builder_.EndTable(start)};
    }

    flatbuffers::Offset<reflection::Field> make(const field& f) {
        const auto name = builder_.CreateString(f.name);
        const auto of = make(f.of);
        const auto attributes = make(f.attributes);
        return reflection::CreateField(builder_, name, of, f.id, f.offset, f.default_integer,
                                       f.default_real, f.deprecated, f.required, f.key, attributes,
                                       0, f.optional);
    }

    flatbuffers::Offset<reflection::Object> make(const object& o) {
        std::vector<flatbuffers::Offset<reflection::Field>> fields;
        for (const auto& f : o.fields) fields.push_back(make(f));
        const auto name = builder_.CreateString(o.name);
        return reflection::CreateObject(builder_, name, builder_.CreateVector(fields), o.is_struct,
                                        o.align, o.bytes);
    }

    flatbuffers::Offset<reflection::Enum> make(const enumeration& e) {
        std::vector<flatbuffers::Offset<reflection::EnumVal>> values;
        for (const auto& v : e.values) {
            const auto name = builder_.CreateString(v.name);
            values.push_back(reflection::CreateEnumVal(builder_, name, v.number, make(v.member)));
        }
        const auto name = builder_.CreateString(e.name);
        const auto list = builder_.CreateVector(values);
        const auto underlying = make(type{.base = e.underlying});
        return reflection::CreateEnum(builder_, name, list, e.is_union, underlying,
                                      make(e.attributes));
    }

    std::string finish(const std::vector<flatbuffers::Offset<reflection::Object>>& objects,
                       const std::vector<flatbuffers::Offset<reflection::Enum>>& enums,
                       flatbuffers::Offset<reflection::Object> root = 0,
                       const std::string& file_identifier = {}) {
        const auto object_list = builder_.CreateVector(objects);
        const auto enum_list = builder_.CreateVector(enums);
        const auto identifier = builder_.CreateString(file_identifier);
        builder_.Finish(
            reflection::CreateSchema(builder_, object_list, enum_list, identifier, 0, root),
            reflection::SchemaIdentifier());
        return {reinterpret_cast<const char*>(builder_.GetBufferPointer()), builder_.GetSize()};
    }

private:
    flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<reflection::KeyValue>>> make(
        const attribute_list& attributes) {
        if (attributes.empty()) return 0;
        std::vector<flatbuffers::Offset<reflection::KeyValue>> made;
        for (const auto& [name, value] : attributes) {
            const auto key = builder_.CreateString(name);
            made.push_back(reflection::CreateKeyValue(builder_, key, builder_.CreateString(value)));
        }
        return builder_.CreateVector(made);
    }

    flatbuffers::FlatBufferBuilder builder_;
};

inline std::string compiled(const schema& from) {
    return writer().write(from);
}

// Of n fields "f0", "f1", ... that lie in a table as they should.
inline object table_of(const std::string& name, std::size_t n, const type& of) {
    object o{.name = name};
    for (std::size_t i = 0; i < n; ++i) {
        o.fields.push_back({.name = "f" + std::to_string(i),
                            .of = of,
                            .id = static_cast<std::uint16_t>(i),
                            .offset = static_cast<std::uint16_t>(4 + 2 * i)});
    }
    return o;
}

// A schema that loads, of which each case spoils one thing.
inline schema sound() {
    object table = table_of("a.T", 4, {.base = reflection::Int});
    table.fields[1].of = {.base = reflection::UType, .index = 1};
    table.fields[2].of = {.base = reflection::Union, .index = 1};
    table.fields[3].of = {.base = reflection::Vector, .element = reflection::UByte};
    const object inner = {.name = "a.S",
                          .fields = {{.name = "x", .offset = 0}},
                          .is_struct = true,
                          .align = 4,
                          .bytes = 4};
    const enumeration numbers = {.name = "a.E",
                                 .values = {{.name = "A"}, {.name = "B", .number = 1}}};
    const enumeration either = {
        .name = "a.U",
        .values = {{.name = "NONE"},
                   {.name = "T", .number = 1, .member = {.base = reflection::Obj, .index = 0}}},
        .underlying = reflection::UType,
        .is_union = true};
    return {.objects = {table, inner}, .enums = {numbers, either}, .root = 0};
}

}  // namespace raw
