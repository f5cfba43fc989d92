#include "base/json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/json_chars.hpp"
#include "base/json_number.hpp"
#include "base/text.hpp"
#include "idem/limits.hpp"

namespace idem::json {
namespace {

void append_utf8(std::string& out, std::uint32_t point) {
    if (point < 0x80) {
        out.push_back(static_cast<char>(point));
    } else if (point < 0x800) {
        out.push_back(static_cast<char>(0xc0 | point >> 6));
        out.push_back(static_cast<char>(0x80 | (point & 63)));
    } else if (point < 0x10000) {
        out.push_back(static_cast<char>(0xe0 | point >> 12));
        out.push_back(static_cast<char>(0x80 | (point >> 6 & 63)));
        out.push_back(static_cast<char>(0x80 | (point & 63)));
    } else {
        out.push_back(static_cast<char>(0xf0 | point >> 18));
        out.push_back(static_cast<char>(0x80 | (point >> 12 & 63)));
        out.push_back(static_cast<char>(0x80 | (point >> 6 & 63)));
        out.push_back(static_cast<char>(0x80 | (point & 63)));
    }
}

bool has_escape(std::string_view text) {
    return text.find('\\') != std::string_view::npos;
}

// The end of the checked value that begins at `at`.
std::size_t end_of_value(std::string_view text, std::size_t at) {
    std::size_t depth = 0;
    bool quoted = false;
    for (; at < text.size(); ++at) {
        if (quoted) {
            at = end_of_plain(text, at);
            if (text[at] == '\\') {
                ++at;
                continue;
            }
            quoted = false;
            if (depth == 0) return at + 1;
            continue;
        }
        const char c = text[at];
        if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            ++depth;
        } else if (c == '}' || c == ']') {
            if (depth == 0) return at;
            if (--depth == 0) return at + 1;
        } else if (depth == 0 && (c == ',' || c == ':' || is_space(c))) {
            return at;
        }
    }
    return at;
}

std::size_t skip_space(std::string_view text, std::size_t at) {
    while (at < text.size() && is_space(text[at])) ++at;
    return at;
}

// Calls visit(raw) for each element between the brackets of a checked container; names of members
// are elements too.
template <class Visit>
void each_element(std::string_view container, Visit&& visit) {
    std::size_t at = skip_space(container, 0) + 1;
    for (;;) {
        at = skip_space(container, at);
        if (container[at] == '}' || container[at] == ']') return;
        if (container[at] == ',' || container[at] == ':') {
            ++at;
            continue;
        }
        const std::size_t end = end_of_value(container, at);
        visit(container.substr(at, end - at));
        at = end;
    }
}

// RFC 8785 sorts names by their UTF-16 code units. Code points beyond U+FFFF are surrogates there,
// which come before U+E000..U+FFFF; otherwise the order is that of UTF-8.
bool utf16_less(std::string_view a, std::string_view b) {
    const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    if (x == a.end() || y == b.end()) return x == a.end() && y != b.end();
    const auto rank = [](char c) {
        const auto byte = static_cast<std::uint8_t>(c);
        return byte >= 0xf0 ? 0xed * 16 + 1 + (byte - 0xf0)
                            : byte * 16;  // between U+D7FF and U+E000
    };
    return rank(*x) < rank(*y);
}

void write_string(std::string& out, std::string_view decoded) {
    out.push_back('"');
    for (const char c : decoded) {
        const auto byte = static_cast<std::uint8_t>(c);
        if (c == '"' || c == '\\') {
            out.push_back('\\');
            out.push_back(c);
        } else if (byte < 0x20) {
            out += fmt::format("\\u{:04x}", byte);
        } else {
            out.push_back(c);
        }
    }
    out.push_back('"');
}

void write_canonical(std::string& out, std::string_view raw);  // depth bounded by check()

void write_object(std::string& out, std::string_view raw) {
    std::vector<std::pair<std::string, std::string_view>> members;
    each_member(raw, [&](std::string_view name, kind, std::string_view value) {
        members.emplace_back(name, value);
    });
    std::stable_sort(members.begin(), members.end(),
                     [](const auto& a, const auto& b) { return utf16_less(a.first, b.first); });
    out.push_back('{');
    for (const auto& [name, value] : members) {
        if (out.back() != '{') out.push_back(',');
        write_string(out, name);
        out.push_back(':');
        write_canonical(out, value);
    }
    out.push_back('}');
}

void write_canonical(std::string& out, std::string_view raw) {
    switch (kind_of(raw)) {
        case kind::object:
            return write_object(out, raw);
        case kind::array: {
            out.push_back('[');
            bool first = true;
            each_element(raw, [&](std::string_view element) {
                if (!first) out.push_back(',');
                first = false;
                write_canonical(out, element);
            });
            out.push_back(']');
            return;
        }
        case kind::string:
            return write_string(out, decode_string(raw));
        case kind::number:
            out += canonical_number(raw);
            return;
        case kind::boolean:
        case kind::null:
            out += raw;
            return;
    }
}

std::string_view trimmed(std::string_view text) {
    const std::size_t start = skip_space(text, 0);
    std::size_t end = text.size();
    while (end > start && is_space(text[end - 1])) --end;
    return text.substr(start, end - start);
}

}  // namespace

kind kind_of(std::string_view raw) {
    switch (raw[skip_space(raw, 0)]) {
        case '{':
            return kind::object;
        case '[':
            return kind::array;
        case '"':
            return kind::string;
        case 't':
        case 'f':
            return kind::boolean;
        case 'n':
            return kind::null;
        default:
            return kind::number;
    }
}

std::string decode_string(std::string_view raw) {
    raw = raw.substr(1, raw.size() - 2);
    if (!has_escape(raw)) return std::string(raw);
    std::string out;
    out.reserve(raw.size());
    for (std::size_t i = 0; i < raw.size(); ++i) {
        if (raw[i] != '\\') {
            out.push_back(raw[i]);
            continue;
        }
        switch (const char c = raw[++i]) {
            case 'b':
                out.push_back('\b');
                break;
            case 'f':
                out.push_back('\f');
                break;
            case 'n':
                out.push_back('\n');
                break;
            case 'r':
                out.push_back('\r');
                break;
            case 't':
                out.push_back('\t');
                break;
            case 'u': {
                auto point = static_cast<std::uint32_t>(code_unit(raw, i + 1));
                i += 4;
                if (is_high_surrogate(static_cast<int>(point))) {
                    const auto low = static_cast<std::uint32_t>(code_unit(raw, i + 3));
                    point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
                    i += 6;
                }
                append_utf8(out, point);
                break;
            }
            default:
                out.push_back(c);
                break;
        }
    }
    return out;
}

void each_member(
    std::string_view object,
    const std::function<void(std::string_view name, kind type, std::string_view raw)>& visit) {
    std::optional<std::string_view> name;
    std::string decoded;
    each_element(object, [&](std::string_view raw) {
        if (name) {
            visit(*name, kind_of(raw), raw);
            name.reset();
        } else if (has_escape(raw)) {
            name = decoded = decode_string(raw);
        } else {
            name = raw.substr(1, raw.size() - 2);
        }
    });
}

void each_item(std::string_view array,
               const std::function<void(kind type, std::string_view raw)>& visit) {
    each_element(array, [&](std::string_view raw) { visit(kind_of(raw), raw); });
}

std::string canonical(std::string_view text) {
    std::string out;
    write_canonical(out, trimmed(text));
    return out;
}

bool same_value(std::string_view a, std::string_view b) {
    return a == b || canonical(a) == canonical(b);
}

}  // namespace idem::json
