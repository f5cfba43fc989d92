// What keys and leases do within the transactions of their store.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "idem/keys.hpp"
#include "idempotency/key_fold.hpp"
#include "idempotency/key_rows.hpp"
#include "idempotency/transact.hpp"

namespace idem {

// A key as somebody asks for it.
struct asked_key {
    std::string owner;
    std::string operation;
    std::string name;
    std::string request;  // fingerprint in hexadecimal
    key_hash hash;
    std::string naming;  // all that as members of JSON, as events say it
};
asked_key make_asked_key(std::string owner, std::string operation, std::string name,
                         std::string request, const key_hash& hash);

// The row of a key within a transaction, and how it is to be answered.
struct key_standing {
    std::optional<key_row> row = {};
    std::optional<key_answer> answer = {};  // nullopt: the work may be done
    std::uint64_t fence() const noexcept { return row ? row->fence : 0; }
};

class keys::impl {
public:
    explicit impl(const transactor& t) : transactor_(t) {}

    const transactor& transactions() const noexcept { return transactor_; }
    const key_fold& fold() const noexcept { return fold_; }

    static asked_key ask(const key_scope& scope, std::string_view key, const request& asked);
    key_standing look(const transaction::state& s, const asked_key& key) const;
    reserved_rows rows(const transaction::state& s) const;
    std::optional<key_row> row(const transaction::state& s, const key_hash& hash) const;

    struct ending {
        std::string_view value;
        bool rejected = false;
        std::chrono::milliseconds keep_result{};
        std::chrono::milliseconds horizon{};
    };
    // The event that stores the result together with the events that are there already.
    static void finish(transaction::state& s, const asked_key& key, std::uint64_t fence,
                       const ending& how);
    // Notes, where it is not noted yet, that nobody knows whether a call was made.
    static void doubt(transaction::state& s, const key_hash& hash, const key_row& row);
    static void check_reason(std::string_view reason);
    static event make_event(std::string_view type, const key_hash& hash, std::string data);
    // What became of an answer whose events were appended last.
    static key_answer settle(key_answer answer, append_result appended);

    // Runs `change` on the row of a key that a person names. Throws not_found.
    using change_row = std::function<void(transaction::state&, const key_row&, const key_hash&)>;
    void change(std::string_view id, const change_row& change) const;

    // Runs `read` on the rows as they are now; where there is no table, it does not.
    using read_rows = std::function<void(const reserved_rows&)>;
    void read(const read_rows& read) const;
    std::optional<key_info> find(const key_hash& hash) const;

private:
    const transactor& transactor_;
    const key_fold fold_;
    mutable std::mutex reading_;
    mutable row_tail read_;  // the tail as of the last who read
};

std::vector<uuid> ids_of(const key_row& row);
key_info describe(const key_hash& hash, const key_row& row);
timestamp from_milliseconds(std::uint64_t ms) noexcept;

}  // namespace idem
