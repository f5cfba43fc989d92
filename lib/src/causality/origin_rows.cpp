#include "causality/origin_rows.hpp"

#include <flatbuffers/flatbuffers.h>

#include <cstring>

#include "base/big_endian.hpp"
#include "idem/error.hpp"
#include "origins_generated.h"

namespace idem {
namespace {

template <class Table>
const Table& verified(const std::string& bytes) {
    flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                   bytes.size());
    if (!verifier.VerifyBuffer<Table>(nullptr)) {
        throw error(errc::corrupt,
                    "a row of the tables of origins is damaged; run `idem verify` and restore a "
                    "backup");
    }
    return *flatbuffers::GetRoot<Table>(bytes.data());
}

std::string finished(const flatbuffers::FlatBufferBuilder& builder) {
    return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

}  // namespace

std::string_view origin_key(const uuid& origin) noexcept {
    return {reinterpret_cast<const char*>(origin.bytes.data()), origin.bytes.size()};
}

std::string stamps_key(std::uint64_t position) {
    std::string key;
    append_big_endian(key, position);
    return key;
}

std::string to_bytes(const parked_key& key) {
    std::string bytes(origin_key(key.origin));
    append_big_endian(bytes, key.counter);
    return bytes;
}

std::optional<parked_key> parked_key_of(std::string_view bytes) noexcept {
    parked_key key;
    if (bytes.size() != key.origin.bytes.size() + sizeof key.counter) return std::nullopt;
    std::memcpy(key.origin.bytes.data(), bytes.data(), key.origin.bytes.size());
    key.counter = from_big_endian(bytes.substr(key.origin.bytes.size()));
    return key;
}

origin_row read_origin_row(std::string_view row) {
    const std::string bytes(row);  // LMDB aligns to 2 bytes only
    const auto& known = verified<wire::OriginRow>(bytes);
    return {known.counter(), known.clock()};
}

std::vector<other_stamp> read_stamps_row(std::string_view row) {
    const std::string bytes(row);
    const auto& known = verified<wire::StampsRow>(bytes);
    std::vector<other_stamp> stamps;
    if (!known.stamps()) return stamps;
    for (const auto* s : *known.stamps()) {
        other_stamp other{{s->clock(), {}, s->counter()}, {}};
        std::memcpy(other.stamp.origin.bytes.data(), s->origin().bytes()->Data(), 16);
        std::memcpy(other.content.data(), s->content()->Data(), other.content.size());
        stamps.push_back(other);
    }
    return stamps;
}

std::string write_origin_row(const origin_row& row) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(wire::CreateOriginRow(builder, row.counter, row.clock));
    return finished(builder);
}

std::string write_stamps_row(const std::vector<other_stamp>& stamps) {
    flatbuffers::FlatBufferBuilder builder;
    std::vector<wire::StampOfContent> rows;
    for (const auto& s : stamps) {
        rows.emplace_back(
            s.stamp.clock,
            wire::OriginId(flatbuffers::span<const std::uint8_t, 16>(s.stamp.origin.bytes)),
            s.stamp.counter, flatbuffers::span<const std::uint8_t, 32>(s.content));
    }
    const auto vector = builder.CreateVectorOfStructs(rows);
    builder.Finish(wire::CreateStampsRow(builder, vector));
    return finished(builder);
}

}  // namespace idem
