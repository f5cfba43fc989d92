#include "schema/exact_decimal.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace idem {
namespace {

// No text that fits into memory has digits enough to bring such an exponent back into range.
constexpr std::int64_t exponent_max = 1'000'000'000'000;

std::optional<std::int64_t> parse_exponent(std::string_view text) {
    if (text.front() == '+') text.remove_prefix(1);
    std::int64_t value = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (fault != std::errc() || value > exponent_max || value < -exponent_max) return std::nullopt;
    return value;
}

}  // namespace

std::optional<exact_decimal> exact_decimal::make(bool negative, std::string digits,
                                                 std::int64_t exponent) {
    const std::size_t last = digits.find_last_not_of('0');
    if (last == std::string::npos) return exact_decimal();
    exponent += static_cast<std::int64_t>(digits.size() - last - 1);
    digits.resize(last + 1);
    digits.erase(0, digits.find_first_not_of('0'));

    const auto size = static_cast<std::int64_t>(digits.size());
    const std::int64_t needed = exponent >= 0 ? size + exponent : std::max(size, -exponent);
    if (needed > static_cast<std::int64_t>(digits_max)) return std::nullopt;
    exact_decimal made;
    made.negative_ = negative;
    made.digits_ = std::move(digits);
    made.exponent_ = exponent;
    return made;
}

std::optional<exact_decimal> exact_decimal::parse(std::string_view raw) {
    const bool negative = raw.front() == '-';
    if (negative) raw.remove_prefix(1);
    std::int64_t exponent = 0;
    bool out_of_range = false;
    if (const auto e = raw.find_first_of("eE"); e != std::string_view::npos) {
        const auto given = parse_exponent(raw.substr(e + 1));
        out_of_range = !given;
        exponent = given.value_or(0);
        raw = raw.substr(0, e);
    }
    std::string digits(raw);
    if (const auto point = digits.find('.'); point != std::string::npos) {
        exponent -= static_cast<std::int64_t>(digits.size() - point - 1);
        digits.erase(point, 1);
    }
    // Zero is zero with any exponent.
    if (out_of_range && digits.find_first_not_of('0') != std::string::npos) return std::nullopt;
    return make(negative, std::move(digits), exponent);
}

std::optional<exact_decimal> exact_decimal::times(const exact_decimal& other) const {
    std::array<std::uint32_t, 2 * digits_max> sums{};  // by power of ten
    for (std::size_t i = 0; i < digits_.size(); ++i) {
        for (std::size_t k = 0; k < other.digits_.size(); ++k) {
            const auto a = static_cast<std::uint32_t>(digits_[digits_.size() - 1 - i] - '0');
            const auto b =
                static_cast<std::uint32_t>(other.digits_[other.digits_.size() - 1 - k] - '0');
            sums[i + k] += a * b;
        }
    }
    std::string product(sums.size(), '0');
    std::uint32_t carry = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) {
        carry += sums[i];
        product[product.size() - 1 - i] = static_cast<char>('0' + carry % 10);
        carry /= 10;
    }
    return make(negative_ != other.negative_, std::move(product), exponent_ + other.exponent_);
}

std::string exact_decimal::print() const {
    if (is_zero()) return "0";
    std::string out = negative_ ? "-" : "";
    if (exponent_ >= 0)
        return out + digits_ + std::string(static_cast<std::size_t>(exponent_), '0');
    const auto decimals = static_cast<std::size_t>(-exponent_);
    if (digits_.size() <= decimals) {
        return out + "0." + std::string(decimals - digits_.size(), '0') + digits_;
    }
    const std::size_t whole = digits_.size() - decimals;
    return out + digits_.substr(0, whole) + "." + digits_.substr(whole);
}

}  // namespace idem
