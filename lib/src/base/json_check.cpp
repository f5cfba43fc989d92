#include <cstdint>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/json_chars.hpp"
#include "base/text.hpp"
#include "idem/limits.hpp"

namespace idem::json {
namespace {

// Checks one value without recursion: the kinds of the open containers stand on a stack of bits.
class checker {
public:
    explicit checker(std::string_view text) : text_(text) {}

    std::optional<fault> run() {
        if (const auto bad = text::invalid_utf8(text_)) return fault{*bad, "not UTF-8"};
        space();
        bool value_wanted = true;
        while (!fault_) {
            if (value_wanted) {
                value_wanted = value();
            } else if (depth_ == 0) {
                break;
            } else {
                value_wanted = after_value();
            }
        }
        if (!fault_ && at_ != text_.size()) fail("expected the end");
        return fault_;
    }

private:
    // True: another value must follow, as an opened container has one.
    bool value() {
        switch (peek()) {
            case '{':
                return open(true);
            case '[':
                return open(false);
            case '"':
                string();
                break;
            case 't':
                literal("true");
                break;
            case 'f':
                literal("false");
                break;
            case 'n':
                literal("null");
                break;
            default:
                number();
                break;
        }
        space();
        return false;
    }

    bool open(bool object) {
        if (depth_ == limits::json_depth_max) {
            fail("nested too deeply");
            return false;
        }
        ++at_;
        objects_[depth_++] = object;
        space();
        if (peek() == (object ? '}' : ']')) {
            close();
            return false;
        }
        if (object) name();
        return true;
    }

    void close() {
        ++at_;
        --depth_;
        space();
    }

    bool after_value() {
        const bool object = objects_[depth_ - 1];
        if (peek() == ',') {
            ++at_;
            space();
            if (object) name();
            return true;
        }
        if (peek() == (object ? '}' : ']')) {
            close();
        } else {
            fail(object ? "expected ',' or '}'" : "expected ',' or ']'");
        }
        return false;
    }

    void name() {
        if (peek() != '"') return fail("expected a name in quotes");
        string();
        space();
        if (peek() != ':') return fail("expected ':'");
        ++at_;
        space();
    }

    void string() {
        ++at_;
        while (!fault_) {
            at_ = end_of_plain(text_, at_);
            if (at_ == text_.size()) return fail("a string without its end");
            if (text_[at_] == '"') {
                ++at_;
                return;
            }
            if (text_[at_] != '\\') return fail("a control character in a string");
            escape();
        }
    }

    void escape() {
        ++at_;
        const char c = peek();
        if (c != 'u') {
            if (std::string_view("\"\\/bfnrt").find(c) == std::string_view::npos || c == '\0') {
                return fail("an unknown escape");
            }
            ++at_;
            return;
        }
        const int unit = code_unit(text_, at_ + 1);
        if (unit < 0) return fail("\\u without four hexadecimal digits");
        at_ += 5;
        if (is_low_surrogate(unit)) return fail("a surrogate without its pair");
        if (!is_high_surrogate(unit)) return;
        if (peek() != '\\' || at_ + 1 >= text_.size() || text_[at_ + 1] != 'u' ||
            !is_low_surrogate(code_unit(text_, at_ + 2))) {
            return fail("a surrogate without its pair");
        }
        at_ += 6;
    }

    void number() {
        const std::size_t start = at_;
        if (peek() == '-') ++at_;
        if (peek() == '0') {
            ++at_;
        } else if (!digits()) {
            at_ = start;
            return fail("expected a value");
        }
        if (peek() == '.') {
            ++at_;
            if (!digits()) return fail("expected a digit");
        }
        if (peek() == 'e' || peek() == 'E') {
            ++at_;
            if (peek() == '+' || peek() == '-') ++at_;
            if (!digits()) return fail("expected a digit");
        }
    }

    bool digits() {
        const std::size_t start = at_;
        while (is_digit(peek())) ++at_;
        return at_ != start;
    }

    void literal(std::string_view word) {
        if (text_.substr(at_, word.size()) != word) return fail("expected a value");
        at_ += word.size();
    }

    void space() {
        while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    }
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    void fail(const char* reason) {
        if (!fault_) fault_ = fault{at_, reason};
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t depth_ = 0;
    bool objects_[limits::json_depth_max] = {};
    std::optional<fault> fault_;
};

}  // namespace

std::optional<fault> check(std::string_view text) {
    return checker(text).run();
}

}  // namespace idem::json
