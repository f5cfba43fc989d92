#include "append_condition.hpp"

#include <fmt/format.h>

#include <charconv>

#include "idem/error.hpp"
#include "json_value.hpp"

namespace idem::cli {
namespace {

[[noreturn]] void refuse(const std::string& why) {
    throw error(errc::invalid_input, fmt::format("--unless: {}; give a list such as "
                                                 R"([{{"types":["Paid"],"tags":["order:17"]}}])",
                                                 why));
}

std::vector<std::string> parse_names(const std::string& member, const json& names) {
    if (!names.is_array()) {
        refuse(fmt::format("\"{}\" is {}, not a list of text", member, kind_name(names)));
    }
    std::vector<std::string> found;
    for (const json& name : names) {
        if (!name.is_string()) {
            refuse(fmt::format("\"{}\" holds {}, not text", member, kind_name(name)));
        }
        found.push_back(name.get<std::string>());
    }
    return found;
}

event_match parse_match(const json& item) {
    if (!item.is_object()) refuse(fmt::format("an item is {}, not an object", kind_name(item)));
    event_match match;
    for (const auto& [member, names] : item.items()) {
        if (member == "types") {
            match.types = parse_names(member, names);
        } else if (member == "tags") {
            match.tags = parse_names(member, names);
        } else {
            refuse(fmt::format("an item has \"types\" and \"tags\", and nothing named \"{}\"",
                               member));
        }
    }
    if (match.types.empty() && match.tags.empty()) {
        refuse("an item names neither a type nor a tag, and would match every event");
    }
    return match;
}

}  // namespace

expected_revision parse_revision(const std::string& option, const std::string& text) {
    if (text == "any") return expected_revision::any();
    if (text == "no_stream") return expected_revision::no_stream();
    if (text == "stream_exists") return expected_revision::stream_exists();
    std::uint64_t last = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), last);
    if (fault != std::errc() || end != text.data() + text.size()) {
        throw error(errc::invalid_input,
                    fmt::format("{} {}: give any, no_stream, stream_exists or the revision of the "
                                "stream's last event",
                                option, text));
    }
    return expected_revision::exactly(last);
}

std::pair<std::string, expected_revision> parse_stream_revision(const std::string& text) {
    const std::size_t at = text.rfind('=');
    if (at == std::string::npos || at == 0) {
        throw error(errc::invalid_input,
                    fmt::format("--expect-stream {}: give STREAM=REVISION, such as order-17=4 or "
                                "order-17=no_stream",
                                text));
    }
    return {text.substr(0, at), parse_revision("--expect-stream", text.substr(at + 1))};
}

std::vector<event_match> parse_unless(const std::string& text) {
    json items;
    try {
        items = parse_json(text, repeated_members::refused);
    } catch (const error& e) {
        refuse(fmt::format("it is not JSON: {}", e.what()));
    }
    if (!items.is_array()) refuse(fmt::format("it is {}, not a list", kind_name(items)));
    if (items.empty()) refuse("the list is empty, and nothing would stand against the events");
    std::vector<event_match> any;
    for (const json& item : items) any.push_back(parse_match(item));
    return any;
}

}  // namespace idem::cli
