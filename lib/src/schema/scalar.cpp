#include "schema/scalar.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "base/json_number.hpp"
#include "base/text.hpp"

namespace idem {
namespace {

[[noreturn]] void refuse(std::string why) {
    throw unfit_value{std::move(why)};
}

void expect(const raw_value& value, json::kind kind) {
    if (value.kind != kind) refuse(says_wrong_kind(value.kind, kind));
}

// A number in a message, which must not become as long as a number may be.
std::string cut(std::string_view number) {
    constexpr std::size_t length_max = 60;
    if (number.size() <= length_max) return std::string(number);
    return std::string(number.substr(0, length_max)) + "...";
}

std::string_view kind_name(json::kind kind) noexcept {
    switch (kind) {
        case json::kind::object:
            return "an object";
        case json::kind::array:
            return "a list";
        case json::kind::string:
            return "text";
        case json::kind::number:
            return "a number";
        case json::kind::boolean:
            return "true or false";
        case json::kind::null:
            return "null";
    }
    return "something else";
}

template <class Real>
Real read_real(const raw_value& value) {
    if (value.kind == json::kind::string) {
        if (value.text == "\"NaN\"") return std::numeric_limits<Real>::quiet_NaN();
        if (value.text == "\"Infinity\"") return std::numeric_limits<Real>::infinity();
        if (value.text == "\"-Infinity\"") return -std::numeric_limits<Real>::infinity();
    }
    expect(value, json::kind::number);
    Real number = 0;
    const char* end = value.text.data() + value.text.size();
    if (std::from_chars(value.text.data(), end, number).ec != std::errc()) {
        refuse(fmt::format("is {}, which its type cannot hold", cut(value.text)));
    }
    return number;
}

// "5.0" and "5e0" are the integer 5 in another spelling; what is no integer is left as it is.
std::string plain_integer(std::string_view number) {
    constexpr std::size_t digits_max = 20;
    if (number.find_first_of(".eE") == std::string_view::npos) return std::string(number);
    const std::string canonical = json::canonical_number(number);
    const auto e = canonical.find('e');
    std::size_t zeros = 0;
    if (e != std::string::npos) {
        const char* const end = canonical.data() + canonical.size();
        const auto parsed = std::from_chars(canonical.data() + e + 1, end, zeros);
        if (parsed.ec != std::errc() || parsed.ptr != end || zeros > digits_max) {
            return std::string(number);
        }
    }
    return canonical.substr(0, e) + std::string(zeros, '0');
}

std::uint64_t read_integer(base_type base, std::string_view given) {
    const std::string text = plain_integer(given);
    const char* end = text.data() + text.size();
    const unsigned width = 8 * size_of(base);
    if (is_signed(base)) {
        std::int64_t number = 0;
        const auto [stop, fault] = std::from_chars(text.data(), end, number);
        const std::int64_t max = std::numeric_limits<std::int64_t>::max() >> (64 - width);
        if (fault == std::errc() && stop == end && number <= max && number >= -max - 1) {
            return static_cast<std::uint64_t>(number);
        }
    } else {
        std::uint64_t number = 0;
        const auto [stop, fault] = std::from_chars(text.data(), end, number);
        const std::uint64_t max = std::numeric_limits<std::uint64_t>::max() >> (64 - width);
        if (fault == std::errc() && stop == end && number <= max) return number;
    }
    refuse(fmt::format("is {}, where it must be an integer of {} bits{}", cut(given), width,
                       is_signed(base) ? "" : ", not negative"));
}

// One name or, of flags, several with spaces between them.
std::uint64_t read_names(const schema_enum& e, const std::string& names) {
    std::uint64_t bits = 0;
    std::size_t start = 0;
    for (;;) {
        const std::size_t space = e.bit_flags ? names.find(' ', start) : std::string::npos;
        const std::string name = names.substr(start, space - start);
        const enum_value* found = e.find(std::string_view(name));
        if (!found) {
            refuse(fmt::format("is {}, which is no value of {}", text::shown(names), e.name));
        }
        bits |= static_cast<std::uint64_t>(found->value);
        if (space == std::string::npos) return bits;
        start = space + 1;
    }
}

}  // namespace

std::string says_wrong_kind(json::kind given, json::kind wanted) {
    return fmt::format("is {} where it must be {}", kind_name(given), kind_name(wanted));
}

std::string read_scalar(base_type base, const schema_enum* named, const raw_value& value) {
    if (base == base_type::boolean) {
        expect(value, json::kind::boolean);
        return bytes_of<std::uint8_t>(value.text == "true");
    }
    if (base == base_type::float32) return bytes_of(read_real<float>(value));
    if (base == base_type::float64) return bytes_of(read_real<double>(value));
    std::uint64_t bits = 0;
    if (value.kind == json::kind::string && named) {
        bits = read_names(*named, json::decode_string(value.text));
    } else {
        expect(value, json::kind::number);
        bits = read_integer(base, value.text);
    }
    return bytes_of(bits).substr(0, size_of(base));
}

}  // namespace idem
