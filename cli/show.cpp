// idem show: one event whole.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "commands.hpp"
#include "event_id.hpp"
#include "exit_code.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "open_store.hpp"
#include "print_events.hpp"
#include "table.hpp"

namespace idem::cli {
namespace {

std::optional<std::uint64_t> as_position(const std::string& text) {
    std::uint64_t position = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), position);
    if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return position;
}

void print_for_people(const recorded_event& e, const std::optional<std::string>& json, session& s) {
    std::string tags;
    for (const auto& tag : e.tags) tags += (tags.empty() ? "" : ", ") + tag;
    std::vector<std::pair<std::string, std::string>> fields{
        {"position", std::to_string(e.position)},
        {"id", to_string(e.id)},
        {"stream", fmt::format("{} @ {}", e.stream, e.revision)},
        {"type", fmt::format("{}, schema version {}", e.type, e.schema_version)},
        {"time", to_string(e.time.value_or(timestamp()))}};
    if (!tags.empty()) fields.emplace_back("tags", tags);
    if (!e.correlation_id.empty()) fields.emplace_back("correlation", e.correlation_id);
    if (!e.causation_id.empty()) fields.emplace_back("causation", e.causation_id);
    fields.emplace_back("stamp", fmt::format("{} of {} at {}", e.stamp.counter,
                                             to_string(e.stamp.origin), e.stamp.clock));
    for (const auto& [name, value] : e.metadata) fields.emplace_back("metadata " + name, value);
    if (!e.data_subject.empty()) fields.emplace_back("data subject", e.data_subject);
    fields.emplace_back("content type", e.content_type);
    fields.emplace_back("data", json ? *json : shown_data(e));
    print_fields(s, fields);
}

// Of the projections that were loaded, the upcasters of the first that has some for this event.
upcasters loaded_upcasters(const recorded_event& e, std::uint32_t version, const session& s) {
    for (const projection& p : s.projections) {
        for (std::uint32_t from = e.schema_version; from < version; ++from) {
            if (p.upcasters.find(e.type, from) != nullptr) return p.upcasters;
        }
    }
    return {};
}

// The event as a reader of that version is given it.
recorded_event upcast(recorded_event e, std::uint64_t version, const store& from,
                      const session& s) {
    constexpr std::uint64_t version_max = 1'000'000;
    if (version == 0 || version > version_max) {
        throw error(errc::invalid_input,
                    fmt::format("--as-version {}: versions of schemas count from 1 to {}", version,
                                version_max));
    }
    const auto wanted = static_cast<std::uint32_t>(version);
    e.data = from.schemas().to_json_as(e, wanted, loaded_upcasters(e, wanted, s));
    e.content_type = "application/json";
    e.schema_version = wanted;
    return e;
}

}  // namespace

int run(const show_options& options, session& s) {
    const auto position = options.source.empty() ? as_position(options.event) : std::nullopt;
    const uuid id = position ? uuid() : parse_id(options.event, options.source);
    const store from = open_to_read(options.store);
    auto found = position ? from.at(*position) : from.find(id);
    if (!found) {
        s.tell(position ? fmt::format("there is no event at position {}; the last is at {}",
                                      *position, from.head())
                        : fmt::format("there is no event with the id {}", to_string(id)));
        return failure;
    }
    if (options.as_version) found = upcast(*std::move(found), *options.as_version, from, s);
    const auto json = data_printer(from, data_form::json).to_json(*found);
    if (s.json) {
        s.out.write(to_cloudevent(*found, json) + "\n");
    } else {
        print_for_people(*found, json, s);
    }
    return success;
}

}  // namespace idem::cli
