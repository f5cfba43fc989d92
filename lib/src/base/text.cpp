#include "base/text.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace idem::text {
namespace {

constexpr std::string_view base64_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr auto base64_values = [] {
    std::array<std::int8_t, 256> values{};
    values.fill(-1);
    for (std::size_t i = 0; i < base64_digits.size(); ++i) {
        values[static_cast<std::uint8_t>(base64_digits[i])] = static_cast<std::int8_t>(i);
    }
    return values;
}();

// The length of the UTF-8 sequence at the front of `bytes`; 0 where there is none.
std::size_t sequence_length(std::string_view bytes) noexcept {
    const auto byte = [&bytes](std::size_t i) {
        return i < bytes.size() ? static_cast<std::uint8_t>(bytes[i]) : std::uint8_t{0};
    };
    const auto follows = [&byte](std::size_t i, std::uint8_t low = 0x80, std::uint8_t high = 0xbf) {
        return byte(i) >= low && byte(i) <= high;
    };
    const std::uint8_t first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
    if (first >= 0xe0 && first <= 0xef) {
        const std::uint8_t low = first == 0xe0 ? 0xa0 : 0x80;   // overlong below
        const std::uint8_t high = first == 0xed ? 0x9f : 0xbf;  // surrogates above
        return follows(1, low, high) && follows(2) ? 3 : 0;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        const std::uint8_t low = first == 0xf0 ? 0x90 : 0x80;
        const std::uint8_t high = first == 0xf4 ? 0x8f : 0xbf;
        return follows(1, low, high) && follows(2) && follows(3) ? 4 : 0;
    }
    return 0;
}

}  // namespace

std::optional<std::size_t> invalid_utf8(std::string_view bytes) noexcept {
    std::size_t at = 0;
    while (at < bytes.size()) {
        std::uint64_t word = 0;  // most text is ASCII: eight bytes at a time
        if (at + 8 <= bytes.size()) {
            std::memcpy(&word, bytes.data() + at, 8);
            if ((word & 0x8080808080808080ULL) == 0) {
                at += 8;
                continue;
            }
        }
        const std::size_t length = sequence_length(bytes.substr(at));
        if (length == 0) return at;
        at += length;
    }
    return std::nullopt;
}

bool has_control(std::string_view bytes) noexcept {
    for (const char c : bytes) {
        if (static_cast<std::uint8_t>(c) < 0x20 || c == 0x7f) return true;
    }
    return false;
}

std::string encode_base64(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group = group << 8 | (k < count ? static_cast<std::uint8_t>(bytes[i + k]) : 0U);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            out.push_back(k <= count ? base64_digits[group >> (18 - 6 * k) & 63] : '=');
        }
    }
    return out;
}

std::optional<std::string> decode_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=')
        ++padding;
    std::string out;
    out.reserve(text.size() / 4 * 3);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool pad = i >= text.size() - padding;
        const int value = pad ? 0 : base64_values[static_cast<std::uint8_t>(text[i])];
        if (value < 0) return std::nullopt;
        group = group << 6 | static_cast<std::uint32_t>(value);
        if (i % 4 != 3) continue;
        out.push_back(static_cast<char>(group >> 16));
        out.push_back(static_cast<char>(group >> 8));
        out.push_back(static_cast<char>(group));
        group = 0;
    }
    // Bits that the padding cuts off must be zero, or two texts would stand for the same bytes.
    for (std::size_t i = 0; i < padding; ++i) {
        if (out.back() != '\0') return std::nullopt;
        out.pop_back();
    }
    return out;
}

std::string shown(std::string_view bytes) {
    constexpr std::size_t cut = 60;
    std::string out = "'";
    for (std::size_t i = 0; i < bytes.size();) {
        if (out.size() > cut) return out + "...'";
        const std::size_t length = sequence_length(bytes.substr(i));
        const auto byte = static_cast<std::uint8_t>(bytes[i]);
        if (length == 0 || byte < 0x20 || byte == 0x7f) {
            out += fmt::format("\\x{:02x}", byte);
            ++i;
        } else {
            out.append(bytes.substr(i, length));
            i += length;
        }
    }
    return out + "'";
}

}  // namespace idem::text
