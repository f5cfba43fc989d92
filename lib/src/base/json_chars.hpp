// What the checker and the reader of JSON text both know of its characters.
#pragma once

#include <cstddef>
#include <string_view>

namespace idem::json {

inline bool is_space(char c) noexcept {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}
inline bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

inline int hex_value(char c) noexcept {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
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
