// One JSON object a line, member by member in the order given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace idem::cli {

class json_line {
public:
    json_line& text(std::string_view name, std::string_view value);
    // As text where it is UTF-8; else as base64 under NAME_base64.
    json_line& bytes(std::string_view name, std::string_view value);
    json_line& number(std::string_view name, std::uint64_t value);
    json_line& number(std::string_view name, const std::optional<std::uint64_t>& value);  // or null
    json_line& flag(std::string_view name, bool value);
    json_line& json(std::string_view name, std::string_view value);  // JSON already
    json_line& null(std::string_view name);
    json_line& text_or_null(std::string_view name,
                            std::string_view value);  // null for an empty one

    std::string object() const { return "{" + line_ + "}"; }
    std::string str() const { return object() + "\n"; }

private:
    void begin(std::string_view name);
    std::string line_;
};

}  // namespace idem::cli
