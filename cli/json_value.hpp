// JSON values whose integers are exact. Costs the compiler seconds: for the sources of JSON
// projections only.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace idem::cli {

using json = nlohmann::json;

enum class repeated_members : std::uint8_t { last_counts, refused };

// Numbers by value: 100, 100.0 and 1e2 are the integer 100, and any two texts that
// idem::first_difference() calls the same give equal values. An integer beyond 64 bits that `json`
// would round, or a number beyond the range of doubles, becomes a binary value: holds_huge_number()
// finds it before it is used. Throws invalid_input with line and column.
json parse_json(std::string_view text, repeated_members repeated);

// A row as dump() wrote it: a real number stays one, even 3.0. Throws corrupt.
json parse_row(std::string_view text);

bool holds_huge_number(const json& value);

// Wide enough for the sum of any two 64-bit integers, signed or not.
__extension__ typedef __int128 wide_integer;

std::optional<wide_integer> as_integer(const json& value);  // nullopt: not an integer
std::optional<json> to_json(wide_integer value);            // nullopt: beyond 64 bits

// "an object", "text", and so on.
std::string_view kind_name(const json& value);

}  // namespace idem::cli
