#include "schema/payload_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "log/content.hpp"
#include "log/record.hpp"

namespace idem {

// One event on its way.
struct payload_reader::state {
    payload_arena& arena;
    std::string_view type;
    std::uint32_t version;
    std::string_view data;
    std::string_view content_type;
    bool typed;  // by the schema that it was appended under

    bool is_json() const {
        return content_type != flatbuffers_content_type && is_json_content_type(content_type);
    }
};

payload_reader::payload_reader(const schema_versions& reads, bool json, upcasters steps)
    : reads_(reads.begin(), reads.end()), json_(json), steps_(std::move(steps)) {}

std::shared_ptr<const registered_schemas> with_registrations(
    std::shared_ptr<const registered_schemas> known, std::span<const event_view> events) {
    for (const event_view& e : events) {
        if (e.stream() != schemas_stream) continue;
        auto grown = std::make_shared<registered_schemas>(*known);
        grown->add(e.type(), e.data(), e.position());
        known = std::move(grown);
    }
    return known;
}

std::uint32_t payload_reader::target_of(std::string_view type) const noexcept {
    for (const auto& [name, version] : reads_) {
        if (name == type) return version;
    }
    return 0;
}

event_view payload_reader::read(const event_view& e, payload_arena& arena) const {
    if (record_reader::has_no_data(e)) return e;
    const std::string_view type = e.type();
    const std::string_view content_type = e.content_type();
    const bool flatbuffers = content_type == flatbuffers_content_type;
    std::uint32_t target = target_of(type);
    if (target == 0) {
        if (!json_ || !flatbuffers) return e;
        target = e.schema_version();
    }
    const std::uint32_t version = e.schema_version();
    if (version == target && flatbuffers != json_) return e;  // as most events are, at no cost
    // What is older than its schema is given as it is, whenever that schema came to be known.
    const auto* const stored_by = known_->find(type, version);
    const bool typed = stored_by && stored_by->about.position <= e.position();
    if (version == target && !typed) return e;
    if (version > target && json_ && is_as_good(type, target, version)) {
        if (!flatbuffers) return e;
        target = version;
    }
    if (version > target) {
        throw error(errc::unknown_version,
                    fmt::format("it has version {} of {}, and version {} is the newest that is "
                                "read here; deploy code that reads it",
                                version, text::shown(type), target),
                    {.field = "schema_version", .position = e.position()});
    }
    state s{arena, type, version, e.data(), content_type, typed};
    while (s.version < target) step(s);
    // What was FlatBuffers goes through its schema once more, which fills in what an upcaster left
    // out. What was JSON is left alone: it may be older than its schema, and not fit it.
    if (!json_ || flatbuffers) fit_schema(s, version);
    if (json_) to_json(s);
    auto* const shown = new (arena.allocate(sizeof(event_view::shown_payload)))
        event_view::shown_payload{s.data, s.content_type, s.version};
    return record_reader::with_payload(e, shown);
}

bool payload_reader::is_as_good(std::string_view type, std::uint32_t target,
                                std::uint32_t version) const {
    return !gap_between(*known_, type, target, version, [](std::uint32_t) { return false; }) &&
           known_->base_version(type) <= target;
}

void payload_reader::fit_schema(state& s, std::uint32_t from) const {
    try {
        to_bytes(s);
    } catch (const error& e) {
        if (from == s.version) throw;
        throw error(errc::unknown_version,
                    fmt::format("what the upcasters have made of version {} of {} is no version "
                                "{}: {}",
                                from, text::shown(s.type), s.version, e.what()),
                    e.place());
    }
}

void payload_reader::to_bytes(state& s) const {
    if (!s.typed || !s.is_json()) return;
    const auto* const entry = known_->find(s.type, s.version);
    if (!entry) return;
    s.data = s.arena.keep(entry->definition.from_json(s.type, s.data));
    s.content_type = flatbuffers_content_type;
}

void payload_reader::to_json(state& s) const {
    if (!s.typed || s.content_type != flatbuffers_content_type) return;
    const auto* const entry = known_->find(s.type, s.version);
    if (!entry) return;
    s.data = s.arena.keep(entry->definition.to_json(s.type, s.data));
    s.content_type = "application/json";
}

void payload_reader::step(state& s) const {
    const auto upcast = [&](auto&& work) {
        try {
            s.data = s.arena.keep(work());
        } catch (const std::exception& cause) {
            throw error(errc::unknown_version,
                        fmt::format("the upcaster of {} from version {} failed: {}",
                                    text::shown(s.type), s.version, cause.what()),
                        {.field = "data"});
        }
    };
    if (const auto* const function = steps_.find(s.type, s.version)) {
        to_bytes(s);
        upcast([&] { return (*function)(s.data); });
    } else if (const auto* const declared = known_->upcaster(s.type, s.version)) {
        to_json(s);
        if (!s.is_json()) {
            throw error(errc::unknown_version,
                        fmt::format("the upcaster of {} from version {} takes JSON, and the store "
                                    "has no schema to make it of {}",
                                    text::shown(s.type), s.version, text::shown(s.content_type)),
                        {.field = "content_type"});
        }
        upcast([&] { return declared->apply(s.data); });
    } else if (gap_between(*known_, s.type, s.version, s.version + 1,
                           [](std::uint32_t) { return false; })) {
        throw error(errc::unknown_version,
                    fmt::format("there is no upcaster of {} from version {} to {}",
                                text::shown(s.type), s.version, s.version + 1),
                    {.field = "schema_version"});
    }
    ++s.version;
}

schema_versions versions_read(const projection& p, const registered_schemas& known) {
    schema_versions reads = p.reads;
    if (!p.reads_json) return reads;
    for (const auto& type : known.type_names()) {
        const bool handled =
            p.types.empty() || std::find(p.types.begin(), p.types.end(), type) != p.types.end();
        if (handled) reads.try_emplace(type, known.base_version(type));
    }
    return reads;
}

void check_upcasters(const schema_versions& reads, const upcasters& steps,
                     const registered_schemas& known) {
    for (const auto& [type, version] : reads) {
        const auto* const newest = known.newest(type);
        if (!newest) continue;
        const auto declared = [&](std::uint32_t from) { return steps.find(type, from) != nullptr; };
        if (const auto gap = gap_between(known, type, 1, version, declared)) {
            throw error(errc::invalid_input,
                        fmt::format("there is no upcaster of {} from version {} to {}, and version "
                                    "{} is to be read",
                                    text::shown(type), *gap, *gap + 1, version),
                        {.field = "schema_version"});
        }
    }
}

}  // namespace idem
