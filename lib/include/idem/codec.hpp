// How keys and rows of projections become bytes. Specialise row_codec for a type of your own;
// FlatBuffers object types are covered by idem/flatbuffers.hpp.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "idem/error.hpp"
#include "idem/uuid.hpp"

namespace idem {

static_assert(std::endian::native == std::endian::little, "idem runs on little-endian machines");

// How a table's keys print. Keys sort in the order of their values.
enum class key_kind : std::uint8_t { text, unsigned_integer, signed_integer, uuid, bytes };

// Rows. Equal values must give equal bytes, or digests would differ: a trivially copyable struct
// qualifies when it has no padding and no floating-point member.
template <class Row>
struct row_codec {
    static_assert(
        std::is_trivially_copyable_v<Row> &&
            (std::has_unique_object_representations_v<Row> || std::is_arithmetic_v<Row>),
        "a row is a string, a number, a trivially copyable struct without padding, a "
        "FlatBuffers object type (include idem/flatbuffers.hpp), or has its own row_codec");

    static void encode(const Row& row, std::string& out) {
        out.assign(reinterpret_cast<const char*>(&row), sizeof row);
    }
    static Row decode(std::string_view bytes) {
        if (bytes.size() != sizeof(Row)) {
            throw error(errc::corrupt,
                        "a row has " + std::to_string(bytes.size()) + " bytes where its type has " +
                            std::to_string(sizeof(Row)) +
                            "; raise the projection's version after changing its row");
        }
        Row row;
        std::memcpy(&row, bytes.data(), sizeof row);
        return row;
    }
};

template <>
struct row_codec<std::string> {
    static void encode(const std::string& row, std::string& out) { out = row; }
    static std::string decode(std::string_view bytes) { return std::string(bytes); }
};

// Keys: text, integers and UUIDs.
template <class Key>
struct key_codec;

template <>
struct key_codec<std::string> {
    static constexpr key_kind kind = key_kind::text;
    static void encode(std::string_view key, std::string& out) { out = key; }
    static std::string decode(std::string_view bytes) { return std::string(bytes); }
};

template <std::integral Key>
struct key_codec<Key> {
    static constexpr key_kind kind =
        std::is_signed_v<Key> ? key_kind::signed_integer : key_kind::unsigned_integer;
    static constexpr std::uint64_t sign = std::is_signed_v<Key> ? 1ULL << 63 : 0;

    static void encode(Key key, std::string& out) {
        const std::uint64_t bits =
            static_cast<std::uint64_t>(key) ^ sign;  // sign-extended, then flipped
        out.resize(8);
        for (int i = 0; i < 8; ++i) out[i] = static_cast<char>(bits >> (56 - 8 * i));
    }
    static Key decode(std::string_view bytes) {
        if (bytes.size() != 8) throw error(errc::corrupt, "an integer key does not have 8 bytes");
        std::uint64_t bits = 0;
        for (const char c : bytes) bits = bits << 8 | static_cast<std::uint8_t>(c);
        return static_cast<Key>(bits ^ sign);
    }
};

template <>
struct key_codec<uuid> {
    static constexpr key_kind kind = key_kind::uuid;
    static void encode(const uuid& key, std::string& out) {
        out.assign(reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size());
    }
    static uuid decode(std::string_view bytes) {
        uuid key;
        if (bytes.size() != key.bytes.size()) {
            throw error(errc::corrupt, "a UUID key does not have 16 bytes");
        }
        std::memcpy(key.bytes.data(), bytes.data(), key.bytes.size());
        return key;
    }
};

// A key as people read it, and back; parse_key throws invalid_input where the text is not of that
// kind.
std::string print_key(key_kind kind, std::string_view key);
std::string parse_key(key_kind kind, std::string_view text);

}  // namespace idem
