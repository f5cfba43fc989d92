#include "base/json_number.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>

namespace idem::json {
namespace {

struct decimal {
    bool negative = false;
    std::string digits;         // no zeros at either end; empty: zero
    std::int64_t exponent = 0;  // power of ten of the last digit
};

constexpr std::int64_t exponent_max = 1'000'000'000'000;

// Nothing beyond exponent_max, which no serializer writes and no digits make up for.
std::optional<std::int64_t> parse_exponent(std::string_view text) {
    if (!text.empty() && text.front() == '+') text.remove_prefix(1);
    std::int64_t value = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (fault != std::errc() || value > exponent_max || value < -exponent_max) return std::nullopt;
    return value;
}

// The exact value of a spelling; nothing where its exponent is beyond exponent_max, unless it is
// zero.
std::optional<decimal> parse_decimal(std::string_view raw) {
    decimal d;
    bool out_of_range = false;
    if (raw.front() == '-') {
        d.negative = true;
        raw.remove_prefix(1);
    }
    if (const auto e = raw.find_first_of("eE"); e != std::string_view::npos) {
        const auto exponent = parse_exponent(raw.substr(e + 1));
        out_of_range = !exponent;
        d.exponent = exponent.value_or(0);
        raw = raw.substr(0, e);
    }
    if (const auto point = raw.find('.'); point != std::string_view::npos) {
        d.digits = raw.substr(0, point);
        d.digits += raw.substr(point + 1);
        d.exponent -= static_cast<std::int64_t>(raw.size() - point - 1);
    } else {
        d.digits = raw;
    }
    d.digits.erase(0, std::min(d.digits.find_first_not_of('0'), d.digits.size()));
    while (!d.digits.empty() && d.digits.back() == '0') {
        d.digits.pop_back();
        ++d.exponent;
    }
    if (out_of_range && !d.digits.empty()) return std::nullopt;
    return d;
}

std::string print(const decimal& d) {
    if (d.digits.empty()) return "0";
    return (d.negative ? "-" : "") + d.digits + "e" + std::to_string(d.exponent);
}

bool is_large_integer(std::string_view raw, const decimal& exact) {
    constexpr std::string_view largest = "9007199254740992";  // 2^53
    if (raw.find_first_of(".eE") != std::string_view::npos) return false;
    const std::string digits =
        exact.digits + std::string(static_cast<std::size_t>(exact.exponent), '0');
    return digits.size() != largest.size() ? digits.size() > largest.size() : digits > largest;
}

}  // namespace

std::string canonical_number(std::string_view raw) {
    const auto exact = parse_decimal(raw);
    if (!exact) return std::string(raw);
    if (exact->digits.empty() || is_large_integer(raw, *exact)) return print(*exact);
    double value = 0;
    const auto [end, fault] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
    if (fault != std::errc() || !std::isfinite(value)) return print(*exact);
    std::array<char, 32> shortest{};
    const auto [last, no_fault] = std::to_chars(shortest.data(), shortest.data() + shortest.size(),
                                                value, std::chars_format::scientific);
    return print(
        *parse_decimal({shortest.data(), static_cast<std::size_t>(last - shortest.data())}));
}

}  // namespace idem::json
