#include "log/catalog.hpp"

#include <flatbuffers/flatbuffers.h>
#include <fmt/format.h>

#include <cstring>

#include "catalog_generated.h"
#include "idem/error.hpp"
#include "idem/version.hpp"
#include "log/index.hpp"
#include "log/own_origin.hpp"

namespace idem {
namespace {

constexpr std::string_view store_key = "store";
constexpr std::uint32_t byte_order_mark = 0x01020304;

uuid to_uuid(const flatbuffers::Vector<std::uint8_t>& bytes) {
    uuid id;
    if (bytes.size() == id.bytes.size()) std::memcpy(id.bytes.data(), bytes.data(), bytes.size());
    return id;
}

}  // namespace

void write_new_store(storage::write_transaction& txn) {
    log_tables::create(txn);
    flatbuffers::FlatBufferBuilder builder;
    const uuid id = make_uuid_v4();
    const uuid origin = make_uuid_v4();
    const auto now =
        std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
    const auto id_offset = builder.CreateVector(id.bytes.data(), id.bytes.size());
    const auto origin_offset = builder.CreateVector(origin.bytes.data(), origin.bytes.size());
    const auto created_by = builder.CreateString("idem " IDEM_VERSION);
    builder.Finish(wire::CreateStoreInfo(builder, format_version, byte_order_mark, id_offset,
                                         origin_offset, now.time_since_epoch().count(),
                                         created_by));
    const auto catalog = txn.open_table(catalog_name);
    txn.put(catalog, store_key,
            {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()});
    // Now, or copies that are made before the first event would all write under this origin.
    check_file(txn, catalog, {}, storage::identity_of(txn.owner()), origin);
}

store_info read_store_info(storage::environment& env) {
    const std::string folder = env.folder().string();
    const auto catalog = env.find_table(catalog_name);
    const storage::read_transaction txn(env);
    const auto entry = catalog ? txn.get(*catalog, store_key) : std::nullopt;
    if (!entry) {
        throw error(errc::not_a_store,
                    fmt::format("{} is an LMDB environment and not an idem store: its catalog says "
                                "nothing of a store; name another folder",
                                folder));
    }
    const std::string bytes(*entry);  // LMDB aligns to 2 bytes only
    flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                   bytes.size());
    if (!verifier.VerifyBuffer<wire::StoreInfo>(nullptr)) {
        throw error(errc::corrupt, fmt::format("{}: the catalog's entry of the store is damaged; "
                                               "restore a backup",
                                               folder));
    }
    const auto& info = *flatbuffers::GetRoot<wire::StoreInfo>(bytes.data());
    if (info.format_version() != format_version) {
        throw error(errc::unsupported_format,
                    fmt::format("{} has format {}, written by {}; this is idem {} and knows format "
                                "{}: {}",
                                folder, info.format_version(),
                                info.created_by() ? info.created_by()->str() : "an unnamed version",
                                IDEM_VERSION, format_version,
                                info.format_version() > format_version
                                    ? "use a newer idem"
                                    : "export it with that one and import it with this one"));
    }
    if (info.byte_order() != byte_order_mark) {
        throw error(errc::unsupported_format,
                    fmt::format("{} was written by a machine of another byte order; export it "
                                "there and import it here",
                                folder));
    }
    return {info.format_version(), to_uuid(*info.id()), to_uuid(*info.origin()),
            timestamp(std::chrono::nanoseconds(info.created()))};
}

}  // namespace idem
