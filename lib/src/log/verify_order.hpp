// Derives the order index again, event by event in the order of the log, and compares.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "log/index.hpp"
#include "log/order_index.hpp"
#include "log/verify_log.hpp"
#include "storage/storage.hpp"

namespace idem {

class order_verifier {
public:
    // Looks at what the index covers now; what is appended meanwhile is no concern of it.
    order_verifier(storage::environment& env, const log_tables& tables, finding_list& found,
                   const stamp_notes& notes = no_other_stamps());

    // Of the next event of the log. False: something of it is missing.
    bool check(const storage::transaction& txn, const index_view& known, const event_view& e);
    // The next event cannot be read.
    void skip() noexcept { sound_ = false; }
    // After the last: that the index holds nothing else, and its sums are right.
    void finish();

private:
    bool check_row(const storage::transaction& txn, const order_rows::row& row);
    void check_rows();
    bool check_other(const storage::transaction& txn, const order_item& item);
    void damaged(const std::string& message);

    storage::environment& env_;
    const log_tables& tables_;
    finding_list& found_;
    const stamp_notes& notes_;
    std::optional<storage::table> order_;
    order_derivation derived_;
    std::uint64_t covered_ = 0;
    std::uint64_t events_ = 0;  // that have an item, by the log
    std::uint64_t items_ = 0;   // of stamps of records, by the index
    bool sound_ = true;         // every event so far could be read
    bool told_ = false;
};

}  // namespace idem
