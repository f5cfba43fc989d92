// From one version of an event type to the next, as a declaration that is stored and read like
// data: nothing to compile, nothing to load.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace idem {

struct json_program;

// A pure function from the JSON data of one version of an event type to that of the next. An
// immutable value that is cheap to copy; any thread.
class json_upcaster {
public:
    const std::string& type() const noexcept;  // of the event
    std::uint32_t from() const noexcept;       // the version that it takes; it gives from() + 1
    // One text for all spellings of the same JSON value, the description included; it can be parsed
    // again. Upcasters of the same definition give data of the same value.
    const std::string& definition() const noexcept;

    // `data` is checked JSON. Members that no operation names keep their order and spelling. Throws
    // invalid_input that names the operation and the member.
    std::string apply(std::string_view data) const;

    explicit json_upcaster(std::shared_ptr<const json_program> program) noexcept
        : program_(std::move(program)) {}

private:
    std::shared_ptr<const json_program> program_;
};

// One upcaster or a list of them:
//
//   {"type": "bank.Deposited", "from": 1, "description": "cents, not euros", "do": [
//     {"rename": "euros", "to": "amount"},
//     {"scale": "amount", "by": 100},
//     {"default": "currency", "value": "EUR"},
//     {"split": "name", "at": " ", "into": ["first", "last"]},
//     {"merge": ["street", "city"], "with": ", ", "into": "address"},
//     {"drop": "legacy"}]}
//
// Throws invalid_input that names `origin`, the place as a JSON pointer (RFC 6901), and the remedy.
std::vector<json_upcaster> parse_json_upcasters(std::string_view text, const std::string& origin);

namespace upcaster_limits {
inline constexpr std::size_t file_upcasters_max = 1000;
inline constexpr std::size_t definition_bytes_max = 256 << 10;  // as it is spelled
inline constexpr std::size_t operations_max = 64;               // of one upcaster
inline constexpr std::size_t parts_max = 16;          // that a member is split into or merged from
inline constexpr std::size_t factor_digits_max = 15;  // beyond them json::canonical rounds
}  // namespace upcaster_limits

}  // namespace idem
