#include "projection/catalog.hpp"

#include <flatbuffers/flatbuffers.h>
#include <fmt/format.h>

#include "catalog_generated.h"
#include "idem/error.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace {

constexpr std::string_view prefix = "projection/";

std::string catalog_key(std::string_view name, std::uint32_t version) {
    return fmt::format("{}{}@{}", prefix, name, version);
}

std::string text_of(const flatbuffers::String* text) {
    return text ? text->str() : std::string();
}

projection_record decode(std::string_view key, std::string_view value) {
    const std::string bytes(value);  // LMDB aligns to 2 bytes only
    flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                   bytes.size());
    if (!verifier.VerifyBuffer<wire::ProjectionInfo>(nullptr)) {
        throw error(errc::corrupt,
                    fmt::format("the catalog's entry '{}' is damaged; restore a backup", key));
    }
    const auto& info = *flatbuffers::GetRoot<wire::ProjectionInfo>(bytes.data());
    projection_record record;
    record.name = text_of(info.name());
    record.version = info.version();
    record.checkpoint = info.checkpoint();
    record.digest = {info.digest_high(), info.digest_low()};
    record.keys = static_cast<key_kind>(info.key_kind());
    record.order_insensitive = info.order_insensitive();
    record.definition = text_of(info.definition());
    record.failed_position = info.failed_position();
    record.failure = text_of(info.failure());
    if (const auto* skipped = info.skipped()) {
        for (const auto* skip : *skipped) {
            record.skipped.push_back(
                {skip->position(), text_of(skip->failure()), text_of(skip->reason())});
        }
    }
    record.registered = info.registered();
    return record;
}

}  // namespace

std::string state_table_name(std::string_view name, std::uint32_t version) {
    return fmt::format("state/{}@{}", name, version);
}

std::optional<projection_record> read_projection(const storage::transaction& txn,
                                                 storage::table catalog, std::string_view name,
                                                 std::uint32_t version) {
    const std::string key = catalog_key(name, version);
    const auto value = txn.peek(catalog, key);
    if (!value) return std::nullopt;
    return decode(key, *value);
}

void write_projection(storage::write_transaction& txn, storage::table catalog,
                      const projection_record& record) {
    flatbuffers::FlatBufferBuilder builder;
    std::vector<flatbuffers::Offset<wire::Skip>> skips;
    for (const auto& skip : record.skipped) {
        const auto failure = builder.CreateString(skip.failure);
        const auto reason = builder.CreateString(skip.reason);
        skips.push_back(wire::CreateSkip(builder, skip.position, failure, reason));
    }
    const auto name = builder.CreateString(record.name);
    const auto definition = builder.CreateString(record.definition);
    const auto failure = builder.CreateString(record.failure);
    const auto skipped = builder.CreateVector(skips);
    builder.Finish(wire::CreateProjectionInfo(
        builder, name, record.version, record.checkpoint, record.digest.high, record.digest.low,
        static_cast<std::uint8_t>(record.keys), record.order_insensitive, definition,
        record.failed_position, failure, skipped, record.registered));
    txn.put(catalog, catalog_key(record.name, record.version),
            {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()});
}

std::vector<projection_record> list_projections(const storage::transaction& txn,
                                                storage::table catalog) {
    std::vector<projection_record> found;
    storage::cursor cursor(txn, catalog);
    for (auto entry = cursor.seek(prefix); entry && entry->first.starts_with(prefix);
         entry = cursor.next()) {
        found.push_back(decode(entry->first, entry->second));
    }
    return found;
}

std::optional<projection_record> current_projection(const storage::transaction& txn,
                                                    storage::table catalog, std::string_view name) {
    std::optional<projection_record> current;
    for (auto& record : list_projections(txn, catalog)) {
        if (record.name != name) continue;
        if (!current || record.registered > current->registered) current = std::move(record);
    }
    return current;
}

}  // namespace idem
