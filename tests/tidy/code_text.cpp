#include "code_text.hpp"

#include <cctype>

namespace tidy {
namespace {

bool is_word(char c) noexcept {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

// Walks over a text and blanks parts of it.
class blanker {
public:
    explicit blanker(std::string_view text) : text_(text), out_(text) {}

    std::string run() {
        while (at_ < text_.size()) {
            if (starts("//")) {
                blank_to(text_.find('\n', at_));
            } else if (starts("/*")) {
                blank_past("*/", at_ + 2);
            } else if (starts("R\"") && !(at_ > 0 && is_word(text_[at_ - 1]))) {
                blank_raw_string();
            } else if (text_[at_] == '"') {
                blank_literal('"');
            } else if (text_[at_] == '\'' && !is_digit_separator()) {
                blank_literal('\'');
            } else {
                ++at_;
            }
        }
        return std::move(out_);
    }

private:
    bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }

    // 1'000, but not u8'x'
    bool is_digit_separator() const {
        std::size_t begin = at_;
        while (begin > 0 && (is_word(text_[begin - 1]) || text_[begin - 1] == '\'')) --begin;
        return begin < at_ && std::isdigit(static_cast<unsigned char>(text_[begin]));
    }

    void blank_to(std::size_t end) {
        end = std::min(end, text_.size());
        for (; at_ < end; ++at_) {
            if (out_[at_] != '\n') out_[at_] = ' ';
        }
    }
    void blank_past(std::string_view closing, std::size_t from) {
        const std::size_t found = text_.find(closing, from);
        blank_to(found == std::string_view::npos ? found : found + closing.size());
    }

    // Leaves the quotes.
    void blank_literal(char quote) {
        std::size_t end = at_ + 1;
        while (end < text_.size() && text_[end] != quote && text_[end] != '\n') {
            end += text_[end] == '\\' ? 2 : 1;
        }
        ++at_;
        blank_to(end);
        ++at_;
    }

    void blank_raw_string() {
        const std::size_t open = text_.find('(', at_);
        if (open == std::string_view::npos) return blank_to(open);
        const std::string closing = ")" + std::string(text_.substr(at_ + 2, open - at_ - 2)) + "\"";
        at_ += 2;
        const std::size_t end = text_.find(closing, open);
        blank_to(end == std::string_view::npos ? end : end + closing.size() - 1);
        ++at_;
    }

    std::string_view text_;
    std::string out_;
    std::size_t at_ = 0;
};

std::string_view trim(std::string_view text) {
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) {
        text.remove_prefix(1);
    }
    while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) {
        text.remove_suffix(1);
    }
    return text;
}

std::string_view take_word(std::string_view& text) {
    text = trim(text);
    std::size_t size = 0;
    while (size < text.size() && is_word(text[size])) ++size;
    const std::string_view word = text.substr(0, size);
    text.remove_prefix(size);
    return word;
}

// Takes `template <...>` away, with whatever is nested in it.
void skip_template(std::string_view& text) {
    std::string_view rest = text;
    if (take_word(rest) != "template") return;
    int depth = 0;
    for (std::size_t i = 0; i < rest.size(); ++i) {
        if (rest[i] == '<') ++depth;
        if (rest[i] == '>' && --depth == 0) {
            text = rest.substr(i + 1);
            return;
        }
    }
}

enum class block { scope, function, data };

// What a brace opens, from the words before it.
block kind_of(std::string_view head) {
    head = trim(head);
    if (head.empty()) return block::data;
    const char last = head.back();
    if (last == '=' || last == '(' || last == ',' || last == '[') return block::data;

    skip_template(head);
    std::string_view words = head;
    for (std::string_view word = take_word(words); !word.empty(); word = take_word(words)) {
        if (word == "namespace") return block::scope;
        if (word == "class" || word == "struct" || word == "union") {
            return last == ')' ? block::function : block::scope;  // a function may return a struct
        }
        if (word == "enum") return block::data;
        if (word == "extern" && trim(words).starts_with('"') && trim(words).size() <= 3) {
            return block::scope;
        }
    }
    return head.find('(') == std::string_view::npos ? block::data : block::function;
}

// Reads braces outside and inside of functions.
class function_finder {
public:
    functions run(const std::vector<std::string>& code) {
        bool continued = false;  // a directive of the preprocessor, by a backslash
        for (line_ = 1; line_ <= code.size(); ++line_) {
            const std::string_view text = code[line_ - 1];
            const bool directive = continued || trim(text).starts_with('#');
            continued = directive && text.ends_with('\\');
            if (directive) continue;
            for (const char c : text) read(c);
            read(' ');
        }
        found_.balanced = found_.balanced && scopes_ == 0 && depth_ == 0;
        return std::move(found_);
    }

private:
    void read(char c) {
        if (depth_ > 0) {
            if (c == '{') ++depth_;
            if (c == '}' && --depth_ == 0) close_block();
            return;
        }
        // Behind a block another statement begins, unless the block was part of one.
        if (after_block_ && !std::isspace(static_cast<unsigned char>(c))) {
            after_block_ = false;
            if (c != ',' && c != '{' && c != ')' && c != ';') head_.clear();
        }
        if (c == '{') {
            open();
        } else if (c == '}') {
            if (scopes_-- == 0) found_.balanced = false;
            head_.clear();
        } else if (c == ';' || (c == ':' && is_access(head_))) {
            head_.clear();
        } else {
            head_ += c;
        }
    }

    void open() {
        const block kind = kind_of(head_);
        if (kind == block::scope) {
            ++scopes_;
            head_.clear();
            return;
        }
        is_function_ = kind == block::function;
        first_ = line_;
        depth_ = 1;
    }
    void close_block() {
        if (is_function_) found_.spans.push_back({first_, line_});
        head_ += "{}";
        after_block_ = true;
    }

    static bool is_access(std::string_view head) {
        head = trim(head);
        return head == "public" || head == "private" || head == "protected";
    }

    functions found_;
    std::string head_;  // the statement so far
    std::size_t line_ = 0;
    std::size_t first_ = 0;
    int scopes_ = 0;  // namespaces and classes around
    int depth_ = 0;   // braces inside of a block that is neither
    bool is_function_ = false;
    bool after_block_ = false;
};

}  // namespace

std::string code_of(std::string_view text) {
    return blanker(text).run();
}

functions find_functions(const std::vector<std::string>& code) {
    return function_finder().run(code);
}

}  // namespace tidy
