// BLAKE2b (RFC 7693), where a hash stands for what somebody else chose and two must not meet.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace idem::blake2b {

using digest = std::array<std::uint8_t, 16>;

// Of a list of texts: each is hashed with its length, so two lists never read the same.
digest of(std::initializer_list<std::string_view> texts);

std::string to_hex(const digest& d);  // 32 digits
std::optional<digest> from_hex(std::string_view text);

inline std::string_view bytes_of(const digest& d) noexcept {
    return {reinterpret_cast<const char*>(d.data()), d.size()};
}

}  // namespace idem::blake2b
