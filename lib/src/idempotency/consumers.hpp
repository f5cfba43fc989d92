// What consumers do within the transactions of their store.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_object.hpp"
#include "idem/consumers.hpp"
#include "idempotency/consumer_fold.hpp"
#include "idempotency/transact.hpp"
#include "log/reader.hpp"

namespace idem {

// A consumer as it stands in one view of the log.
struct consumer_standing {
    consumer_row row;
    std::uint64_t checkpoint = 0;
    bool lost = false;
    std::uint64_t head = 0;

    uuid version() const noexcept { return id_in(row.version); }
};

class consumers::impl {
public:
    explicit impl(const transactor& t) : transactor_(t) {}

    const transactor& transactions() const noexcept { return transactor_; }
    const consumer_fold& fold() const noexcept { return fold_; }
    storage::environment& env() const noexcept { return *transactor_.source().env; }
    const log_tables& tables() const noexcept { return transactor_.source().tables; }

    // ---- within a write transaction

    std::optional<std::string> row(const transaction::state& s, std::string_view key) const;
    consumer_standing require(const transaction::state& s, std::string_view name) const;
    uuid id_at(const transaction::state& s, std::uint64_t position) const;  // nil for 0
    static event make_event(std::string_view type, std::string_view about, std::string data);
    // Appends events of the store's own, which nothing can stand against.
    void append(const transactor::work& add) const;

    // ---- outside of one

    std::optional<consumer_standing> find(std::string_view name) const;
    consumer_standing require(std::string_view name) const;  // not_found; stale where it is lost
    std::vector<std::pair<std::string, std::string>> rows(std::string_view prefix,
                                                          std::string_view after,
                                                          std::size_t limit) const;
    consumer_info describe(std::string name, const consumer_standing& standing) const;
    consumer_standing stand(const storage::transaction& txn, const index_view& known,
                            consumer_row row) const;

    // The events for a consumer in (above, up_to]; their positions, at most `max`.
    void each_selected(const consumer_row& row, std::uint64_t above, std::uint64_t up_to,
                       const visit_event& visit) const;
    std::vector<std::uint64_t> selected(const consumer_row& row, std::uint64_t above,
                                        std::uint64_t up_to, std::size_t max) const;
    // What was looked at before, at a version, need not be again.
    struct scanned {
        uuid version = {};
        std::uint64_t covered = 0;
    };
    consumer_batch read(std::string_view name, std::optional<consumer_hold> hold, std::size_t limit,
                        const scanned& before) const;

    struct handled_events {
        std::uint64_t events = 0;
        uuid last = {};  // of them
    };
    struct judgement {
        consumer_verdict verdict = {};
        uuid version = {};            // that it was judged by
        handled_events handled = {};  // where it is accepted
    };
    judgement judge(const consumer_batch& batch) const;

    // What a batch that is accepted commits.
    struct ending {
        std::string state;
        std::vector<event> produced;
    };
    using decide_ending = std::function<ending(transaction::state&)>;
    consumer_verdict advance(const consumer_batch& batch, const decide_ending& decide) const;

private:
    enum class step : std::uint8_t { done, fenced, moved };
    step try_advance(transaction::state& s, const consumer_batch& batch, const uuid& version,
                     handled_events handled, const decide_ending& decide) const;

    const transactor& transactor_;
    const consumer_fold fold_;
};

// Throws invalid_input where `text` can be no name.
void check_consumer_name(const char* field, std::string_view text);
consumer_filter filter_of(const consumer_row& row);
query query_of(const consumer_row& row);
bool is_selected(const consumer_row& row, const event_view& e);
std::string consumer_key(std::string_view name);
std::string source_key(std::string_view name);
std::uint64_t hold_end(const transaction::state& s, const consumer_hold& hold);

}  // namespace idem
