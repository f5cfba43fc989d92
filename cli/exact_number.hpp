// Numbers of JSON compared and summed without a digit lost.
#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

#include "json_value.hpp"

namespace idem::cli {

using number = std::variant<wide_integer, double>;

std::optional<number> as_number(const json& value);  // nullopt: none, or one beyond 64 bits

// By value, whatever the kinds: 9007199254740993 is greater than 9007199254740992.0.
std::partial_ordering compare(const number& a, const number& b);

// The sum of numbers that come and go. It depends on which are there, not on the order in which
// they came: floating-point addition that rounds as it goes would remember those that have left.
class exact_sum {
public:
    // False: beyond the range of doubles, and the sum is of no further use.
    bool add(const number& value);
    bool remove(const number& value);  // one that was added

    // An integer where all are integers, else rounded once, to the nearest double.
    number total() const;

private:
    bool add_integer(wide_integer value);
    bool add_part(double value);
    double rounded_parts() const;

    wide_integer integers_ = 0;  // has room for 2^63 integers of 64 bits
    std::size_t reals_ = 0;      // how many of the numbers are real
    // Doubles whose exact sum is that of all numbers. Their digits do not overlap, the smallest
    // comes first, none is 0: 40 at most.
    std::vector<double> parts_;
};

}  // namespace idem::cli
