#include "schema/text_guard.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "idem/error.hpp"

namespace idem {
namespace {

bool starts_name(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool continues_name(char c) noexcept {
    return starts_name(c) || (c >= '0' && c <= '9');
}

}  // namespace

// Reads tokens as the parser does. Where a text is wrong the two may part: by then the parser has
// stopped.
class text_guard::scan {
public:
    scan(text_guard& sum, std::string_view text, const std::string& file)
        : sum_(sum), text_(text), file_(file) {}

    std::vector<std::string> run() {
        if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;  // the mark of UTF-8, which it skips too
        while (at_ < text_.size()) token();
        return std::move(includes_);
    }

    [[noreturn]] void refuse(std::string_view why) const {
        throw error(errc::invalid_input,
                    fmt::format("{}:{}: {}", file_.empty() ? "the schema" : file_, line_, why),
                    {.field = "schema"});
    }

private:
    char peek(std::size_t ahead = 0) const {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }

    void token() {
        const char c = text_[at_];
        if (c == '\n') ++line_;
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            ++at_;
        } else if (c == '/' && peek(1) == '/') {
            while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\r') ++at_;
        } else if (c == '/' && peek(1) == '*') {
            block_comment();
        } else if (c == '"' || c == '\'') {
            string(c);
        } else if (starts_name(c)) {
            name();
        } else {
            ++at_;
            sign(c);
        }
    }

    void block_comment() {
        at_ += 2;
        while (at_ < text_.size() && !(text_[at_] == '*' && peek(1) == '/')) {
            if (text_[at_] == '\n') ++line_;
            ++at_;
        }
        at_ += 2;
    }

    void string(char quote) {
        const std::size_t start = ++at_;
        while (at_ < text_.size() && text_[at_] != quote) at_ += text_[at_] == '\\' ? 2 : 1;
        if (statement_ == "include" && depth_ == 0) {
            include(text_.substr(start, std::min(at_, text_.size()) - start));
        }
        ++at_;
        after_dot_ = false;
        begins_ = false;
    }

    void include(std::string_view file) {
        if (++sum_.includes_ > schema_limits::includes_max) {
            refuse(fmt::format("more than {} includes", schema_limits::includes_max));
        }
        if (file_.empty()) {
            refuse(fmt::format("includes {}, which a text alone cannot: read it from a file",
                               text::shown(file)));
        }
        if (file.find('\\') != file.npos || file.starts_with('/')) {
            refuse(fmt::format("includes {}: name files from here, without backslashes",
                               text::shown(file)));
        }
        includes_.emplace_back(file);
    }

    // With all names that dots join it to: the parser looks types up in every namespace around.
    void name() {
        const std::size_t start = at_;
        while (at_ < text_.size() && continues_name(text_[at_])) ++at_;
        const std::string_view word = text_.substr(start, at_ - start);
        parts_ = after_dot_ ? parts_ + 1 : 1;
        name_bytes_ = after_dot_ ? name_bytes_ + 1 + word.size() : word.size();
        after_dot_ = false;
        if (name_bytes_ > limits::name_bytes_max) {
            refuse(fmt::format("a name of more than {} bytes", limits::name_bytes_max));
        }
        if (parts_ > schema_limits::name_parts_max) {
            refuse(fmt::format("a name of more than {} parts", schema_limits::name_parts_max));
        }
        if (!begins_) return;
        begins_ = false;
        statement_ = word;
        if (word == "namespace" && ++sum_.namespaces_ > schema_limits::namespaces_max) {
            refuse(fmt::format("more than {} namespaces", schema_limits::namespaces_max));
        }
    }

    void sign(char c) {
        if (c == '.') {
            after_dot_ = parts_ > 0;
            return;
        }
        after_dot_ = false;
        parts_ = 0;
        if (c == '{' || c == '(' || c == '[') {
            open(c);
        } else if (c == '}' || c == ')' || c == ']') {
            if (depth_ > 0) --depth_;
            if (depth_ == 0 && c == '}') begin_statement();
        } else if ((c == ';' || c == ',') && depth_ == 1) {
            if (++members_ > schema_limits::members_max) {
                refuse(fmt::format("a declaration of more than {} members",
                                   schema_limits::members_max));
            }
        } else if (c == ';' && depth_ == 0) {
            begin_statement();
        } else {
            begins_ = false;
        }
    }

    void open(char c) {
        if (++depth_ > schema_limits::brackets_max) {
            refuse(
                fmt::format("more than {} brackets in one another", schema_limits::brackets_max));
        }
        if (depth_ > 1 || c != '{') return;
        // The parser would make a payload of it, with asserts that such data can fail.
        if (begins_) refuse("data in JSON, which is no part of a schema");
        if (++sum_.declarations_ > schema_limits::objects_max) {
            refuse(fmt::format("more than {} declarations", schema_limits::objects_max));
        }
    }

    void begin_statement() {
        begins_ = true;
        statement_ = {};
        members_ = 0;
    }

    text_guard& sum_;
    std::string_view text_;
    const std::string& file_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    std::size_t depth_ = 0;  // of brackets
    std::size_t members_ = 0;
    std::size_t parts_ = 0;  // of the name that was last read
    std::size_t name_bytes_ = 0;
    bool after_dot_ = false;
    bool begins_ = true;          // the next token is the first of a statement
    std::string_view statement_;  // its first word
    std::vector<std::string> includes_;
};

std::vector<std::string> text_guard::check(std::string_view text, const std::string& file) {
    scan scanned(*this, text, file);
    if ((bytes_ += text.size()) > schema_limits::text_bytes_max) {
        scanned.refuse(fmt::format("more than {} bytes, with all that is included",
                                   schema_limits::text_bytes_max));
    }
    if (text.find('\0') != text.npos) {
        scanned.refuse(
            "holds a zero byte, which no schema does; compiled ones have names that end "
            "in .bfbs");
    }
    return scanned.run();
}

}  // namespace idem
