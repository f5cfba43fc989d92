#include "condition_syntax.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "idem/error.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

constexpr std::string_view an_operand =
    "a path, a literal, key(), count(), sum(PATH) or row(\"KEY\")";

constexpr std::array<std::pair<std::string_view, comparator>, 6> comparators{{
    {"==", comparator::equal},
    {"!=", comparator::not_equal},
    {"<", comparator::less},
    {"<=", comparator::less_or_equal},
    {">", comparator::greater},
    {">=", comparator::greater_or_equal},
}};

// What is written so in other languages.
constexpr std::array<std::pair<std::string_view, std::string_view>, 14> advices{{
    {"=", "equality is written =="},
    {"===", "equality is written =="},
    {"<>", "inequality is written !="},
    {"=<", "write <="},
    {"=>", "write >="},
    {"!", "negation is written not"},
    {"&&", "write and"},
    {"||", "write or"},
    {"'", "text is written in \"double quotes\""},
    {"-", "there is no arithmetic, and a name with - in it is written [\"a-b\"]"},
    {"+", "there is no arithmetic"},
    {"*", "there is no arithmetic"},
    {"/", "there is no arithmetic"},
    {".", "a path begins with a member of the row, without a dot"},
}};

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
bool is_of_name(char c) noexcept {
    return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_of_number(char c) noexcept {
    return is_of_name(c) || c == '.' || c == '+' || c == '-';
}
bool is_of_sign(char c) noexcept {
    return c == '=' || c == '!' || c == '<' || c == '>' || c == '&' || c == '|';
}
bool goes_on_a_character(char c) noexcept {  // of UTF-8
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

class condition_parser {
public:
    explicit condition_parser(std::string_view text) : text_(text) {}

    condition_syntax parse() {
        syntax_.root = parse_any(0);
        skip_space();
        if (at_ < text_.size()) refuse(at_, "and, or, or the end");
        syntax_.about_each_row = of_row_.has_value();
        return std::move(syntax_);
    }

private:
    // ---- terms

    condition_term parse_any(int depth) {
        std::vector<condition_term> parts;
        do {
            parts.push_back(parse_all(depth));
        } while (take_word("or"));
        return joined(term_kind::any, std::move(parts));
    }

    condition_term parse_all(int depth) {
        std::vector<condition_term> parts;
        do {
            parts.push_back(parse_part(depth));
        } while (take_word("and"));
        return joined(term_kind::all, std::move(parts));
    }

    static condition_term joined(term_kind kind, std::vector<condition_term> parts) {
        if (parts.size() == 1) return std::move(parts.front());
        return {.kind = kind, .parts = std::move(parts)};
    }

    condition_term parse_part(int depth) {
        skip_space();
        const std::size_t start = at_;
        const bool negation = take_word("not");
        if (!negation && peek() != '(') return parse_comparison();
        if (depth == condition_depth_max) {
            explain(start, fmt::format("nested deeper than {}, the limit", condition_depth_max));
        }
        if (negation) {
            condition_term term{.kind = term_kind::negation};
            term.parts.push_back(parse_part(depth + 1));
            return term;
        }
        ++at_;
        condition_term term = parse_any(depth + 1);
        skip_space();
        if (peek() != ')') refuse(at_, "and, or, or )");
        ++at_;
        return term;
    }

    condition_term parse_comparison() {
        skip_space();
        const std::size_t start = at_;
        condition_term term;
        term.left = parse_operand();
        term.how = parse_comparator();
        term.right = parse_operand();
        const auto is_literal = [this](std::size_t index) {
            return syntax_.operands[index].kind == operand_kind::literal;
        };
        if (is_literal(term.left) && is_literal(term.right)) {
            explain(start, "two literals are compared; a path is written without quotes, as cents");
        }
        skip_space();
        if (is_of_sign(peek()) && comparator_named(excerpt(at_))) {
            explain(at_, "comparisons do not chain; write 0 <= cents and cents < 10");
        }
        return term;
    }

    static std::optional<comparator> comparator_named(std::string_view sign) {
        for (const auto& [name, how] : comparators) {
            if (name == sign) return how;
        }
        return std::nullopt;
    }

    comparator parse_comparator() {
        skip_space();
        const std::string_view sign = excerpt(at_);
        const auto how = comparator_named(sign);
        if (!how) refuse(at_, "one of == != < <= > >=, as in paid == true,");
        at_ += sign.size();
        return *how;
    }

    // ---- operands

    std::size_t parse_operand() {
        skip_space();
        const std::size_t start = at_;
        condition_operand operand = take_operand();
        operand.text = text_.substr(start, at_ - start);
        check_subject(operand, start);
        std::vector<condition_operand>& all = syntax_.operands;
        const auto known = std::find_if(
            all.begin(), all.end(), [&](const auto& other) { return other.text == operand.text; });
        if (known != all.end()) return static_cast<std::size_t>(known - all.begin());
        all.push_back(std::move(operand));
        return all.size() - 1;
    }

    // Each row, or the whole state: the first operand that is no literal decides.
    void check_subject(const condition_operand& operand, std::size_t start) {
        if (operand.kind == operand_kind::literal) return;
        const bool is_of_row =
            operand.kind == operand_kind::path || operand.kind == operand_kind::key;
        std::optional<std::size_t>& first = is_of_row ? of_row_ : of_state_;
        const std::optional<std::size_t>& first_other = is_of_row ? of_state_ : of_row_;
        if (!first) first = start;
        if (!first_other) return;
        explain(start,
                fmt::format("{} is about {}, what stands at column {} about {}; a condition "
                            "asks about one of them, so ask twice, in two runs",
                            shown(operand.text), is_of_row ? "each row" : "the whole state",
                            column_of(*first_other), is_of_row ? "the whole state" : "each row"));
    }

    condition_operand take_operand() {
        const std::size_t start = at_;
        if (peek() == '"') return {.literal = take_text()};
        if (peek() == '-' || is_digit(peek())) return {.literal = take_number()};
        if (peek() == '[') return {.kind = operand_kind::path, .steps = take_steps({})};
        const std::string_view name = take_run(is_of_name);
        if (name == "null") return {.literal = nullptr};
        if (name == "true" || name == "false") return {.literal = name == "true"};
        if (name.empty() || is_reserved(name)) refuse(start, an_operand);
        const std::size_t end = at_;
        skip_space();
        if (peek() == '(') return take_function(name, start);
        at_ = end;
        return {.kind = operand_kind::path, .steps = take_steps({std::string(name)})};
    }

    static bool is_reserved(std::string_view name) {
        return name == "and" || name == "or" || name == "not" || name == "true" ||
               name == "false" || name == "null";
    }

    condition_operand take_function(std::string_view name, std::size_t start) {
        expect('(');
        condition_operand operand;
        if (name == "key" || name == "count") {
            operand.kind = name == "key" ? operand_kind::key : operand_kind::count;
        } else if (name == "sum") {
            operand = {.kind = operand_kind::sum, .steps = take_whole_path()};
        } else if (name == "row") {
            skip_space();
            if (peek() != '"') refuse(at_, "the key of a row, in \"quotes\",");
            operand = {.kind = operand_kind::row, .row_key = take_text()};
        } else {
            refuse(start, "key(), count(), sum(PATH) or row(\"KEY\")");
        }
        expect(')');
        if (operand.kind == operand_kind::row) operand.steps = take_steps({});
        return operand;
    }

    path_steps take_whole_path() {
        skip_space();
        const std::size_t start = at_;
        constexpr std::string_view a_path = "a path of the rows, as cents,";
        if (peek() == '[') return take_steps({});
        if (is_digit(peek())) refuse(start, a_path);
        const std::string_view name = take_run(is_of_name);
        if (name.empty() || is_reserved(name)) refuse(start, a_path);
        return take_steps({std::string(name)});
    }

    path_steps take_steps(path_steps steps) {
        for (;;) {
            if (peek() == '[') {
                steps.push_back(take_bracket());
            } else if (peek() == '.') {
                ++at_;
                const std::size_t start = at_;
                const std::string_view name = take_run(is_of_name);
                if (name.empty()) refuse(start, "a name, or [\"odd name\"] instead of the dot,");
                steps.emplace_back(std::string(name));
            } else {
                return steps;
            }
        }
    }

    std::variant<std::string, std::size_t> take_bracket() {
        ++at_;
        std::variant<std::string, std::size_t> step;
        if (peek() == '"') {
            step = take_text();
        } else {
            std::size_t index = 0;
            const char* const begin = text_.data() + at_;
            const auto [end, fault] = std::from_chars(begin, text_.data() + text_.size(), index);
            if (fault != std::errc()) {
                explain(at_, found_at(at_, "an index from 0 or a name in \"quotes\""));
            }
            at_ += static_cast<std::size_t>(end - begin);
            step = index;
        }
        if (peek() != ']') refuse(at_, "]");
        ++at_;
        return step;
    }

    json take_number() {
        const std::size_t start = at_;
        const std::string_view digits = take_run(is_of_number);
        json value;
        try {
            value = parse_json(digits, repeated_members::last_counts);
        } catch (const error&) {
            explain(start,
                    fmt::format("{} is no number; write it as 5, -5, 0.5 or 1e3", shown(digits)));
        }
        if (holds_huge_number(value)) {
            explain(start, fmt::format("{} is beyond what 64 bits hold", shown(digits)));
        }
        return value;
    }

    std::string take_text() {
        const std::size_t start = at_;
        std::size_t end = at_ + 1;
        while (end < text_.size() && text_[end] != '"') end += text_[end] == '\\' ? 2 : 1;
        if (end >= text_.size()) explain(start, "the text that begins here has no closing \"");
        at_ = end + 1;
        try {
            return parse_json(text_.substr(start, at_ - start), repeated_members::last_counts);
        } catch (const error&) {
            explain(start,
                    fmt::format("the text {} is not as in JSON: it holds a control character, an "
                                "unknown escape, or bytes that are not UTF-8",
                                shown(text_.substr(start, at_ - start))));
        }
    }

    // ---- characters

    // '\0' at the end, which fits nowhere either.
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

    void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }

    template <class Belongs>
    std::string_view run(std::size_t start, Belongs belongs) const {
        const std::string_view rest = text_.substr(start);
        return {rest.begin(), std::find_if_not(rest.begin(), rest.end(), belongs)};
    }
    template <class Belongs>
    std::string_view take_run(Belongs belongs) {
        const std::string_view taken = run(at_, belongs);
        at_ += taken.size();
        return taken;
    }

    bool take_word(std::string_view word) {
        skip_space();
        const bool found = run(at_, is_of_name) == word;
        if (found) at_ += word.size();
        return found;
    }

    void expect(char c) {
        skip_space();
        if (peek() != c) refuse(at_, std::string_view(&c, 1));
        ++at_;
    }

    // ---- refusals

    // What stands at a place, as far as a person would point at it.
    std::string_view excerpt(std::size_t at) const {
        if (at >= text_.size()) return {};
        if (is_of_name(text_[at])) return run(at, is_of_name);
        if (is_of_sign(text_[at])) return run(at, is_of_sign);
        return text_.substr(at, 1 + run(at + 1, goes_on_a_character).size());
    }

    static std::string shown(std::string_view text) {
        constexpr std::size_t columns_max = 40;
        return cut_to_width(printable(text), columns_max);
    }

    // In characters, from 1.
    std::size_t column_of(std::size_t at) const {
        const auto end = text_.begin() + static_cast<std::ptrdiff_t>(at);
        return 1 + static_cast<std::size_t>(end - text_.begin() -
                                            std::count_if(text_.begin(), end, goes_on_a_character));
    }

    [[noreturn]] void explain(std::size_t at, std::string_view why) const {
        throw error(errc::invalid_input,
                    fmt::format("the condition cannot be read: column {}: {}", column_of(at), why));
    }

    std::string found_at(std::size_t at, std::string_view fitting) const {
        const std::string_view found = excerpt(at);
        return fmt::format("found {} where {} would fit",
                           found.empty() ? "the end" : fmt::format("\"{}\"", shown(found)),
                           fitting);
    }

    // With advice where it is a slip that is known.
    [[noreturn]] void refuse(std::size_t at, std::string_view fitting) const {
        const std::string_view found = excerpt(at);
        std::string why = found_at(at, fitting);
        for (const auto& [slip, advice] : advices) {
            if (slip == found) why += fmt::format("; {}", advice);
        }
        if (!found.empty() && static_cast<unsigned char>(found.front()) >= 0x80) {
            why += "; other letters than A-Z and a-z stand in quotes, as [\"größe\"] or \"Jürgen\"";
        }
        explain(at, why);
    }

    std::string_view text_;
    std::size_t at_ = 0;
    condition_syntax syntax_;
    std::optional<std::size_t> of_row_;    // where the first operand about each row stands
    std::optional<std::size_t> of_state_;  // and the first about the whole state
};

}  // namespace

condition_syntax parse_condition(std::string_view expression) {
    if (expression.size() > condition_bytes_max) {
        throw error(errc::invalid_input,
                    fmt::format("the condition has {} bytes, over the limit of {}",
                                expression.size(), condition_bytes_max));
    }
    return condition_parser(expression).parse();
}

}  // namespace idem::cli
