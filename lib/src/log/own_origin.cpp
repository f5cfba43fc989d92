#include "log/own_origin.hpp"

#include <flatbuffers/flatbuffers.h>

#include <algorithm>
#include <cstring>

#include "catalog_generated.h"
#include "idem/error.hpp"

namespace idem {
namespace {

constexpr std::string_view origin_key = "origin";

uuid to_uuid(const flatbuffers::Vector<std::uint8_t>* bytes) {
    uuid id;
    if (bytes == nullptr || bytes->size() != id.bytes.size()) {
        throw error(errc::corrupt,
                    "the catalog's entry of origins is damaged; run `idem verify` and restore a "
                    "backup");
    }
    std::memcpy(id.bytes.data(), bytes->data(), bytes->size());
    return id;
}

void write_origin(storage::write_transaction& txn, storage::table catalog,
                  const origin_entry& entry) {
    flatbuffers::FlatBufferBuilder builder;
    std::vector<flatbuffers::Offset<wire::FormerOrigin>> former;
    for (const auto& f : entry.former) {
        const auto id = builder.CreateVector(f.origin.bytes.data(), f.origin.bytes.size());
        former.push_back(wire::CreateFormerOrigin(builder, id, f.counter));
    }
    const auto all = builder.CreateVector(former);
    const auto current =
        builder.CreateVector(entry.current.bytes.data(), entry.current.bytes.size());
    const auto file = entry.file.value_or(storage::file_identity{});
    builder.Finish(wire::CreateOriginInfo(builder, current, all, file.file_system, file.inode,
                                          file.generation, entry.file.has_value()));
    txn.put(catalog, origin_key,
            {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()});
}

void begin_new(origin_entry& entry, const stamp& head) {
    entry.former.push_back({entry.current, entry.counter_of(entry.current, head)});
    entry.current = make_uuid_v4();
}

}  // namespace

bool origin_entry::is_own(const uuid& origin) const noexcept {
    return origin == current ||
           std::any_of(former.begin(), former.end(),
                       [&](const former_origin& f) { return f.origin == origin; });
}

std::uint64_t origin_entry::counter_of(const uuid& origin, const stamp& head) const noexcept {
    if (origin == current) return head.origin == current ? head.counter : 0;
    for (const auto& f : former) {
        if (f.origin == origin) return f.counter;
    }
    return 0;
}

origin_entry read_origin(const storage::transaction& txn, storage::table catalog,
                         const uuid& created_with) {
    origin_entry entry;
    entry.current = created_with;
    const auto row = txn.peek(catalog, origin_key);
    if (!row) return entry;
    const std::string bytes(*row);  // LMDB aligns to 2 bytes only
    flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                   bytes.size());
    if (!verifier.VerifyBuffer<wire::OriginInfo>(nullptr)) to_uuid(nullptr);
    const auto& info = *flatbuffers::GetRoot<wire::OriginInfo>(bytes.data());
    entry.current = to_uuid(info.current());
    if (info.former()) {
        for (const auto* f : *info.former()) {
            entry.former.push_back({to_uuid(f->origin()), f->counter()});
        }
    }
    if (info.file_known()) entry.file = {info.file_system(), info.inode(), info.generation()};
    return entry;
}

void renew_origin(storage::write_transaction& txn, storage::table catalog, const stamp& head,
                  const uuid& created_with) {
    origin_entry entry = read_origin(txn, catalog, created_with);
    begin_new(entry, head);
    write_origin(txn, catalog, entry);
}

void check_file(storage::write_transaction& txn, storage::table catalog, const stamp& head,
                const storage::file_identity& file, const uuid& created_with) {
    origin_entry entry = read_origin(txn, catalog, created_with);
    if (entry.file == file) return;
    if (entry.file) begin_new(entry, head);
    entry.file = file;
    write_origin(txn, catalog, entry);
}

}  // namespace idem
