// A table that the store keeps beside what its events make of it, row by row.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "log/verify_log.hpp"
#include "storage/storage.hpp"

namespace idem {

class table_comparison {
public:
    // The next row, in the order of the keys; valid until that after it.
    using next_row = std::function<std::optional<storage::entry>()>;

    // `remedy` ends each finding.
    table_comparison(std::string_view table, std::string_view remedy, finding_list& found)
        : table_(table), remedy_(remedy), found_(found) {}

    void run(const next_row& kept, const next_row& right);
    void tell(const std::string& what);

private:
    void differs(std::string_view key, std::string_view how);

    const std::string table_;
    const std::string remedy_;
    finding_list& found_;
    std::uint64_t differ_ = 0;
};

}  // namespace idem
