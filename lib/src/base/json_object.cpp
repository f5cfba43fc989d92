#include "base/json_object.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/text.hpp"

namespace idem::json {

namespace {

// Nearly all text is as it is in quotes: as many bytes of it at a time as there are.
void append_escaped(std::string& out, std::string_view text) {
    const auto is_plain = [](char c) {
        return static_cast<std::uint8_t>(c) >= 0x20 && c != '"' && c != '\\' && c != 0x7f;
    };
    auto at = text.begin();
    while (at != text.end()) {
        const auto stop = std::find_if_not(at, text.end(), is_plain);
        out.append(at, stop);
        at = stop;
        if (at == text.end()) break;
        if (*at == '"' || *at == '\\') {
            out.push_back('\\');
            out.push_back(*at);
        } else {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<std::uint8_t>(*at));
        }
        ++at;
    }
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
    out.push_back('"');
    std::size_t at = 0;
    while (at < text.size()) {
        const auto bad = text::invalid_utf8(text.substr(at));
        const auto good = text.substr(at, bad ? *bad : std::string_view::npos);
        append_escaped(out, good);
        at += good.size();
        if (bad) {
            out += "\xef\xbf\xbd";
            ++at;
        }
    }
    out.push_back('"');
}

void object_writer::begin(std::string_view name) {
    if (!members_.empty()) members_.push_back(',');
    append_string(members_, name);
    members_.push_back(':');
}

object_writer& object_writer::text(std::string_view name, std::string_view value) {
    begin(name);
    append_string(members_, value);
    return *this;
}
object_writer& object_writer::number(std::string_view name, std::uint64_t value) {
    begin(name);
    members_ += std::to_string(value);
    return *this;
}
object_writer& object_writer::flag(std::string_view name, bool value) {
    begin(name);
    members_ += value ? "true" : "false";
    return *this;
}
object_writer& object_writer::raw(std::string_view name, std::string_view json) {
    begin(name);
    members_ += json;
    return *this;
}
object_writer& object_writer::bytes(std::string_view name, std::string_view value) {
    if (!text::invalid_utf8(value)) return text(name, value);
    return text(std::string(name) + "_base64", text::encode_base64(value));
}

object_reader::object_reader(std::string_view json) {
    if (check(json) || kind_of(json) != kind::object) return;
    constexpr std::size_t usual = 16;
    members_.reserve(usual);
    each_member(json, [this](std::string_view name, kind type, std::string_view raw) {
        members_.push_back({std::string(name), type, raw});
    });
}

const object_reader::member* object_reader::find(std::string_view name) const {
    const auto found = std::find_if(members_.begin(), members_.end(),
                                    [name](const member& m) { return m.name == name; });
    return found == members_.end() ? nullptr : &*found;
}
const object_reader::member* object_reader::find(std::string_view name, kind type) const {
    const auto* const found = find(name);
    return found && found->type == type ? found : nullptr;
}

std::optional<std::string> object_reader::text(std::string_view name) const {
    const auto* const found = find(name, kind::string);
    return found ? std::optional(decode_string(found->raw)) : std::nullopt;
}
std::optional<std::uint64_t> object_reader::number(std::string_view name) const {
    const auto* const found = find(name, kind::number);
    if (!found) return std::nullopt;
    std::uint64_t result = 0;
    const char* const end = found->raw.data() + found->raw.size();
    const auto [stopped, fault] = std::from_chars(found->raw.data(), end, result);
    if (fault != std::errc() || stopped != end) return std::nullopt;
    return result;
}
bool object_reader::flag(std::string_view name) const {
    const auto* const found = find(name, kind::boolean);
    return found && found->raw == "true";
}
std::optional<std::string> object_reader::bytes(std::string_view name) const {
    if (auto plain = text(name)) return plain;
    const auto encoded = text(std::string(name) + "_base64");
    return encoded ? text::decode_base64(*encoded) : std::nullopt;
}
std::optional<std::string_view> object_reader::raw(std::string_view name) const {
    const auto* const found = find(name);
    return found ? std::optional(found->raw) : std::nullopt;
}

}  // namespace idem::json
