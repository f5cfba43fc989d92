#pragma once

#include <array>
#include <cstdint>

namespace idem {

// By character; -1 where it is no hexadecimal digit.
inline constexpr std::array<std::int8_t, 256> hex_values = [] {
    std::array<std::int8_t, 256> values{};
    values.fill(-1);
    for (int i = 0; i < 10; ++i) values['0' + i] = static_cast<std::int8_t>(i);
    for (int i = 0; i < 6; ++i) {
        values['a' + i] = values['A' + i] = static_cast<std::int8_t>(10 + i);
    }
    return values;
}();

inline int hex_value(char c) noexcept {
    return hex_values[static_cast<std::uint8_t>(c)];
}

}  // namespace idem
