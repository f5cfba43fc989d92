#include "exact_number.hpp"

#include <cmath>
#include <type_traits>
#include <utility>

namespace idem::cli {
namespace {

std::partial_ordering compare(wide_integer integer, double real) {
    constexpr double beyond_every_sum = 0x1p126;
    if (real >= beyond_every_sum) return std::partial_ordering::less;
    if (real <= -beyond_every_sum) return std::partial_ordering::greater;
    const double whole = std::trunc(real);
    const auto other = static_cast<wide_integer>(whole);
    if (integer != other) return integer <=> other;
    return 0.0 <=> real - whole;
}

}  // namespace

std::optional<number> as_number(const json& value) {
    if (const auto integer = as_integer(value)) return number(*integer);
    if (value.is_number_float()) return number(value.get<double>());
    return std::nullopt;
}

std::partial_ordering compare(const number& a, const number& b) {
    return std::visit(
        [](auto left, auto right) -> std::partial_ordering {
            if constexpr (std::is_same_v<decltype(left), decltype(right)>) {
                return left <=> right;
            } else if constexpr (std::is_same_v<decltype(left), double>) {
                return 0 <=> compare(right, left);
            } else {
                return compare(left, right);
            }
        },
        a, b);
}

bool exact_sum::add(const number& value) {
    if (const auto* integer = std::get_if<wide_integer>(&value)) return add_integer(*integer);
    ++reals_;
    return add_part(std::get<double>(value));
}

bool exact_sum::remove(const number& value) {
    if (const auto* integer = std::get_if<wide_integer>(&value)) return add_integer(-*integer);
    --reals_;
    return add_part(-std::get<double>(value));
}

number exact_sum::total() const {
    if (reals_ == 0) return integers_;
    return rounded_parts();
}

// An integer of 64 bits is two doubles at most: the nearest one, and what that left over.
bool exact_sum::add_integer(wide_integer value) {
    integers_ += value;
    bool in_range = true;
    while (value != 0) {
        const auto part = static_cast<double>(value);
        in_range = add_part(part);
        value -= static_cast<wide_integer>(part);
    }
    return in_range;
}

// Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997: a sum of two doubles and what its
// rounding cut off are both doubles.
bool exact_sum::add_part(double value) {
    std::size_t kept = 0;
    for (double part : parts_) {
        if (std::abs(value) < std::abs(part)) std::swap(value, part);
        const double sum = value + part;
        const double cut_off = part - (sum - value);
        if (cut_off != 0) parts_[kept++] = cut_off;
        value = sum;
    }
    parts_.resize(kept);
    if (value != 0) parts_.push_back(value);
    return std::isfinite(value);
}

double exact_sum::rounded_parts() const {
    if (parts_.empty()) return 0;
    std::size_t left = parts_.size() - 1;
    double sum = parts_[left];
    double cut_off = 0;
    while (left > 0 && cut_off == 0) {
        const double before = sum;
        const double part = parts_[--left];
        sum = before + part;
        cut_off = part - (sum - before);
    }
    // Half a unit of the last digit was rounded to the even digit; what is left may say that it is
    // more than half.
    const bool same_sign = left > 0 && cut_off != 0 && (cut_off < 0) == (parts_[left - 1] < 0);
    if (same_sign) {
        const double other = sum + (cut_off + cut_off);
        if (other - sum == cut_off + cut_off) sum = other;
    }
    return sum;
}

}  // namespace idem::cli
