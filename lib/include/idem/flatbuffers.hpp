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
#include "idem/schema.hpp"
#include "idem/upcast.hpp"

namespace idem {

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

// The schema version that the generated code of a table is of. Say it beside the include of that
// code, as soon as there are two:
//
//     template <>
//     inline constexpr std::uint32_t idem::schema_version<bank::Deposited> = 2;
//
// 0: not said. Then events are read as version 1, and appended only while the store has no second.
template <flatbuffers_table Table>
inline constexpr std::uint32_t schema_version = 0;

namespace detail {

// Nullptr: the bytes are not that table. Limits of depth and tables bound the work on hostile ones.
template <flatbuffers_table Table>
const Table* verified(std::string_view data) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(data.data());
    flatbuffers::Verifier verifier(bytes, data.size(), 64, 100'000);
    if (data.size() < 8 || !verifier.VerifyBuffer<Table>(nullptr)) return nullptr;
    return flatbuffers::GetRoot<Table>(bytes);
}

}  // namespace detail

// The payload of a recorded event in place. Throws corrupt unless the bytes verify as that table;
// they are valid as long as the view.
template <flatbuffers_table Table>
struct payload_codec<Table> {
    static std::string_view type() { return Table::GetFullyQualifiedName(); }
    static std::uint32_t version() {
        return schema_version<Table> == 0 ? 1 : schema_version<Table>;
    }

    static const Table& decode(const event_view& e) {
        if (const Table* const payload = detail::verified<Table>(e.data())) return *payload;
        throw error(errc::corrupt,
                    "the payload of event " + to_string(e.id()) + " at position " +
                        std::to_string(e.position()) + " is not a " + std::string(type()),
                    {.field = "data", .position = e.position()});
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
    e.schema_version = schema_version<table>;
    e.content_type = flatbuffers_content_type;
    e.data.assign(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
    return e;
}

// An upcaster on typed tables: from the generated code of the older version, compiled in a
// namespace of its own, to the object of the next, or by a builder where speed counts:
//
//     upcasters().add("bank.Deposited", 1, upcast_from<bank_v1::Deposited>(
//         [](const bank_v1::Deposited& old) { bank::DepositedT now; ...; return now; }))
//     ... [](const bank_v1::Deposited& old, flatbuffers::FlatBufferBuilder& builder) {
//         return bank::CreateDeposited(builder, ...); }
template <flatbuffers_table Old, class Upcast>
upcasters::function upcast_from(Upcast upcast) {
    return [upcast = std::move(upcast)](std::string_view data) -> std::string_view {
        static thread_local flatbuffers::FlatBufferBuilder builder(256);
        const Old* const old = detail::verified<Old>(data);
        if (!old) {
            throw error(errc::corrupt,
                        std::string("the data is not a ") + Old::GetFullyQualifiedName());
        }
        builder.Clear();
        if constexpr (std::invocable<const Upcast&, const Old&, flatbuffers::FlatBufferBuilder&>) {
            builder.Finish(upcast(*old, builder));
        } else {
            const auto now = upcast(*old);
            builder.Finish(std::remove_cvref_t<decltype(now)>::TableType::Pack(builder, &now));
        }
        return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
    };
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
        const table* const found = detail::verified<table>(bytes);
        if (!found) {
            throw error(errc::corrupt,
                        std::string("a row is not a ") + table::GetFullyQualifiedName());
        }
        Object row;
        found->UnPackTo(&row);
        return row;
    }
};

}  // namespace idem
