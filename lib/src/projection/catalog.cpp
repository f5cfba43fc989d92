#include "projection/catalog.hpp"

#include <flatbuffers/flatbuffers.h>
#include <fmt/format.h>

#include <algorithm>

#include "catalog_generated.h"
#include "idem/error.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace {

constexpr std::string_view prefix = "projection/";
constexpr std::string_view rebuild_prefix = "rebuild/";

std::string text_of(const flatbuffers::String* text) {
    return text ? text->str() : std::string();
}

// What was kept before orders had names said one bit of them.
fold_order order_of(const wire::ProjectionInfo& info) {
    if (info.order() == 0) {
        return info.order_insensitive() ? fold_order::commutative : fold_order::arrival;
    }
    return static_cast<fold_order>(info.order() - 1);
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
    record.made_by.name = text_of(info.name());
    record.made_by.version = info.version();
    record.made_by.keys = static_cast<key_kind>(info.key_kind());
    record.made_by.code = text_of(info.code());
    if (const auto* reads = info.reads()) {
        for (const auto* r : *reads) {
            record.made_by.reads.push_back({text_of(r->type()), r->version(), r->upcasters()});
        }
    }
    record.fingerprinted = info.fingerprinted();
    record.slot = info.slot();
    record.loading = info.loading();
    record.checkpoint = info.checkpoint();
    record.digest = {info.digest_high(), info.digest_low()};
    record.made_by.order = order_of(info);
    record.floor = info.floor();
    record.walk_to = info.walk_to();
    record.walked = info.walked();
    record.late = text_of(info.late());
    record.refolds = info.refolds();
    record.touches = info.touches();
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
    record.erased = text_of(info.erased());
    record.erasures = info.erasures();
    return record;
}

std::vector<projection_record> list(const storage::transaction& txn, storage::table catalog,
                                    std::string_view with_prefix) {
    std::vector<projection_record> found;
    storage::cursor cursor(txn, catalog);
    for (auto entry = cursor.seek(with_prefix); entry && entry->first.starts_with(with_prefix);
         entry = cursor.next()) {
        found.push_back(decode(entry->first, entry->second));
    }
    return found;
}

}  // namespace

bool projection_record::skips(std::uint64_t position) const noexcept {
    if (skipped.empty() || position > skipped.back().position) return false;
    return std::any_of(skipped.begin(), skipped.end(),
                       [position](const skipped_event& s) { return s.position == position; });
}

void projection_record::skip_also(const std::vector<skipped_event>& more) {
    for (const skipped_event& skip : more) {
        const auto place = std::lower_bound(
            skipped.begin(), skipped.end(), skip.position,
            [](const skipped_event& s, std::uint64_t position) { return s.position < position; });
        if (place == skipped.end() || place->position != skip.position) skipped.insert(place, skip);
    }
}

void projection_record::skip_failed(std::string_view reason) {
    const auto place = std::upper_bound(
        skipped.begin(), skipped.end(), failed_position,
        [](std::uint64_t position, const skipped_event& s) { return position < s.position; });
    skipped.insert(place, {failed_position, failure, std::string(reason)});
    // A walk in canonical order meets the event at its place, and has not applied all before.
    if (walk_to == 0) checkpoint = failed_position;
    failed_position = 0;
    failure.clear();
}

std::string staleness(const projection_record& kept, const projection_identity& wanted) {
    if (!kept.erased.empty()) return kept.erased;
    if (!kept.late.empty()) return kept.late;
    if (!kept.fingerprinted && kept.version() == wanted.version) return {};
    return difference_between(kept.made_by, wanted);
}

std::string versioned(std::string_view name, std::uint32_t version) {
    return fmt::format("{}@{}", name, version);
}

std::string state_table_name(std::string_view name, std::uint32_t version, std::uint8_t slot) {
    return fmt::format("state/{}@{}{}", name, version, slot == 0 ? "" : "~");
}

std::string undo_table_name(std::string_view name, std::uint32_t version, std::uint8_t slot) {
    return fmt::format("undo/{}@{}{}", name, version, slot == 0 ? "" : "~");
}

std::string catalog_key(std::string_view name, std::uint32_t version) {
    return fmt::format("{}{}@{}", prefix, name, version);
}

std::string rebuild_key(std::string_view name, std::uint32_t version) {
    return fmt::format("{}{}@{}", rebuild_prefix, name, version);
}

std::uint8_t free_slot(const storage::transaction& txn, storage::table catalog,
                       std::string_view key) {
    const auto record = read_projection(txn, catalog, key);
    return record && record->slot == 0 ? 1 : 0;
}

bool slot_is_taken(const storage::transaction& txn, storage::table catalog, std::string_view name,
                   std::uint32_t version, std::uint8_t slot) {
    const auto kept = read_projection(txn, catalog, catalog_key(name, version));
    const auto rebuilt = read_projection(txn, catalog, rebuild_key(name, version));
    return (kept && kept->slot == slot) || (rebuilt && rebuilt->slot == slot);
}

std::optional<projection_record> read_projection(const storage::transaction& txn,
                                                 storage::table catalog, std::string_view key) {
    const auto value = txn.peek(catalog, key);
    if (!value) return std::nullopt;
    return decode(key, *value);
}

void write_projection(storage::write_transaction& txn, storage::table catalog, std::string_view key,
                      const projection_record& record) {
    flatbuffers::FlatBufferBuilder builder;
    std::vector<flatbuffers::Offset<wire::Skip>> skips;
    for (const auto& skip : record.skipped) {
        const auto failure = builder.CreateString(skip.failure);
        const auto reason = builder.CreateString(skip.reason);
        skips.push_back(wire::CreateSkip(builder, skip.position, failure, reason));
    }
    std::vector<flatbuffers::Offset<wire::ReadVersion>> versions;
    for (const auto& r : record.made_by.reads) {
        const auto type = builder.CreateString(r.type);
        versions.push_back(wire::CreateReadVersion(builder, type, r.version, r.upcasters));
    }
    const auto reads = builder.CreateVector(versions);
    const auto code = builder.CreateString(record.made_by.code);
    const auto name = builder.CreateString(record.name());
    const auto definition = builder.CreateString(record.definition);
    const auto failure = builder.CreateString(record.failure);
    const auto skipped = builder.CreateVector(skips);
    const auto erased = record.erased.empty() ? flatbuffers::Offset<flatbuffers::String>()
                                              : builder.CreateString(record.erased);
    const auto late = record.late.empty() ? flatbuffers::Offset<flatbuffers::String>()
                                          : builder.CreateString(record.late);
    builder.Finish(wire::CreateProjectionInfo(
        builder, name, record.version(), record.checkpoint, record.digest.high, record.digest.low,
        static_cast<std::uint8_t>(record.made_by.keys),
        record.made_by.order == fold_order::commutative, definition, record.failed_position,
        failure, skipped, record.registered, record.slot, record.fingerprinted, code, reads,
        record.loading, erased, record.erasures,
        static_cast<std::uint8_t>(1 + static_cast<int>(record.made_by.order)), record.floor,
        record.walk_to, record.walked, late, record.refolds, record.touches));
    txn.put(catalog, key,
            {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()});
}

std::vector<projection_record> list_projections(const storage::transaction& txn,
                                                storage::table catalog) {
    return list(txn, catalog, prefix);
}

std::vector<projection_record> list_rebuilds(const storage::transaction& txn,
                                             storage::table catalog) {
    return list(txn, catalog, rebuild_prefix);
}

std::uint64_t next_registration(const storage::transaction& txn, storage::table catalog) {
    std::uint64_t latest = 0;
    for (const auto& record : list_projections(txn, catalog)) {
        latest = std::max(latest, record.registered);
    }
    return latest + 1;
}

std::optional<projection_record> current_projection(const storage::transaction& txn,
                                                    storage::table catalog, std::string_view name) {
    std::optional<projection_record> current;
    for (auto& record : list_projections(txn, catalog)) {
        if (record.name() != name) continue;
        if (!current || record.registered > current->registered) current = std::move(record);
    }
    return current;
}

}  // namespace idem
