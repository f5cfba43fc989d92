// A condition on the rows of a projection as it is written: `cents >= 0 and owner != null`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "json_value.hpp"

namespace idem::cli {

inline constexpr std::size_t condition_bytes_max = 4096;
inline constexpr int condition_depth_max = 64;  // of parentheses and `not`s within each other

using path_steps = std::vector<std::variant<std::string, std::size_t>>;  // a name, or an index

enum class operand_kind : std::uint8_t { literal, path, key, count, sum, row };

struct condition_operand {
    operand_kind kind = operand_kind::literal;
    std::string text = {};     // as it was written
    json literal = {};         // null, true, false, a number of 64 bits, text
    std::string row_key = {};  // row
    path_steps steps = {};     // path, sum, row; row without steps: the whole row
};

enum class comparator : std::uint8_t {
    equal,
    not_equal,
    less,
    less_or_equal,
    greater,
    greater_or_equal,
};

enum class term_kind : std::uint8_t { comparison, all, any, negation };

struct condition_term {
    term_kind kind = term_kind::comparison;
    comparator how = comparator::equal;
    std::size_t left = 0;  // operands of a comparison, by index
    std::size_t right = 0;
    std::vector<condition_term> parts = {};  // of all and any, two or more; of negation, one
};

struct condition_syntax {
    condition_term root;
    std::vector<condition_operand> operands;  // as they come; those of the same text are one
    bool about_each_row = false;              // else about the whole state
};

// Throws invalid_input that names the column, what was found there and what would fit.
condition_syntax parse_condition(std::string_view expression);

}  // namespace idem::cli
