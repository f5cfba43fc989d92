// Derives tags and the heads of types again, event by event in the order of the log, and compares.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "log/index.hpp"
#include "log/verify_log.hpp"
#include "storage/storage.hpp"

namespace idem {

class tag_verifier {
public:
    // Looks at what the tables hold now; what is appended meanwhile is no concern of it.
    tag_verifier(storage::environment& env, const log_tables& tables, finding_list& found);

    // Of the next event of the log. False: something of it is missing.
    bool check(const index_view& known, const event_view& e);
    // The next event cannot be read: its tags are skipped, as far as the tables can tell.
    void skip(const index_view& known, std::uint64_t position);
    // After the last.
    void finish();

private:
    bool covers(std::uint64_t position) const noexcept { return position <= covered_.position; }
    bool check_head(const event_view& e);
    bool check_tag(const index_view& known, const event_view& e, std::string_view tag);
    void check_rows(const storage::transaction& txn);
    void check_heads(const storage::transaction& txn);
    void damaged(std::string message);

    storage::environment& env_;
    const log_tables& tables_;
    finding_list& found_;
    bool known_ = false;  // whether the store has an index of tags
    coverage covered_;
    std::optional<storage::table> types_;
    std::uint64_t ordinal_ = 0;  // of the last tag that was checked
    bool sound_ = true;          // every event so far could be read
    struct head {
        std::uint64_t position = 0;
        bool met = false;
        bool told_of = false;
    };
    std::map<std::string, head, std::less<>> heads_;  // of types, as the table has them
};

}  // namespace idem
