#include "index/manifest.hpp"

#include <flatbuffers/flatbuffers.h>

#include <cstring>

#include "base/hash.hpp"
#include "idem/error.hpp"
#include "index_generated.h"

namespace idem::index {
namespace {

constexpr std::uint64_t manifest_key = 0;  // runs are numbered from 1
constexpr std::size_t checksum_bytes = 8;

using wire_runs = flatbuffers::Vector<const wire::IndexRun*>;

std::vector<run_info> read_runs(const wire_runs* from) {
    std::vector<run_info> runs;
    if (from == nullptr) return runs;
    for (const wire::IndexRun* r : *from) {
        runs.push_back({r->number(), r->first(), r->last(), r->level(), r->chunks()});
    }
    return runs;
}

auto write_runs(flatbuffers::FlatBufferBuilder& builder, const std::vector<run_info>& from) {
    std::vector<wire::IndexRun> runs;
    for (const run_info& r : from) runs.emplace_back(r.number, r.first, r.last, r.level, r.chunks);
    return builder.CreateVectorOfStructs(runs);
}

bool adjacent(const std::vector<run_info>& runs, std::uint64_t chunk_entries) {
    std::uint64_t next = 1;
    for (const run_info& r : runs) {
        const bool fits = r.last >= r.first && r.chunks > 0 && r.chunks < directory_row &&
                          r.entries() <= r.chunks * chunk_entries;
        if (!fits || r.first != next) return false;
        next = r.last + 1;
    }
    return true;
}

}  // namespace

std::uint64_t manifest::end_of_run(std::uint64_t position) const noexcept {
    if (position <= phase) return phase;
    return phase + (position - phase + chunk_entries - 1) / chunk_entries * chunk_entries;
}

manifest read_manifest(const storage::transaction& txn, storage::table t) {
    const auto damaged = [](const char* how) {
        return error(errc::corrupt,
                     std::string("the manifest of an index is ") + how +
                         "; export the store and import it into a new one, or restore a backup");
    };
    const auto found = txn.peek(t, manifest_key);
    if (!found || found->size() <= checksum_bytes) throw damaged("missing");
    const std::string bytes(found->substr(checksum_bytes));  // LMDB aligns to 2 bytes only
    std::uint64_t checksum = 0;
    std::memcpy(&checksum, found->data(), sizeof checksum);
    flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                   bytes.size());
    if (checksum != hash::of_bytes(bytes) || !verifier.VerifyBuffer<wire::IndexManifest>(nullptr)) {
        throw damaged("damaged");
    }
    const auto& root = *flatbuffers::GetRoot<wire::IndexManifest>(bytes.data());
    manifest m;
    m.seed = root.seed();
    m.chunk_entries = root.chunk_entries();
    m.phase = root.phase();
    m.next_number = root.next_number();
    m.runs = read_runs(root.runs());
    m.merges = read_runs(root.merges());
    m.dead = read_runs(root.dead());
    if (const auto* mark = root.mark()) {
        m.mark.assign(reinterpret_cast<const char*>(mark->data()), mark->size());
    }
    if (m.chunk_entries == 0 || !adjacent(m.runs, m.chunk_entries)) throw damaged("damaged");
    return m;
}

void write_manifest(storage::write_transaction& txn, storage::table t, const manifest& m) {
    flatbuffers::FlatBufferBuilder builder;
    const auto runs = write_runs(builder, m.runs);
    const auto merges = write_runs(builder, m.merges);
    const auto dead = write_runs(builder, m.dead);
    const auto mark =
        builder.CreateVector(reinterpret_cast<const std::uint8_t*>(m.mark.data()), m.mark.size());
    builder.Finish(wire::CreateIndexManifest(builder, m.seed, m.chunk_entries, m.phase,
                                             m.next_number, runs, merges, dead, mark));
    std::string bytes(checksum_bytes, '\0');
    bytes.append(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
    const std::uint64_t checksum = hash::of_bytes(std::string_view(bytes).substr(checksum_bytes));
    std::memcpy(bytes.data(), &checksum, sizeof checksum);
    txn.put(t, manifest_key, bytes);
}

}  // namespace idem::index
