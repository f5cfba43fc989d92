#include "log/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/json.hpp"
#include "base/text.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "log/content.hpp"

namespace idem {
namespace {

[[noreturn]] void refuse(const event& e, std::size_t index, std::string field,
                         const std::string& why) {
    const std::string message =
        fmt::format("event {} ({}): {} {}", index, to_string(e.id), field, why);
    throw error(errc::invalid_input, message, {.index = index, .field = std::move(field)});
}

enum class emptiness { allowed, refused };

// Only the message is built late: names are checked for every event, and almost always pass.
void check_name(const event& e, std::size_t index, const char* field, std::string_view name,
                emptiness empty) {
    if (name.empty()) {
        if (empty == emptiness::refused) refuse(e, index, field, "is empty");
        return;
    }
    if (name.size() > limits::name_bytes_max) {
        refuse(e, index, field,
               fmt::format("has {} bytes; the limit is {}", name.size(), limits::name_bytes_max));
    }
    if (const auto offset = text::invalid_utf8(name)) {
        refuse(e, index, field, fmt::format("is not UTF-8 at byte {}", *offset));
    }
    if (text::has_control(name)) refuse(e, index, field, "holds a control character");
}

void check_tags(const event& e, std::size_t index) {
    if (e.tags.size() > limits::tags_max) {
        refuse(e, index, "tags",
               fmt::format("are {}; the limit is {}", e.tags.size(), limits::tags_max));
    }
    for (const auto& tag : e.tags) {
        check_name(e, index, "tags", tag, emptiness::refused);
        if (tag.find(',') != std::string::npos) refuse(e, index, "tags", "hold a comma");
    }
}

void check_metadata(const event& e, std::size_t index) {
    if (e.metadata.size() > limits::metadata_max) {
        refuse(e, index, "metadata",
               fmt::format("has {} entries; the limit is {}", e.metadata.size(),
                           limits::metadata_max));
    }
    for (const auto& [key, value] : e.metadata) {
        check_name(e, index, "metadata", key, emptiness::refused);
        if (value.size() > limits::metadata_value_bytes_max) {
            refuse(e, index, "metadata",
                   fmt::format("{} has {} bytes; the limit is {}", text::shown(key), value.size(),
                               limits::metadata_value_bytes_max));
        }
        if (const auto offset = text::invalid_utf8(value)) {
            refuse(e, index, "metadata",
                   fmt::format("{} is not UTF-8 at byte {}", text::shown(key), *offset));
        }
    }
}

void check_subject(const event& e, std::size_t index) {
    check_name(e, index, "data_subject", e.data_subject, emptiness::allowed);
    if (!e.data_subject.empty() && e.stream.starts_with('$')) {
        refuse(e, index, "data_subject",
               "is given, and streams that begin with $ are the store's own");
    }
    if ((e.erased || e.sealed) && !e.data.empty()) {
        refuse(e, index, "data",
               e.erased ? "is there, of an event that is erased"
                        : "is there, of an event that is sealed");
    }
}

void check_data(const event& e, std::size_t index) {
    if (e.data.size() > limits::event_bytes_max) refuse_size(e, index, e.data.size());
    if (e.data.empty() || !is_json_content_type(e.content_type)) return;
    if (const auto fault = json::check(e.data)) {
        refuse(e, index, "data",
               fmt::format("is not JSON at byte {}: {}", fault->offset, fault->reason));
    }
}

}  // namespace

void check_batch(std::span<const event> events) {
    if (events.size() > limits::batch_events_max) {
        throw error(errc::invalid_input,
                    fmt::format("the batch has {} events; the limit is {}: append it in parts",
                                events.size(), limits::batch_events_max),
                    {.field = "batch"});
    }
}

void check_event(const event& e, std::size_t index) {
    if (e.id.is_nil()) refuse(e, index, "id", "is the nil UUID, which names no event");
    if (e.id.is_max()) refuse(e, index, "id", "is the max UUID, which names no event");
    check_name(e, index, "stream", e.stream, emptiness::refused);
    check_name(e, index, "type", e.type, emptiness::refused);
    check_name(e, index, "content_type", e.content_type, emptiness::refused);
    check_tags(e, index);
    check_name(e, index, "correlation_id", e.correlation_id, emptiness::allowed);
    check_name(e, index, "causation_id", e.causation_id, emptiness::allowed);
    check_metadata(e, index);
    check_subject(e, index);
    check_data(e, index);
}

void check_one_stream(std::span<const event> events) {
    for (std::size_t i = 1; i < events.size(); ++i) {
        if (events[i].stream == events[0].stream) continue;
        refuse(events[i], i, "stream",
               "differs from that of the batch; an expected revision holds for one stream");
    }
}

void refuse_size(const event& e, std::size_t index, std::size_t bytes) {
    refuse(e, index, "data",
           fmt::format("makes a record of {} bytes; the limit is {}: keep large content elsewhere "
                       "and append a reference to it",
                       bytes, limits::event_bytes_max));
}

void check_projection_name(std::string_view name) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    };
    if (name.empty() || name.size() > limits::name_bytes_max ||
        !std::all_of(name.begin(), name.end(), allowed)) {
        throw error(errc::invalid_input,
                    fmt::format("{} cannot name a projection: 1 to {} of A-Z a-z 0-9 . _ -",
                                text::shown(name), limits::name_bytes_max),
                    {.field = "name"});
    }
}

}  // namespace idem
