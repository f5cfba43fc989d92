// What the checker and the reader of JSON text both know of its characters.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/hex.hpp"

namespace idem::json {

inline bool is_space(char c) noexcept {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}
inline bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

// The first quote, backslash or control character at or after `at`; the size where there is none.
inline std::size_t end_of_plain(std::string_view text, std::size_t at) noexcept {
    constexpr std::uint64_t ones = 0x0101010101010101ULL;
    constexpr std::uint64_t tops = 0x8080808080808080ULL;
    const auto any_below = [](std::uint64_t word, std::uint64_t limit) {
        return (word - ones * limit) & ~word & tops;
    };
    for (; at + 8 <= text.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, text.data() + at, 8);
        const std::uint64_t found = any_below(word, 0x20) | any_below(word ^ ones * '"', 1) |
                                    any_below(word ^ ones * '\\', 1);
        // The lowest byte that is marked is one of them; those above it may be marked wrongly.
        if (found != 0) return at + static_cast<std::size_t>(std::countr_zero(found)) / 8;
    }
    while (at < text.size() && static_cast<std::uint8_t>(text[at]) >= 0x20 && text[at] != '"' &&
           text[at] != '\\') {
        ++at;
    }
    return at;
}

// Four hexadecimal digits at `at`; -1 where they are not.
inline int code_unit(std::string_view text, std::size_t at) noexcept {
    if (at + 4 > text.size()) return -1;
    int unit = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
        const int value = hex_value(text[i]);
        if (value < 0) return -1;
        unit = unit << 4 | value;
    }
    return unit;
}

inline bool is_high_surrogate(int unit) noexcept {
    return unit >= 0xd800 && unit <= 0xdbff;
}
inline bool is_low_surrogate(int unit) noexcept {
    return unit >= 0xdc00 && unit <= 0xdfff;
}

}  // namespace idem::json
