#include "projection/snapshots.hpp"

#include <flatbuffers/flatbuffers.h>
#include <fmt/format.h>

#include "base/hash.hpp"
#include "catalog_generated.h"
#include "idem/limits.hpp"
#include "log/check.hpp"
#include "projection/identity.hpp"

namespace idem {
namespace {

// The stream's name is hashed where the whole would be longer than a key may be.
std::string snapshot_key(std::string_view name, std::uint32_t version, std::string_view stream) {
    std::string key = fmt::format("{}@{}", name, version);
    key.push_back('\0');
    if (key.size() + stream.size() <= limits::row_key_bytes_max) return key.append(stream);
    const state_digest digest = hash::of_row("", stream);
    return key + to_string(digest);
}

std::optional<fold_snapshot> decode(std::string_view value, std::string_view stream) {
    const std::string bytes(value);  // LMDB aligns to 2 bytes only
    flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                   bytes.size());
    if (!verifier.VerifyBuffer<wire::Snapshot>(nullptr)) return std::nullopt;
    const auto& found = *flatbuffers::GetRoot<wire::Snapshot>(bytes.data());
    if (!found.stream() || found.stream()->str() != stream) return std::nullopt;
    const auto& row = *found.row();
    fold_snapshot snapshot{found.revision(),
                           std::string(reinterpret_cast<const char*>(row.data()), row.size())};
    if (hash::of_bytes(snapshot.row) != found.checksum()) return std::nullopt;
    return snapshot;
}

}  // namespace

void drop_fold_snapshots(storage::write_transaction& txn) {
    txn.clear_table(txn.open_table(snapshots_name));
}

std::string snapshot_name(const stream_fold_view& f, const registered_schemas& known) {
    if (f.reads.empty()) return f.name;
    projection p;
    p.reads = f.reads;
    p.upcasters = f.upcasters;
    constexpr std::size_t name_max = 200;
    return f.name.substr(0, name_max) + "." + fingerprint_of(identity_of(p, known));
}

std::optional<fold_snapshot> load_fold_snapshot(const storage::transaction& txn,
                                                storage::table table, std::string_view name,
                                                std::uint32_t version, std::string_view stream) {
    check_projection_name(name);
    const auto value = txn.get(table, snapshot_key(name, version, stream));
    return value ? decode(*value, stream) : std::nullopt;
}

void save_fold_snapshot(const event_source& source, std::string_view name, std::uint32_t version,
                        std::string_view stream, const fold_snapshot& snapshot,
                        std::uint64_t last_erasure) {
    storage::environment& env = *source.env;
    if (env.read_only() || snapshot.row.size() > limits::row_bytes_max) return;
    const std::string key = snapshot_key(name, version, stream);
    flatbuffers::FlatBufferBuilder builder;
    const auto row = builder.CreateVector(
        reinterpret_cast<const std::uint8_t*>(snapshot.row.data()), snapshot.row.size());
    const auto stream_name = builder.CreateString(stream.data(), stream.size());
    builder.Finish(wire::CreateSnapshot(builder, snapshot.revision, row, stream_name,
                                        hash::of_bytes(snapshot.row)));
    storage::write(env, [&](storage::write_transaction& txn) {
        if (source.tables.subjects->last_erasure(txn) != last_erasure) return;
        const storage::table table = txn.open_table(snapshots_name);
        if (const auto kept = txn.get(table, key)) {
            const auto known = decode(*kept, stream);
            if (known && known->revision >= snapshot.revision) return;
        }
        txn.put(table, key,
                {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()});
    });
}

}  // namespace idem
