// The limit: one LMDB table with nothing around it, at the same durability.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

struct MDB_env;

namespace bench {

class bare_lmdb {
public:
    explicit bare_lmdb(const std::filesystem::path& folder);
    ~bare_lmdb();
    bare_lmdb(const bare_lmdb&) = delete;
    bare_lmdb& operator=(const bare_lmdb&) = delete;

    // One durable commit of `count` records behind the last.
    void append(std::uint64_t count, const std::function<std::string_view(std::uint64_t)>& record);
    // Visits every record by one cursor in one transaction.
    void read(const std::function<void(std::string_view)>& visit) const;

private:
    MDB_env* env_ = nullptr;
    unsigned table_ = 0;
    std::uint64_t position_ = 0;
};

}  // namespace bench
