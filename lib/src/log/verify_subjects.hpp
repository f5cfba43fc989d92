// The table of data subjects held against what the log makes of it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "log/index.hpp"
#include "log/subjects.hpp"
#include "log/verify_log.hpp"

namespace idem {

// Derives the table anew, beside the one that is kept, from events in the order of the log.
class subject_verifier {
public:
    subject_verifier(storage::environment& env, const log_tables& tables, finding_list& found)
        : env_(env), tables_(tables), found_(found) {}

    // A sound record as it is stored, and the index of what was before it.
    void add(const storage::transaction& txn, const index_view& known, const event_view& e);
    // There is one that cannot be read: nothing can be said of the table.
    void skip() noexcept { skipped_ = true; }
    // The events from `next` on that came meanwhile, and the comparison.
    void finish(std::uint64_t next);

private:
    using change = std::function<void(storage::write_transaction&)>;
    void later(change c);
    void flush();
    void add_statement(const storage::transaction& txn, const index_view& known,
                       const event_view& e);
    void add_erasure(const storage::transaction& txn, const index_view& known, const uuid& id,
                     std::uint64_t position);

    void compare(const storage::transaction& txn, storage::table kept);
    void compare_derived(const storage::transaction& txn, storage::table kept,
                         const storage::transaction& right);
    void compare_kept(const storage::transaction& txn, storage::table kept,
                      const storage::transaction& right);
    void compare_subject(const storage::transaction& txn, storage::table kept,
                         const storage::transaction& right, std::string_view subject);
    void check_key_file(std::uint64_t next);
    void tell(const std::string& what);

    storage::environment& env_;
    const log_tables tables_;
    finding_list& found_;
    bool skipped_ = false;
    std::shared_ptr<storage::environment> scratch_;  // once there is something to derive
    storage::table right_;
    std::vector<change> changes_;  // to be made in one commit
    std::uint64_t last_slot_ = 0;  // that a record names
};

}  // namespace idem
