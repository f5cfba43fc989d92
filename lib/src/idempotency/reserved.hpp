// The store's own streams, whose names begin with '$', and the tables that are folded from them.
//
// What commands, effects, sagas and consumers must remember they append as events, so that it is
// exported, backed up and replayed like all else. Every append of such an event, whoever makes it,
// an import as well, is taken into its table within the same commit; or into the tail of the table
// (row_tail.hpp), and then the commit that fills the tail writes it into the table.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idempotency/row_tail.hpp"
#include "log/appender.hpp"

namespace idem {

// Key of the row that tells which version of the fold has made the table; it goes with the rows. No
// key of a fold begins so.
inline constexpr std::string_view reserved_info_key = "!fold";

// The rows of one table in the hand of its fold.
class reserved_rows {
public:
    // Written to the table at once.
    reserved_rows(storage::write_transaction& txn, storage::table table)
        : txn_(&txn), writer_(&txn), table_(table) {}
    // Written to a tail in front of the table.
    reserved_rows(const storage::transaction& txn, storage::table table, row_tail& tail)
        : txn_(&txn), tail_(&tail), table_(table) {}

    std::optional<std::string> get(std::string_view key) const;
    void put(std::string_view key, std::string_view row);
    void erase(std::string_view key);
    // The keys that begin with `prefix`, in order, from the first that is not less than `from`.
    std::vector<std::string> keys(std::string_view prefix, std::size_t max,
                                  std::string_view from = {}) const;
    row_walk walk(std::string_view from = {}) const { return {*txn_, table_, tail_, from}; }

    const storage::transaction& transaction() const noexcept { return *txn_; }
    storage::table table() const noexcept { return table_; }

private:
    const storage::transaction* txn_;
    storage::write_transaction* writer_ = nullptr;
    row_tail* tail_ = nullptr;
    storage::table table_;
};

// How one stream becomes one table. Total: an event that contradicts what was before has no effect,
// so that all who read the log agree; pure: the rows depend on the stream's events alone.
class reserved_fold {
public:
    virtual ~reserved_fold() = default;
    virtual std::string_view stream() const noexcept = 0;
    virtual std::string_view table() const noexcept = 0;
    virtual std::uint32_t version() const noexcept = 0;
    // Whether what stands there is work of the store where it was begun, and of no other: another
    // store keeps such events in its log, and nothing follows from them.
    virtual bool is_work() const noexcept { return false; }
    // Why this cannot be an event of the stream; nullopt: it can.
    virtual std::optional<std::string> fault_of(std::string_view type,
                                                std::string_view data) const = 0;
    virtual void apply(const event_view& e, reserved_rows& rows) const = 0;

    // Whether rows stand in a tail before they stand in the table.
    virtual bool has_tail() const noexcept { return false; }
};

// One table with a tail, in the write transactions of appends.
class tailed_table {
public:
    explicit tailed_table(const reserved_fold& fold) : fold_(fold) {}

    void begin();
    void committed() noexcept { unsettled_ = false; }
    // The rows as the events up to a position make them.
    reserved_rows open(const open_log& log, std::uint64_t up_to);
    void batch(const open_log& log, std::span<const event_view> events);
    void finish(storage::write_transaction& txn);
    // Of the tail that was opened in this transaction.
    void write_out(storage::write_transaction& txn);

private:
    void find_table(const open_log& log);

    const reserved_fold& fold_;
    storage::table table_;
    row_tail tail_;
    bool found_ = false;      // the table, in this transaction
    bool unsettled_ = false;  // what the tail has taken in since begin() is not known to be on disk
};

// All of them. Any thread; what takes a log or a transaction within the write transaction.
class reserved_tables final : public append_observer {
public:
    explicit reserved_tables(std::vector<std::unique_ptr<reserved_fold>> folds);

    // Why an event of a reserved stream cannot be appended; nullopt: it can.
    std::optional<std::string> fault_of(const event& e) const;
    // The rows of a fold that has a tail, as they are now.
    reserved_rows open(const open_log& log, std::string_view stream) const;

    void begin(storage::write_transaction& txn) override;
    void batch(const open_log& log, std::span<const event_view> events) override;
    void finish(storage::write_transaction& txn) override;
    void committed() override;

private:
    const reserved_fold* find(std::string_view stream) const noexcept;
    const std::vector<std::unique_ptr<reserved_fold>> folds_;
    std::vector<std::unique_ptr<tailed_table>> tailed_;  // as many, null where there is no tail
};

// Whether nothing follows here from an event of the fold's stream.
bool is_work_elsewhere(const reserved_fold& fold, const event_view& e, const origin_entry& own);

// The rows of a fold without a tail as they are now, made anew where they are missing or another
// version of the fold has left them.
reserved_rows open_reserved(const open_log& log, const reserved_fold& fold);

// The table to read; nullopt where nothing was folded yet. Throws stale where another version of
// the fold has left it.
std::optional<storage::table> find_reserved(storage::environment& env, const reserved_fold& fold);

// The rows to read, of that table; brings up to date the tail that the reader keeps for the fold.
reserved_rows read_reserved(const storage::transaction& txn, const log_tables& tables,
                            storage::table table, const reserved_fold& fold, row_tail& tail);

// Whether there are rows that another version of the fold has left.
bool is_stale(const storage::transaction& txn, storage::table table, const reserved_fold& fold);

}  // namespace idem
