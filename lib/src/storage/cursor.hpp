#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "storage/storage.hpp"

struct MDB_cursor;

namespace idem::storage {

// Whether what a cursor reads is needed again soon, or left behind in memory by a walk.
enum class kept : std::uint8_t { no, yes };

// Walks a table in key order. Lives within its transaction.
class cursor {
public:
    cursor(const transaction& txn, table t, kept k = kept::no);
    ~cursor();
    cursor(const cursor&) = delete;
    cursor& operator=(const cursor&) = delete;

    std::optional<entry> first();
    std::optional<entry> last();
    std::optional<entry> next();
    std::optional<entry> previous();
    std::optional<entry> seek(std::string_view key);  // the first entry whose key is not less
    std::optional<entry> seek(std::uint64_t key);     // key_order::integer

private:
    std::optional<entry> move(std::string_view key, int operation);
    const transaction* transaction_;
    const kept kept_;
    MDB_cursor* handle_ = nullptr;
};

// Erases the first entries whose keys begin so, `max` at most. False: those were all.
bool erase_some(write_transaction& txn, table t, std::string_view prefix, std::size_t max);

}  // namespace idem::storage
