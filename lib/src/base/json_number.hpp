// Numbers of JSON, compared by value.
#pragma once

#include <string>
#include <string_view>

namespace idem::json {

// One spelling for each value: "-" if negative, the digits without zeros at their ends, "e" and the
// power of ten of the last digit; "0" for any zero. Two spellings of one IEEE 754 double agree, as
// in RFC 8785. Integers beyond 2^53 that are written without point and exponent, and numbers beyond
// the range of doubles, keep all their digits; those with exponents beyond 10^12 their spelling.
// `raw` is a checked number.
std::string canonical_number(std::string_view raw);

}  // namespace idem::json
