// A condition on the rows of a projection, kept up to date as the rows change.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "condition_syntax.hpp"
#include "exact_number.hpp"
#include "json_value.hpp"

namespace idem::cli {

using operand_value = std::variant<const json*, number>;  // nullptr: missing

// A value: the condition, and what it has to know of the state it was told of. That is the rows
// for which it fails and the rows that it names, never all of them.
class row_condition {
public:
    // Throws invalid_input that names the column, what was found there and what would fit.
    static row_condition parse(std::string_view expression);

    // The state begins without rows. Tells that a row has become `after` (nullptr: it is gone) and
    // was `before` (nullptr: it was not there; else as it was told last). Costs in proportion to
    // both, not to the number of rows. Throws invalid_input that names key and path where a value
    // cannot be summed or compared; the change is then as if not told.
    void change(std::string_view key, const json* before, const json* after);

    // For the state as told so far; costs in proportion to the condition alone.
    bool holds() const;

    // Where it does not hold, the first failing row by the bytes of its key, or the totals: "row
    // ann: cents is -5", "sum(cents) is 99". Fit for a terminal. Empty where it holds.
    std::string why_not() const;

    // What the condition names of rows and none of those told had, as it is written there; empty
    // where no row was told.
    std::vector<std::string> never_found() const;

private:
    struct operand_state {
        exact_sum sum = {};
        std::optional<json> found = {};  // in the row that the operand names
    };

    explicit row_condition(condition_syntax syntax);
    void note_found(std::string_view key, const json& row);
    void change_row(std::string_view key, const json* after);
    std::vector<operand_value> state_values() const;

    condition_syntax syntax_;
    // About each row: those for which it fails, and the values that tell why.
    std::map<std::string, std::string, std::less<>> failing_;
    // About the whole state: one an operand, and the number of rows.
    std::vector<operand_state> operand_states_;
    std::uint64_t rows_ = 0;
    std::vector<bool> missed_;  // of each operand: it names something that no row had
    bool told_of_rows_ = false;
};

}  // namespace idem::cli
