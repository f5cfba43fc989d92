#include "records.hpp"

#include <charconv>

namespace idem::cli {
namespace {

// The number in front of `end`, which is taken with it; nullopt where it has not come yet.
std::optional<std::size_t> take_number(std::string_view& text, char end) {
    const std::size_t at = text.find(end);
    if (at == std::string_view::npos) return std::nullopt;
    std::size_t number = 0;
    std::from_chars(text.data(), text.data() + at, number);
    text.remove_prefix(at + 1);
    return number;
}

}  // namespace

std::string encode_record(const std::vector<std::string>& fields) {
    std::string record = std::to_string(fields.size()) + ";";
    for (const auto& field : fields) record += std::to_string(field.size()) + ":" + field;
    return record;
}

std::optional<std::vector<std::string>> record_decoder::next() {
    std::string_view rest = buffer_;
    const auto count = take_number(rest, ';');
    if (!count) return std::nullopt;
    std::vector<std::string> fields;
    while (fields.size() < *count) {
        const auto size = take_number(rest, ':');
        if (!size || rest.size() < *size) return std::nullopt;
        fields.emplace_back(rest.substr(0, *size));
        rest.remove_prefix(*size);
    }
    buffer_.erase(0, buffer_.size() - rest.size());
    return fields;
}

}  // namespace idem::cli
