#include "json_line.hpp"

#include "idem/cloudevents.hpp"
#include "text.hpp"

namespace idem::cli {

void json_line::begin(std::string_view name) {
    if (!line_.empty()) line_ += ',';
    line_ += to_json_string(name);
    line_ += ':';
}

json_line& json_line::text(std::string_view name, std::string_view value) {
    begin(name);
    line_ += to_json_string(value);
    return *this;
}

json_line& json_line::bytes(std::string_view name, std::string_view value) {
    if (is_utf8(value)) return text(name, value);
    return text(std::string(name) + "_base64", to_base64(value));
}

json_line& json_line::number(std::string_view name, std::uint64_t value) {
    begin(name);
    line_ += std::to_string(value);
    return *this;
}

json_line& json_line::number(std::string_view name, const std::optional<std::uint64_t>& value) {
    return value ? number(name, *value) : null(name);
}

json_line& json_line::flag(std::string_view name, bool value) {
    begin(name);
    line_ += value ? "true" : "false";
    return *this;
}

json_line& json_line::json(std::string_view name, std::string_view value) {
    begin(name);
    line_ += value;
    return *this;
}

json_line& json_line::text_or_null(std::string_view name, std::string_view value) {
    return value.empty() ? null(name) : text(name, value);
}

json_line& json_line::null(std::string_view name) {
    begin(name);
    line_ += "null";
    return *this;
}

}  // namespace idem::cli
