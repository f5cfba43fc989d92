// The public face of the registered schemas.
#include <fmt/format.h>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "log/content.hpp"
#include "log/record.hpp"
#include "schema/payload_reader.hpp"
#include "schema/registry.hpp"

namespace idem {
namespace {

std::optional<std::string> print(const registered_schemas& known, std::string_view type,
                                 std::uint32_t version, std::string_view content_type,
                                 std::string_view data) {
    if (content_type != flatbuffers_content_type) return std::nullopt;
    const auto* const entry = known.find(type, version);
    if (!entry) return std::nullopt;
    try {
        return entry->definition.to_json(type, data);
    } catch (const error&) {
        return std::nullopt;  // it was stored before the schema was known
    }
}

}  // namespace

schema_set::schema_set(std::shared_ptr<const registered_schemas> from) noexcept
    : from_(std::move(from)) {}

std::vector<registered_type> schema_set::types() const {
    return from_->list();
}

std::optional<schema> schema_set::find(std::string_view type, std::uint32_t version) const {
    const auto* const entry = version == 0 ? from_->newest(type) : from_->find(type, version);
    if (!entry) return std::nullopt;
    return entry->definition;
}

std::optional<std::string> schema_set::to_json(const event_view& e) const {
    if (e.erased() || e.sealed()) return std::nullopt;
    return print(*from_, e.type(), e.schema_version(), e.content_type(), e.data());
}

std::optional<std::string> schema_set::to_json(const event& e) const {
    if (e.erased || e.sealed) return std::nullopt;
    return print(*from_, e.type, e.schema_version, e.content_type, e.data);
}

std::string schema_set::to_json_as(const recorded_event& e, std::uint32_t version,
                                   const upcasters& steps) const {
    const auto refuse = [&](const std::string& why) {
        return error(errc::unknown_version,
                     fmt::format("the event at position {} cannot be shown as version {} of {}: {}",
                                 e.position, version, text::shown(e.type), why),
                     {.field = "schema_version", .position = e.position});
    };
    if (version < e.schema_version) {
        throw refuse(fmt::format("it is of version {}, and upcasters lead forwards alone",
                                 e.schema_version));
    }
    const event& alone = e;
    encoded_batch batch({&alone, 1});
    batch.place(0, e.position, e.revision, e.stamp);
    payload_reader reader({{e.type, version}}, true, steps);
    reader.know(from_);
    payload_arena arena;
    const auto shown = [&] {
        try {
            return reader.read(batch.view(0), arena);
        } catch (const error& why) {
            if (why.code() != errc::unknown_version) throw;
            throw refuse(why.what());
        }
    }();
    if (!is_json_content_type(shown.content_type())) {
        throw refuse("the store has no schema that makes JSON of it; `idem schema add` adds one");
    }
    return std::string(shown.data());
}

}  // namespace idem
