#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace idem::cli {
namespace {

struct character {
    char32_t code = 0;
    std::size_t bytes = 1;
    bool valid = false;
};

character first_character(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return {lead, 1, true};
    const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {};
    char32_t code = lead & (0xff >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {};
        code = code << 6 | (byte(i) & 0x3f);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    if (overlong || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {};
    return {code, length, true};
}

struct range {
    char32_t first;
    char32_t last;
};
constexpr std::array wide{range{0x1100, 0x115f},  range{0x2e80, 0xa4cf},   range{0xac00, 0xd7a3},
                          range{0xf900, 0xfaff},  range{0xfe30, 0xfe6f},   range{0xff00, 0xff60},
                          range{0xffe0, 0xffe6},  range{0x1f300, 0x1f64f}, range{0x1f900, 0x1f9ff},
                          range{0x20000, 0x3fffd}};
constexpr std::array combining{range{0x300, 0x36f},   range{0x1ab0, 0x1aff}, range{0x200b, 0x200f},
                               range{0x20d0, 0x20ff}, range{0xfe00, 0xfe0f}, range{0xfe20, 0xfe2f}};

template <std::size_t Size>
bool within(const std::array<range, Size>& ranges, char32_t code) noexcept {
    return std::any_of(ranges.begin(), ranges.end(),
                       [code](const range& r) { return r.first <= code && code <= r.last; });
}

std::size_t width_of(char32_t code) noexcept {
    if (code < 0x300) return 1;
    if (within(combining, code)) return 0;
    return within(wide, code) ? 2 : 1;
}

// C0, C1, and the marks that change the direction of what follows.
bool changes_the_terminal(char32_t code) noexcept {
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

bool is_utf8(std::string_view bytes) noexcept {
    while (!bytes.empty()) {
        const character next = first_character(bytes);
        if (!next.valid) return false;
        bytes.remove_prefix(next.bytes);
    }
    return true;
}

std::string printable(std::string_view text) {
    std::string shown;
    shown.reserve(text.size());
    while (!text.empty()) {
        const character c = first_character(text);
        if (!c.valid) {
            shown += "\uFFFD";
        } else if (c.code == '\t' || c.code == '\n') {
            shown += ' ';
        } else if (changes_the_terminal(c.code)) {
            shown += "\uFFFD";
        } else {
            shown += text.substr(0, c.bytes);
        }
        text.remove_prefix(c.bytes);
    }
    return shown;
}

std::size_t display_width(std::string_view text) noexcept {
    std::size_t columns = 0;
    while (!text.empty()) {
        const character c = first_character(text);
        columns += c.valid ? width_of(c.code) : 1;
        text.remove_prefix(c.bytes);
    }
    return columns;
}

std::string cut_to_width(std::string_view text, std::size_t columns) {
    if (display_width(text) <= columns) return std::string(text);
    if (columns == 0) return {};
    std::size_t taken = 0;
    std::size_t bytes = 0;
    while (bytes < text.size()) {
        const character c = first_character(text.substr(bytes));
        const std::size_t width = c.valid ? width_of(c.code) : 1;
        if (taken + width > columns - 1) break;
        taken += width;
        bytes += c.bytes;
    }
    return std::string(text.substr(0, bytes)) + "…";
}

std::string with_commas(std::uint64_t number) {
    std::string digits = std::to_string(number);
    for (std::size_t at = digits.size(); at > 3;) {
        at -= 3;
        digits.insert(at, 1, ',');
    }
    return digits;
}

std::string byte_size(std::uint64_t bytes) {
    constexpr std::array units{"kB", "MB", "GB", "TB"};
    if (bytes < 1000) return fmt::format("{} B", bytes);
    double value = static_cast<double>(bytes) / 1000;
    std::size_t unit = 0;
    for (; value >= 999.95 && unit + 1 < units.size(); ++unit) value /= 1000;
    return fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace idem::cli
