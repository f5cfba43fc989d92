#include <fmt/format.h>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "log/check.hpp"

namespace idem {
namespace {

[[noreturn]] void refuse(const std::string& part, std::string_view why) {
    throw error(errc::invalid_input, fmt::format("the append condition: {} {}", part, why),
                {.field = part});
}

void check_name(const std::string& part, std::string_view name) {
    if (name.empty()) refuse(part, "is empty");
    if (name.size() > limits::name_bytes_max) {
        refuse(part,
               fmt::format("has {} bytes; the limit is {}", name.size(), limits::name_bytes_max));
    }
    if (text::invalid_utf8(name)) refuse(part, "is not UTF-8");
}

void check_match(const event_match& m, std::size_t index) {
    const std::string part = fmt::format("unless[{}]", index);
    if (m.types.empty() && m.tags.empty()) {
        refuse(part, "names neither a type nor a tag, and would match every event");
    }
    if (m.types.size() + m.tags.size() > limits::condition_parts_max) {
        refuse(part, fmt::format("names {} types and tags; the limit is {}",
                                 m.types.size() + m.tags.size(), limits::condition_parts_max));
    }
    for (const auto& type : m.types) check_name(part + ".types", type);
    for (const auto& tag : m.tags) check_name(part + ".tags", tag);
}

}  // namespace

void check_condition(const append_condition& condition) {
    const std::size_t parts =
        condition.streams.size() + condition.unless.size() + condition.rows.size();
    if (parts > limits::condition_parts_max) {
        refuse("it",
               fmt::format("has {} parts; the limit is {}", parts, limits::condition_parts_max));
    }
    for (const auto& [stream, expected] : condition.streams) check_name("streams", stream);
    for (std::size_t i = 0; i < condition.unless.size(); ++i) check_match(condition.unless[i], i);
    if (condition.unless.empty() && condition.after != 0) {
        refuse("after", "is given without `unless`; name the types or tags that must not follow");
    }
    for (const auto& row : condition.rows) {
        check_projection_name(row.projection);
        if (row.key.empty()) refuse("rows", "have an empty key");
    }
}

}  // namespace idem
