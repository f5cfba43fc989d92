// SHA-256 (FIPS 180-4), where stores that do not trust one another must mean the same bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace idem::sha256 {

using digest = std::array<std::uint8_t, 32>;

digest of(std::string_view bytes) noexcept;

inline std::string_view bytes_of(const digest& d) noexcept {
    return {reinterpret_cast<const char*>(d.data()), d.size()};
}

}  // namespace idem::sha256
