// JSON text (RFC 8259), as far as a store needs it: is it valid, where are its parts, do two
// spellings mean the same value (RFC 8785). The text itself is kept as it came; building and
// printing documents is left to whoever embeds the store.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace idem::json {

enum class kind { object, array, string, number, boolean, null };

struct fault {
    std::size_t offset = 0;  // byte at which the text stops to be JSON
    std::string reason;      // "expected ',' or '}'"
};

// Nullopt where `text` is one valid JSON value within limits::json_depth_max, in valid UTF-8, with
// nothing behind it but white space.
std::optional<fault> check(std::string_view text);

// The value in one spelling for all its spellings: members sorted by name (as UTF-16 code units,
// RFC 8785 section 3.2.3), no white space, one form for each number and character. Members of the
// same name keep their order. Integers beyond 2^53 keep all their digits, where RFC 8785 would
// round them. Requires check(text) to be clean.
std::string canonical(std::string_view text);
bool same_value(std::string_view a, std::string_view b);

// Walks the members of an object: `visit(name, kind, raw)` gets the decoded name, which is gone
// when it returns, and the raw text of the value. Requires check(text) to be clean and text to be
// an object.
void each_member(
    std::string_view object,
    const std::function<void(std::string_view name, kind type, std::string_view raw)>& visit);

// Walks the items of an array likewise.
void each_item(std::string_view array,
               const std::function<void(kind type, std::string_view raw)>& visit);

kind kind_of(std::string_view raw);  // of a checked value
std::string decode_string(
    std::string_view raw);  // a checked string with its quotes -> its text in UTF-8

}  // namespace idem::json
