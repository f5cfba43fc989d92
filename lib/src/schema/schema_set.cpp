// The public face of the registered schemas.
#include "idem/error.hpp"
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

}  // namespace idem
