#include "row_condition.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "idem/error.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

constexpr std::size_t shown_columns_max = 60;  // of a value or an operand
constexpr std::size_t shown_operands_max = 8;

std::string shown(std::string_view text) {
    return cut_to_width(printable(text), shown_columns_max);
}

[[noreturn]] void fail(std::string_view key, const condition_operand& operand,
                       std::string_view why) {
    throw error(errc::invalid_input,
                fmt::format("row {}: {} {}", shown(key), shown(operand.text), why));
}

// ---- comparisons

const json* json_of(const operand_value& value) {
    const auto* found = std::get_if<const json*>(&value);
    return found != nullptr ? *found : nullptr;
}

std::optional<number> number_of(const operand_value& value) {
    if (const auto* total = std::get_if<number>(&value)) return *total;
    const json* found = json_of(value);
    return found != nullptr ? as_number(*found) : std::nullopt;
}

// Recursion as deep as the parser of JSON lets values be.
bool equal_json(const json& a, const json& b) {
    const auto left = as_number(a);
    const auto right = as_number(b);
    if (left && right) return compare(*left, *right) == 0;
    if (a.type() != b.type()) return false;
    if (a.is_array()) return std::equal(a.begin(), a.end(), b.begin(), b.end(), equal_json);
    if (!a.is_object()) return a == b;
    // Both sorted by name.
    auto other = b.begin();
    for (auto member = a.begin(); member != a.end(); ++member, ++other) {
        if (other == b.end() || member.key() != other.key()) return false;
        if (!equal_json(*member, *other)) return false;
    }
    return other == b.end();
}

bool equal(const operand_value& a, const operand_value& b) {
    const auto left = number_of(a);
    const auto right = number_of(b);
    if (left || right) return left && right && compare(*left, *right) == 0;
    static const json null;
    const json* one = json_of(a);
    const json* other = json_of(b);
    return equal_json(one != nullptr ? *one : null, other != nullptr ? *other : null);
}

// Numbers by value, text by its bytes. Nothing else has an order, nor have the two of them.
std::partial_ordering order_of(const operand_value& a, const operand_value& b) {
    const auto left = number_of(a);
    const auto right = number_of(b);
    if (left && right) return compare(*left, *right);
    const json* one = json_of(a);
    const json* other = json_of(b);
    if (one == nullptr || other == nullptr || !one->is_string() || !other->is_string()) {
        return std::partial_ordering::unordered;
    }
    return one->get_ref<const std::string&>().compare(other->get_ref<const std::string&>()) <=> 0;
}

bool compares(comparator how, const operand_value& a, const operand_value& b) {
    switch (how) {
        case comparator::equal:
            return equal(a, b);
        case comparator::not_equal:
            return !equal(a, b);
        case comparator::less:
            return order_of(a, b) < 0;
        case comparator::less_or_equal:
            return order_of(a, b) <= 0;
        case comparator::greater:
            return order_of(a, b) > 0;
        case comparator::greater_or_equal:
            return order_of(a, b) >= 0;
    }
    return false;
}

bool holds(const condition_term& term, const std::vector<operand_value>& values) {
    const auto part_holds = [&](const condition_term& part) { return holds(part, values); };
    switch (term.kind) {
        case term_kind::comparison:
            return compares(term.how, values[term.left], values[term.right]);
        case term_kind::all:
            return std::all_of(term.parts.begin(), term.parts.end(), part_holds);
        case term_kind::any:
            return std::any_of(term.parts.begin(), term.parts.end(), part_holds);
        case term_kind::negation:
            return !part_holds(term.parts.front());
    }
    return false;
}

// ---- operands

const json* find(const json& row, const condition_operand& operand) {
    const json* at = &row;
    for (const auto& step : operand.steps) {
        if (const auto* name = std::get_if<std::string>(&step)) {
            if (!at->is_object()) return nullptr;
            const auto member = at->find(*name);
            if (member == at->end()) return nullptr;
            at = &*member;
        } else {
            const std::size_t index = std::get<std::size_t>(step);
            if (!at->is_array() || index >= at->size()) return nullptr;
            at = &(*at)[index];
        }
    }
    return at;
}

// A number whose digits are not all known must not pass for equal or unequal to anything.
const json* find_exact(std::string_view key, const json& row, const condition_operand& operand) {
    const json* found = find(row, operand);
    if (found != nullptr && holds_huge_number(*found)) {
        fail(key, operand,
             "is or holds a number beyond what 64 bits hold, which has no exact value");
    }
    return found;
}

// Nullopt: nothing to add.
std::optional<number> summand(std::string_view key, const json* row,
                              const condition_operand& operand) {
    const json* found = row != nullptr ? find(*row, operand) : nullptr;
    if (found == nullptr || found->is_null()) return std::nullopt;
    const auto value = as_number(*found);
    if (!value)
        fail(key, operand,
             fmt::format("meets {}; it adds integers of 64 bits and real numbers",
                         kind_name(*found)));
    return value;
}

std::string shown(const operand_value& value) {
    if (const auto* total = std::get_if<number>(&value)) {
        if (const auto* integer = std::get_if<wide_integer>(total)) {
            return fmt::format("{}", *integer);
        }
        return json(std::get<double>(*total)).dump();
    }
    const json* found = json_of(value);
    if (found == nullptr) return "missing";
    return shown(found->dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string told(const condition_syntax& syntax, const std::vector<operand_value>& values) {
    std::string all;
    std::size_t count = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const condition_operand& operand = syntax.operands[i];
        if (operand.kind == operand_kind::literal) continue;
        if (count++ == shown_operands_max) return all + ", …";
        all += fmt::format("{}{} is {}", all.empty() ? "" : ", ", shown(operand.text),
                           shown(values[i]));
    }
    return all;
}

}  // namespace

row_condition::row_condition(condition_syntax syntax)
    : syntax_(std::move(syntax)), operand_states_(syntax_.operands.size()) {
    for (const condition_operand& operand : syntax_.operands) {
        missed_.push_back(operand.kind == operand_kind::path || operand.kind == operand_kind::sum ||
                          operand.kind == operand_kind::row);
    }
}

row_condition row_condition::parse(std::string_view expression) {
    return row_condition(parse_condition(expression));
}

void row_condition::note_found(std::string_view key, const json& row) {
    told_of_rows_ = true;
    for (std::size_t i = 0; i < missed_.size(); ++i) {
        if (!missed_[i]) continue;
        const condition_operand& operand = syntax_.operands[i];
        if (operand.kind == operand_kind::row && operand.row_key != key) continue;
        missed_[i] = find(row, operand) == nullptr;
    }
}

std::vector<std::string> row_condition::never_found() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; told_of_rows_ && i < missed_.size(); ++i) {
        const std::string name = shown(syntax_.operands[i].text);
        const bool known = std::find(names.begin(), names.end(), name) != names.end();
        if (missed_[i] && !known) names.push_back(name);
    }
    return names;
}

void row_condition::change_row(std::string_view key, const json* after) {
    const auto known = failing_.find(key);
    std::optional<std::string> why;
    if (after != nullptr) {
        const json key_text = std::string(key);
        std::vector<operand_value> values;
        values.reserve(syntax_.operands.size());
        for (const condition_operand& operand : syntax_.operands) {
            values.emplace_back(operand.kind == operand_kind::literal ? &operand.literal
                                : operand.kind == operand_kind::key
                                    ? &key_text
                                    : find_exact(key, *after, operand));
        }
        if (!cli::holds(syntax_.root, values)) why = told(syntax_, values);
    }
    if (!why) {
        if (known != failing_.end()) failing_.erase(known);
    } else if (known != failing_.end()) {
        known->second = *std::move(why);
    } else {
        failing_.emplace(key, *std::move(why));
    }
}

void row_condition::change(std::string_view key, const json* before, const json* after) {
    if (after != nullptr) note_found(key, *after);
    if (syntax_.about_each_row) return change_row(key, after);
    std::vector<std::pair<std::size_t, operand_state>> changed;  // all of them, or none
    for (std::size_t i = 0; i < syntax_.operands.size(); ++i) {
        const condition_operand& operand = syntax_.operands[i];
        if (operand.kind == operand_kind::sum) {
            operand_state state = operand_states_[i];
            const auto leaves = summand(key, before, operand);
            const auto comes = summand(key, after, operand);
            bool in_range = !leaves || state.sum.remove(*leaves);
            in_range = in_range && (!comes || state.sum.add(*comes));
            if (!in_range) fail(key, operand, "is then beyond the range of real numbers");
            changed.emplace_back(i, std::move(state));
        } else if (operand.kind == operand_kind::row && operand.row_key == key) {
            const json* found = after != nullptr ? find_exact(key, *after, operand) : nullptr;
            operand_state state;
            if (found != nullptr) state.found = *found;
            changed.emplace_back(i, std::move(state));
        }
    }
    for (auto& [i, state] : changed) operand_states_[i] = std::move(state);
    assert(before == nullptr || rows_ > 0);
    if (before != nullptr) --rows_;
    if (after != nullptr) ++rows_;
}

std::vector<operand_value> row_condition::state_values() const {
    std::vector<operand_value> values;
    values.reserve(syntax_.operands.size());
    for (std::size_t i = 0; i < syntax_.operands.size(); ++i) {
        const condition_operand& operand = syntax_.operands[i];
        const operand_state& state = operand_states_[i];
        if (operand.kind == operand_kind::count) {
            values.emplace_back(number(wide_integer(rows_)));
        } else if (operand.kind == operand_kind::sum) {
            values.emplace_back(state.sum.total());
        } else if (operand.kind == operand_kind::row) {
            values.emplace_back(state.found ? &*state.found : nullptr);
        } else {
            values.emplace_back(&operand.literal);
        }
    }
    return values;
}

bool row_condition::holds() const {
    if (syntax_.about_each_row) return failing_.empty();
    return cli::holds(syntax_.root, state_values());
}

std::string row_condition::why_not() const {
    if (holds()) return {};
    if (!syntax_.about_each_row) return told(syntax_, state_values());
    const auto& [key, why] = *failing_.begin();
    return fmt::format("row {}: {}", shown(key), why);
}

}  // namespace idem::cli
