#include "log/index.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace {

constexpr std::string_view log_name = "log";
constexpr std::string_view ids_name = "ids";
constexpr std::string_view streams_name = "streams";

}  // namespace

void log_tables::create(storage::write_transaction& txn) {
    txn.open_table(log_name, storage::key_order::integer);
    txn.open_table(ids_name);
    txn.open_table(streams_name);
}

log_tables log_tables::open(storage::environment& env) {
    const auto required = [&env](std::string_view name, storage::key_order order) {
        const auto table = env.find_table(name, order);
        if (!table) {
            throw error(
                errc::not_a_store,
                fmt::format("{} has no table '{}': it is not an idem store, or it is damaged; "
                            "restore a backup",
                            env.folder().string(), name));
        }
        return *table;
    };
    return {required(log_name, storage::key_order::integer),
            required(ids_name, storage::key_order::bytes),
            required(streams_name, storage::key_order::bytes)};
}

std::uint64_t head_of(const storage::transaction& txn, const log_tables& tables) {
    storage::cursor cursor(txn, tables.log);
    const auto last = cursor.last();
    if (!last) return 0;
    return std::max(storage::integer_key(last->first), txn.stats(tables.log).entries);
}

std::string_view position_bytes(const std::uint64_t& position) noexcept {
    return {reinterpret_cast<const char*>(&position), sizeof position};
}

std::uint64_t read_position(std::string_view bytes) {
    std::uint64_t position = 0;
    if (bytes.size() != sizeof position) {
        throw error(errc::corrupt, "an index entry does not hold a position; run `idem verify`");
    }
    std::memcpy(&position, bytes.data(), sizeof position);
    return position;
}

std::string_view id_bytes(const uuid& id) noexcept {
    return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

std::optional<std::uint64_t> find_id(const storage::transaction& txn, const log_tables& tables,
                                     const uuid& id) {
    const auto found = txn.get(tables.ids, id_bytes(id));
    if (!found) return std::nullopt;
    return read_position(*found);
}

index_writer::index_writer(storage::write_transaction& txn, storage::table index)
    : txn_(txn), index_(index) {
    storage::cursor cursor(txn, index);
    if (const auto last = cursor.last()) last_ = last->first;
}

void index_writer::put(std::string_view key, std::uint64_t position) {
    if (is_behind_last(key)) {
        txn_.append(index_, key, position_bytes(position));
        last_ = key;
    } else {
        txn_.put(index_, key, position_bytes(position));
    }
}

void write_stream_key(std::string& key, std::string_view stream, std::uint64_t revision) {
    key.assign(stream);
    key.push_back('\0');
    for (int shift = 56; shift >= 0; shift -= 8)
        key.push_back(static_cast<char>(revision >> shift));
}

std::string stream_key(std::string_view stream, std::uint64_t revision) {
    std::string key;
    write_stream_key(key, stream, revision);
    return key;
}

stream_entry read_stream_entry(const storage::entry& entry) {
    const auto& [key, value] = entry;
    if (key.size() < 10 || key[key.size() - 9] != '\0') {
        throw error(errc::corrupt,
                    fmt::format("the index of streams holds the key {}, which is none; "
                                "run `idem verify`",
                                text::shown(key)));
    }
    stream_entry result{key.substr(0, key.size() - 9), 0, read_position(value)};
    for (const char byte : key.substr(key.size() - 8)) {
        result.revision = result.revision << 8 | static_cast<std::uint8_t>(byte);
    }
    return result;
}

std::optional<stream_entry> last_of_stream(const storage::transaction& txn,
                                           const log_tables& tables, std::string_view stream) {
    storage::cursor cursor(txn, tables.streams);
    // No stream reaches the highest revision: it would take as many positions.
    const auto behind = cursor.seek(stream_key(stream, std::numeric_limits<std::uint64_t>::max()));
    const auto found = behind ? cursor.previous() : cursor.last();
    if (!found) return std::nullopt;
    const stream_entry entry = read_stream_entry(*found);
    if (entry.stream != stream) return std::nullopt;
    return entry;
}

std::uint64_t revision_at(const storage::transaction& txn, const log_tables& tables,
                          std::string_view stream, std::uint64_t position) {
    const auto last = last_of_stream(txn, tables, stream);
    if (!last) return 0;
    if (last->position < position) return last->revision + 1;
    std::uint64_t low = 0;
    std::uint64_t high = last->revision;  // its position is at least `position`
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        const auto found = txn.get(tables.streams, stream_key(stream, middle));
        if (!found) {
            throw error(errc::corrupt, fmt::format("stream {} lacks revision {}; run `idem verify`",
                                                   text::shown(stream), middle));
        }
        if (read_position(*found) < position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

}  // namespace idem
