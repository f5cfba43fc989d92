// Decimal numbers without rounding: 12.10 times 100 is 1210, where doubles make it
// 1209.9999999999998.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace idem {

// An immutable value that needs at most `digits_max` digits where it is written without exponent,
// those before and behind the point together. A lone zero before the point is not counted.
class exact_decimal {
public:
    static constexpr std::size_t digits_max = 38;

    // `raw` is a checked JSON number. Nullopt where it needs more digits. Its cost is that of
    // reading `raw`, whatever its exponent.
    static std::optional<exact_decimal> parse(std::string_view raw);

    std::optional<exact_decimal> times(const exact_decimal& other) const;  // nullopt likewise

    bool is_zero() const noexcept { return digits_.empty(); }
    // Digits without the zeros at either end.
    std::size_t significant_digits() const noexcept { return digits_.size(); }

    std::string print() const;  // as JSON, without exponent; without point where it is an integer

private:
    exact_decimal() = default;
    static std::optional<exact_decimal> make(bool negative, std::string digits,
                                             std::int64_t exponent);

    bool negative_ = false;
    std::string digits_;         // no zeros at either end; empty: zero
    std::int64_t exponent_ = 0;  // power of ten of the last digit
};

}  // namespace idem
