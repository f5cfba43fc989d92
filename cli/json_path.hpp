// Where a JSON projection finds a value in an event: "data.player.name", "data.tags[0]", "stream".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "idem/event.hpp"
#include "json_value.hpp"

namespace idem::cli {

enum class attribute : std::uint8_t {
    id,
    stream,
    type,
    schema_version,
    content_type,
    position,
    revision,
    time,
    correlation_id,
    causation_id,
    metadata,
    data,
};

struct event_path {
    std::string text;  // as it was written
    attribute root = attribute::data;
    std::vector<std::variant<std::string, std::size_t>> steps;  // a member's name, or an index
};

// Throws invalid_input that says what a path looks like.
event_path parse_path(std::string_view text);

// One event, its data parsed at most once. Lives within the scope of the view.
class event_values {
public:
    explicit event_values(const event_view& e) : event_(e) {}

    // Nullopt where the event has no such value.
    std::optional<json> find(const event_path& path);
    bool has_tag(std::string_view tag) const { return event_.has_tag(tag); }
    // Sorts as the marks of events do: by clock, origin and id.
    std::string mark() const;

private:
    const json& data();

    const event_view& event_;
    std::optional<json> data_;
};

}  // namespace idem::cli
