// A schema as the library works with it: every name, offset and reference checked once, when it was
// loaded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idem/limits.hpp"
#include "idem/schema.hpp"

namespace idem {

enum class base_type : std::uint8_t {
    none,
    union_type,  // says which member of a union follows
    boolean,
    int8,
    uint8,
    int16,
    uint16,
    int32,
    uint32,
    int64,
    uint64,
    float32,
    float64,
    text,
    vector,
    object,  // a table or struct
    union_value,
    array,  // of fixed length, in structs
};

constexpr std::size_t no_index = static_cast<std::size_t>(-1);

// The places of entries in the order of a key: one is found among many without a look at each,
// which would let a large schema turn every check into a long one.
using sorted_places = std::vector<std::uint32_t>;

struct field_type {
    base_type base = base_type::none;
    base_type element = base_type::none;  // of vectors and arrays
    std::size_t object = no_index;        // where base or element is object
    std::size_t enumeration = no_index;   // of scalars that are one, unions and their types
    std::uint32_t length = 0;             // of arrays

    friend bool operator==(const field_type&, const field_type&) = default;
};

struct schema_field {
    std::string name;
    field_type type;
    std::uint16_t id = 0;
    std::uint16_t offset = 0;  // in the vtable, or in the struct
    std::int64_t default_integer = 0;
    double default_real = 0;
    bool deprecated = false;
    bool required = false;
    bool optional = false;  // a scalar that may be absent
    bool key = false;
    std::size_t nested = no_index;  // the table in a vector of bytes
};

struct schema_object {
    std::string name;
    bool is_struct = false;
    std::uint32_t size = 0;            // of a struct
    std::uint32_t align = 1;           // of a struct
    std::vector<schema_field> fields;  // by id
    sorted_places by_name;

    const schema_field* find(std::string_view field) const noexcept;
};

struct enum_value {
    std::string name;
    std::int64_t value = 0;  // an unsigned 64-bit one has the same bits
    field_type member;       // of a union
};

struct schema_enum {
    std::string name;
    base_type underlying = base_type::none;
    bool is_union = false;
    bool bit_flags = false;
    std::vector<enum_value> values;
    sorted_places by_name;
    sorted_places by_number;

    const enum_value* find(std::int64_t value) const noexcept;
    const enum_value* find(std::string_view value) const noexcept;
};

struct schema::model {
    std::string bytes;  // the compiled schema
    std::vector<schema_object> objects;
    std::vector<schema_enum> enums;
    std::string root;  // name of the root table; empty: none
    std::string file_identifier;
    sorted_places objects_by_name;
    sorted_places enums_by_name;

    // To be called when all else is in place: nothing is found before.
    void sort_places();

    const schema_object* find_object(std::string_view name) const noexcept;
    const schema_enum* find_enum(std::string_view name) const noexcept;
    // Throws invalid_input where there is no such table.
    const schema_object& table(std::string_view name) const;
};

// Bytes of a scalar, a reference or, within vectors and structs, a struct; its alignment.
std::uint32_t size_of(base_type type) noexcept;  // 0: not a scalar
bool is_integer(base_type type) noexcept;
bool is_signed(base_type type) noexcept;
bool is_real(base_type type) noexcept;
bool is_scalar(base_type type) noexcept;

namespace schema_limits {
inline constexpr std::size_t bfbs_bytes_max = 512 << 10;
inline constexpr std::size_t text_bytes_max = 512 << 10;  // with all that it includes
inline constexpr std::size_t includes_max = 256;          // of all files together
inline constexpr std::size_t namespaces_max = 1'000;      // that a text may enter
inline constexpr std::size_t name_parts_max = 32;         // a.b.c has three
inline constexpr std::size_t members_max = 10'000;        // of one declaration of a text
inline constexpr std::size_t brackets_max = 16;           // in one another, in a text
inline constexpr std::size_t objects_max = 10'000;
inline constexpr std::size_t fields_max = 100'000;       // of all tables and structs together
inline constexpr std::size_t table_fields_max = 32'000;  // a table of fields has 16-bit offsets
inline constexpr std::size_t values_max = 100'000;       // of all enumerations together
inline constexpr std::size_t struct_bytes_max = 65'535;
inline constexpr std::size_t struct_align_max = 32;  // FlatBuffers' own limit
inline constexpr std::size_t depth_max = 64;         // of tables in tables, structs in structs
// What a payload, or a compiled schema, may come to when all that it shares is counted each time.
inline constexpr std::size_t payload_steps_max = 16 << 20;
inline constexpr std::size_t bfbs_steps_max = 4 << 20;
inline constexpr std::size_t payload_bytes_max = limits::batch_bytes_max;  // made of JSON
inline constexpr std::size_t json_bytes_max = limits::batch_bytes_max;     // given or printed
}  // namespace schema_limits

// Verifies; throws invalid_input.
schema::model load_model(std::string bfbs);

// FlatBuffers' language, compiled. `file` is for messages and to find included files; may be empty.
std::string compile_schema(const std::string& text, const std::string& file);

}  // namespace idem
