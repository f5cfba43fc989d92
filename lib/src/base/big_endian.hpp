// Numbers in the keys of tables: big-endian, so that keys sort by number.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace idem {

inline void append_big_endian(std::string& to, std::uint64_t number, int bytes = 8) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
        to.push_back(static_cast<char>(number >> shift));
    }
}

// Of the first eight bytes, or of fewer where there are no more.
inline std::uint64_t from_big_endian(std::string_view bytes) noexcept {
    std::uint64_t number = 0;
    for (const char byte : bytes.substr(0, 8)) {
        number = number << 8 | static_cast<std::uint8_t>(byte);
    }
    return number;
}

}  // namespace idem
