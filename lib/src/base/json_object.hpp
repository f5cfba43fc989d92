// One JSON object, written member by member and read member by member.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"

namespace idem::json {

// Text in quotes. What is not UTF-8 becomes U+FFFD.
void append_string(std::string& out, std::string_view text);

class object_writer {
public:
    // Begins with what another has written.
    explicit object_writer(std::string members = {}) : members_(std::move(members)) {}

    object_writer& text(std::string_view name, std::string_view value);
    object_writer& number(std::string_view name, std::uint64_t value);
    object_writer& flag(std::string_view name, bool value);
    object_writer& raw(std::string_view name, std::string_view json);
    // As text where it is UTF-8; else as base64 under NAME_base64.
    object_writer& bytes(std::string_view name, std::string_view value);

    std::string str() const { return "{" + members_ + "}"; }
    const std::string& members() const noexcept { return members_; }

private:
    void begin(std::string_view name);
    std::string members_;
};

// Members by name, of the first where one is repeated. Whatever is missing or of another kind is
// nullopt.
class object_reader {
public:
    // Any bytes: what is no JSON object has no members. Must outlive this.
    explicit object_reader(std::string_view json);

    std::optional<std::string> text(std::string_view name) const;
    std::optional<std::uint64_t> number(std::string_view name) const;  // whole and not negative
    bool flag(std::string_view name) const;                            // false where missing
    std::optional<std::string> bytes(std::string_view name) const;
    std::optional<std::string_view> raw(std::string_view name) const;

private:
    struct member {
        std::string name;
        kind type;
        std::string_view raw;
    };
    const member* find(std::string_view name) const;
    const member* find(std::string_view name, kind type) const;
    std::vector<member> members_;  // a map would cost more than it finds: there are some ten
};

}  // namespace idem::json
