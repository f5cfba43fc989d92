// The two indexes of the log: id -> position, and (stream, revision) -> position. Both are pure
// functions of the records, so that `verify` can derive them again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "idem/uuid.hpp"
#include "storage/storage.hpp"

namespace idem {

struct log_tables {
    storage::table log;      // position -> record
    storage::table ids;      // 16 bytes of the id -> position
    storage::table streams;  // name, zero byte, revision in big-endian -> position

    static void create(storage::write_transaction& txn);
    static log_tables open(storage::environment& env);  // throws not_a_store where one is missing
};

// The last position of the log. In a damaged one, where they differ, the higher of what its keys
// and the number of its records say: a walk up to there meets the damage.
std::uint64_t head_of(const storage::transaction& txn, const log_tables& tables);

// Positions as they stand in the indexes: 8 bytes, little-endian.
std::string_view position_bytes(const std::uint64_t& position) noexcept;
std::uint64_t read_position(std::string_view bytes);

std::string_view id_bytes(const uuid& id) noexcept;
std::optional<std::uint64_t> find_id(const storage::transaction& txn, const log_tables& tables,
                                     const uuid& id);

// Adds entries to an index within one write transaction. Most new keys are the greatest so far, as
// ids of version 7 are: those need no search.
class index_writer {
public:
    index_writer(storage::write_transaction& txn, storage::table index);

    bool is_behind_last(std::string_view key) const noexcept { return key > last_; }
    void put(std::string_view key, std::uint64_t position);

private:
    storage::write_transaction& txn_;
    storage::table index_;
    std::string last_;
};

// One entry of the index of streams. The name is valid as long as the key it was read from.
struct stream_entry {
    std::string_view stream;
    std::uint64_t revision = 0;
    std::uint64_t position = 0;
};

std::string stream_key(std::string_view stream, std::uint64_t revision);
void write_stream_key(std::string& key, std::string_view stream, std::uint64_t revision);
stream_entry read_stream_entry(const storage::entry& entry);  // throws corrupt

// The last event of a stream; nullopt where there is none.
std::optional<stream_entry> last_of_stream(const storage::transaction& txn,
                                           const log_tables& tables, std::string_view stream);

// The lowest revision of a stream whose position is at least `position`; one past its last where
// none is.
std::uint64_t revision_at(const storage::transaction& txn, const log_tables& tables,
                          std::string_view stream, std::uint64_t position);

}  // namespace idem
