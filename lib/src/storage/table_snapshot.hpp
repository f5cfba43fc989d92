// Tables and a snapshot of them.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "storage/storage.hpp"

namespace idem::storage {

// A transaction sees no table that was found after it began. So where another has made a table
// between the two, the snapshot is taken again, or it would show what led to the table without it.
class table_snapshot {
public:
    table_snapshot(environment& env, std::initializer_list<std::string_view> names) {
        const auto look = [&] {
            std::vector<std::optional<storage::table>> found;
            for (const auto name : names) found.push_back(env.find_table(name));
            return found;
        };
        const auto count = [](const std::vector<std::optional<storage::table>>& tables) {
            return std::count_if(tables.begin(), tables.end(),
                                 [](const auto& table) { return table.has_value(); });
        };
        do {
            tables_ = look();
            transaction_.emplace(env);
        } while (count(look()) > count(tables_));
    }

    // In the order of their names; nullopt: it does not exist.
    const std::optional<storage::table>& table(std::size_t n = 0) const { return tables_.at(n); }
    const read_transaction& transaction() const noexcept { return *transaction_; }

private:
    std::vector<std::optional<storage::table>> tables_;
    std::optional<read_transaction> transaction_;
};

}  // namespace idem::storage
