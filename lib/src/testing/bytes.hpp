// Values as bytes between two processes of one program.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace idem::testing {

inline void put(std::string& out, std::string_view bytes) {
    const std::uint64_t size = bytes.size();
    out.append(reinterpret_cast<const char*>(&size), sizeof size).append(bytes);
}
// Empty where there is no more.
inline std::string take(std::string_view& in) {
    std::uint64_t size = 0;
    if (in.size() < sizeof size) {
        in = {};
        return {};
    }
    std::memcpy(&size, in.data(), sizeof size);
    in.remove_prefix(sizeof size);
    std::string bytes(in.substr(0, size));
    in.remove_prefix(bytes.size());
    return bytes;
}

inline void put_number(std::string& out, std::uint64_t number) {
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
}
inline std::uint64_t take_number(std::string_view& in) {
    std::uint64_t number = 0;
    if (in.size() < sizeof number) {
        in = {};
        return 0;
    }
    std::memcpy(&number, in.data(), sizeof number);
    in.remove_prefix(sizeof number);
    return number;
}

inline void put(std::string& out, const std::optional<std::string>& bytes) {
    put_number(out, bytes.has_value());
    if (bytes) put(out, std::string_view(*bytes));
}
inline std::optional<std::string> take_optional(std::string_view& in) {
    if (take_number(in) == 0) return std::nullopt;
    return take(in);
}

}  // namespace idem::testing
