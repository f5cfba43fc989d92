// Rows of the tables that belong to commands: FlatBuffers of schemas/commands.fbs.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "idem/error.hpp"

namespace idem {

template <class Table>
typename Table::NativeTableType unpack(std::string_view row) {
    const std::string bytes(row);  // LMDB aligns to 2 bytes only
    flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                   bytes.size());
    if (!verifier.VerifyBuffer<Table>(nullptr)) {
        throw error(errc::corrupt,
                    "a row of a table of commands is damaged; run `idem verify` and restore a "
                    "backup");
    }
    typename Table::NativeTableType value;
    flatbuffers::GetRoot<Table>(bytes.data())->UnPackTo(&value);
    return value;
}

template <class Table>
std::string pack(const typename Table::NativeTableType& value) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(Table::Pack(builder, &value));
    return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

}  // namespace idem
