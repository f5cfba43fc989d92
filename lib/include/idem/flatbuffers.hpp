// FlatBuffers payloads and rows: include it where a projection or an event is typed by a schema of
// yours. Generate the code with
//
//     flatc --cpp --gen-object-api --gen-name-strings bank.fbs
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <concepts>
#include <string>
#include <string_view>

#include "idem/codec.hpp"
#include "idem/event.hpp"
#include "idem/keyed_fold.hpp"

namespace idem {

inline constexpr std::string_view flatbuffers_content_type = "application/x-flatbuffers";

// A generated table, such as bank::Deposited.
template <class Table>
concept flatbuffers_table = requires(const Table& table, flatbuffers::Verifier& verifier) {
    typename Table::NativeTableType;
    { Table::GetFullyQualifiedName() } -> std::convertible_to<std::string_view>;
    { table.Verify(verifier) } -> std::same_as<bool>;
};

// A generated object type, such as bank::DepositedT.
template <class Object>
concept flatbuffers_object = std::derived_from<Object, flatbuffers::NativeTable> && requires {
    typename Object::TableType;
};

// The payload of a recorded event in place. Throws corrupt unless the bytes verify as that table;
// they are valid as long as the view.
template <flatbuffers_table Table>
struct payload_codec<Table> {
    static std::string_view type() { return Table::GetFullyQualifiedName(); }

    static const Table& decode(const event_view& e) {
        const std::string_view data = e.data();
        const auto* bytes = reinterpret_cast<const std::uint8_t*>(data.data());
        // depth and table limits bound the work on hostile bytes
        flatbuffers::Verifier verifier(bytes, data.size(), 64, 100'000);
        if (data.size() < 8 || !verifier.VerifyBuffer<Table>(nullptr)) {
            throw error(errc::corrupt,
                        "the payload of event " + to_string(e.id()) + " at position " +
                            std::to_string(e.position()) + " is not a " + std::string(type()),
                        {.field = "data", .position = e.position()});
        }
        return *flatbuffers::GetRoot<Table>(bytes);
    }
    static const Table& decode_again(const event_view& e) {
        return *flatbuffers::GetRoot<Table>(e.data().data());
    }
};

// An event whose type and data are those of the object: make_event("account-7",
// bank::DepositedT{...}).
template <flatbuffers_object Object>
event make_event(std::string stream, const Object& object) {
    using table = typename Object::TableType;
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(table::Pack(builder, &object));
    event e;
    e.stream = std::move(stream);
    e.type = table::GetFullyQualifiedName();
    e.content_type = flatbuffers_content_type;
    e.data.assign(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
    return e;
}

template <flatbuffers_object Object>
struct row_codec<Object> {
    using table = typename Object::TableType;

    static void encode(const Object& row, std::string& out) {
        flatbuffers::FlatBufferBuilder builder;
        builder.Finish(table::Pack(builder, &row));
        out.assign(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
    }
    static Object decode(std::string_view bytes) {
        // Rows are kept as strings, whose bytes the allocator aligns; a copy covers the other
        // cases.
        std::string aligned;
        if (reinterpret_cast<std::uintptr_t>(bytes.data()) % 8 != 0) {
            aligned.resize(bytes.size() + 8);
            const auto start = reinterpret_cast<std::uintptr_t>(aligned.data());
            const std::size_t shift = (8 - start % 8) % 8;
            bytes.copy(aligned.data() + shift, bytes.size());
            bytes = std::string_view(aligned).substr(shift, bytes.size());
        }
        const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
        flatbuffers::Verifier verifier(data, bytes.size(), 64, 100'000);
        if (bytes.size() < 8 || !verifier.VerifyBuffer<table>(nullptr)) {
            throw error(errc::corrupt,
                        std::string("a row is not a ") + table::GetFullyQualifiedName());
        }
        Object row;
        flatbuffers::GetRoot<table>(data)->UnPackTo(&row);
        return row;
    }
};

}  // namespace idem
