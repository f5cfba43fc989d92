// Rows of the tables that belong to commands: FlatBuffers of schemas/commands.fbs.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "idem/error.hpp"

namespace idem {

// Calls `read` with the table that a row holds, and returns what it does.
template <class Table, class Read>
auto with_row(std::string_view row, Read&& read) {
    const std::string bytes(row);  // LMDB aligns to 2 bytes only
    flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                   bytes.size());
    if (!verifier.VerifyBuffer<Table>(nullptr)) {
        throw error(errc::corrupt,
                    "a row of a table of commands is damaged; run `idem verify` and restore a "
                    "backup");
    }
    return read(*flatbuffers::GetRoot<Table>(bytes.data()));
}

template <class Table>
typename Table::NativeTableType unpack(std::string_view row) {
    return with_row<Table>(row, [](const Table& table) {
        typename Table::NativeTableType value;
        table.UnPackTo(&value);
        return value;
    });
}

template <class Table>
std::string pack(const typename Table::NativeTableType& value) {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(Table::Pack(builder, &value));
    return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

}  // namespace idem
