// The store's own streams, whose names begin with '$', and the tables that are folded from them.
//
// What commands, effects, sagas and consumers must remember they append as events, so that it is
// exported, backed up and replayed like all else. Every append of such an event, whoever makes it,
// an import as well, is taken into its table within the same commit.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/appender.hpp"

namespace idem {

// Key of the row that tells which version of the fold has made the table; it goes with the rows. No
// key of a fold begins so.
inline constexpr std::string_view reserved_info_key = "!fold";

// The rows of one table in the hand of its fold.
class reserved_rows {
public:
    reserved_rows(storage::write_transaction& txn, storage::table table)
        : txn_(txn), table_(table) {}

    std::optional<std::string> get(std::string_view key) const;
    void put(std::string_view key, std::string_view row) { txn_.put(table_, key, row); }
    void erase(std::string_view key) { txn_.erase(table_, key); }
    // The keys that begin with `prefix`, in order, from the first that is not less than `from`.
    std::vector<std::string> keys(std::string_view prefix, std::size_t max,
                                  std::string_view from = {}) const;

    storage::write_transaction& transaction() noexcept { return txn_; }
    storage::table table() const noexcept { return table_; }

private:
    storage::write_transaction& txn_;
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
    // Why this cannot be an event of the stream; nullopt: it can.
    virtual std::optional<std::string> fault_of(std::string_view type,
                                                std::string_view data) const = 0;
    virtual void apply(const event_view& e, reserved_rows& rows) const = 0;
};

// All of them. Any thread; the observer's part within the write transaction.
class reserved_tables final : public append_observer {
public:
    explicit reserved_tables(std::vector<std::unique_ptr<reserved_fold>> folds);

    // Why an event of a reserved stream cannot be appended; nullopt: it can.
    std::optional<std::string> fault_of(const event& e) const;

    void begin(storage::write_transaction&) override {}
    void batch(const open_log& log, std::span<const event_view> events) override;
    void finish(storage::write_transaction&) override {}

private:
    const reserved_fold* find(std::string_view stream) const noexcept;
    const std::vector<std::unique_ptr<reserved_fold>> folds_;
};

// Its rows as they are now, made anew where they are missing or another version of the fold has
// left them.
reserved_rows open_reserved(const open_log& log, const reserved_fold& fold);

// The table to read; nullopt where nothing was folded yet. Throws stale where another version of
// the fold has left it.
std::optional<storage::table> find_reserved(storage::environment& env, const reserved_fold& fold);

}  // namespace idem
