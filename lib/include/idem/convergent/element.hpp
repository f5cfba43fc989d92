// What registers and sets hold, as bytes and as JSON.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>

#include "idem/cloudevents.hpp"
#include "idem/codec.hpp"
#include "idem/convergent/bytes.hpp"
#include "idem/uuid.hpp"

namespace idem {

// What registers and sets hold: text, integers, true and false, enumerations, UUIDs, and whatever
// has a row_codec. No floating-point numbers: equal ones may have other bytes, and not a number is
// not equal to itself; count in the smallest unit.
template <class T>
concept element = std::default_initializable<T> && std::copyable<T> &&
    std::equality_comparable<T> && !std::floating_point<T>;

template <class T>
concept ordered_element = element<T> && std::totally_ordered<T>;

namespace detail {

// Appends `"name":value`, with a comma before it unless it is the first.
void append_member(std::string& object, std::string_view name, std::string_view value);
void append_item(std::string& array, std::string_view value);

template <element T>
void encode_element(const T& value, byte_writer& out) {
    if constexpr (std::is_enum_v<T>) {
        encode_element(static_cast<std::underlying_type_t<T>>(value), out);
    } else if constexpr (std::same_as<T, bool>) {
        out.byte(value ? 1 : 0);
    } else if constexpr (std::signed_integral<T>) {
        out.signed_number(value);
    } else if constexpr (std::unsigned_integral<T>) {
        out.number(value);
    } else if constexpr (std::same_as<T, std::string>) {
        out.text(value);
    } else if constexpr (std::same_as<T, uuid>) {
        out.identifier(value);
    } else {
        std::string bytes;
        row_codec<T>::encode(value, bytes);
        out.text(bytes);
    }
}

template <std::integral T, class Number>
T narrowed(Number value, const byte_reader& in) {
    const T narrow = static_cast<T>(value);
    if (static_cast<Number>(narrow) != value) in.damaged("a number is beyond its type's range");
    return narrow;
}

template <element T>
T decode_element(byte_reader& in) {
    if constexpr (std::is_enum_v<T>) {
        return static_cast<T>(decode_element<std::underlying_type_t<T>>(in));
    } else if constexpr (std::same_as<T, bool>) {
        return in.flag();
    } else if constexpr (std::signed_integral<T>) {
        return narrowed<T>(in.signed_number(), in);
    } else if constexpr (std::unsigned_integral<T>) {
        return narrowed<T>(in.number(), in);
    } else if constexpr (std::same_as<T, std::string>) {
        return std::string(in.text());
    } else if constexpr (std::same_as<T, uuid>) {
        return in.identifier();
    } else {
        return row_codec<T>::decode(in.text());
    }
}

template <element T>
std::string element_bytes(const T& value) {
    std::string bytes;
    byte_writer out(bytes);
    encode_element(value, out);
    return bytes;
}

template <element T>
std::string element_to_json(const T& value) {
    if constexpr (std::is_enum_v<T>) {
        return element_to_json(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (std::same_as<T, bool>) {
        return value ? "true" : "false";
    } else if constexpr (std::integral<T>) {
        return std::to_string(value);
    } else if constexpr (std::same_as<T, std::string>) {
        return to_json_string(value);
    } else if constexpr (std::same_as<T, uuid>) {
        return to_json_string(to_string(value));
    } else if constexpr (requires { row_codec<T>::to_json(value); }) {
        return row_codec<T>::to_json(value);
    } else {
        return to_json_string(to_base64(element_bytes(value)));
    }
}

// As the name of a member: text as it is, all else as it prints.
template <element T>
std::string key_text(const T& key) {
    if constexpr (std::same_as<T, std::string>) {
        return key;
    } else if constexpr (std::same_as<T, uuid>) {
        return to_string(key);
    } else if constexpr (std::integral<T> || std::is_enum_v<T>) {
        return element_to_json(key);
    } else {
        return to_base64(element_bytes(key));
    }
}

}  // namespace detail

}  // namespace idem
