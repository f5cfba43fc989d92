// Data subjects: where their keys are and what was erased. The table `subjects` follows from the
// log, but for the numbers of slots; the secrets are in the file of keys alone.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "idem/event.hpp"
#include "log/payload_arena.hpp"
#include "log/record.hpp"
#include "storage/key_file.hpp"
#include "storage/storage.hpp"

namespace idem {

// The key of a subject, of which there may have been others before.
struct subject_key_row {
    std::uint64_t slot = 0;
    uuid key = uuid::nil();
    std::uint64_t first = 0;  // position of the first event under it
};

// Positions of the events that say so; 0: never.
struct subject_erasure_row {
    std::uint64_t erased = 0;
    std::uint64_t readmitted = 0;
    // Of the erasures that no readmission has lifted (subject_erasures.hpp): when the latest was
    // said, in milliseconds since 1970, and how many they are; 0 in rows of an older idem.
    std::uint64_t latest_ms = 0;
    std::uint64_t open = 0;

    bool is_erased() const noexcept { return erased > readmitted; }
};

// The rows of the table, in one transaction.
namespace subject_rows {
inline constexpr std::string_view table_name = "subjects";
// Kinds of rows, the first byte of their keys.
inline constexpr char of_key = 'k';
inline constexpr char of_subject = 's';
inline constexpr char of_open = 'o';
inline constexpr char of_event = 'e';
inline constexpr char of_pending = 'p';

std::optional<subject_key_row> key_of(const storage::transaction& txn, storage::table t,
                                      std::string_view subject);
void put_key(storage::write_transaction& txn, storage::table t, std::string_view subject,
             const subject_key_row& row);
void drop_key(storage::write_transaction& txn, storage::table t, std::string_view subject);

subject_erasure_row erasure_of(const storage::transaction& txn, storage::table t,
                               std::string_view subject);
void put_erasure(storage::write_transaction& txn, storage::table t, std::string_view subject,
                 const subject_erasure_row& row);
// Of an event that the log does not have: its data was erased before it came, or its subject's was.
bool refuses(const storage::transaction& txn, storage::table t, const uuid& id,
             std::string_view subject);
// Those that are erased and not readmitted.
std::vector<std::string> erased_subjects(const storage::transaction& txn, storage::table t);

// The erasures of a subject, by their ids, that no readmission has lifted.
bool is_open(const storage::transaction& txn, storage::table t, std::string_view subject,
             const uuid& erasure);
void add_open(storage::write_transaction& txn, storage::table t, std::string_view subject,
              const uuid& erasure);
void drop_open(storage::write_transaction& txn, storage::table t, std::string_view subject,
               const uuid& erasure);
std::vector<uuid> open_erasures(const storage::transaction& txn, storage::table t,
                                std::string_view subject);

std::uint64_t erasure_of(const storage::transaction& txn, storage::table t, const uuid& id);
void put_erasure(storage::write_transaction& txn, storage::table t, const uuid& id,
                 std::uint64_t position);

// The position of the last erasure of all.
std::uint64_t last_erasure(const storage::transaction& txn, storage::table t);
void put_last_erasure(storage::write_transaction& txn, storage::table t, std::uint64_t position);

std::uint64_t next_slot(const storage::transaction& txn, storage::table t);
void put_next_slot(storage::write_transaction& txn, storage::table t, std::uint64_t number);

// Slots that an erasure has named and whose secrets may still be there.
void add_pending(storage::write_transaction& txn, storage::table t, std::uint64_t slot);
void drop_pending(storage::write_transaction& txn, storage::table t, std::uint64_t slot);
std::set<std::uint64_t> pending(const storage::transaction& txn, storage::table t);
}  // namespace subject_rows

// What an event of the stream of erasures says; nullopt: nothing.
struct erasure_statement {
    enum class kind : std::uint8_t { event, subject, readmission };
    kind what = kind::event;
    uuid id = uuid::nil();  // of the event; of the erasure that a readmission lifts, or nil
    std::string subject = {};
};
std::optional<erasure_statement> read_erasure(std::string_view type, std::string_view data);
event make_erasure(const erasure_statement& statement);

// Of an open store. Any thread.
class subject_store {
public:
    explicit subject_store(storage::environment& env);

    storage::key_file& keys() noexcept { return keys_; }

    // Nullopt where no subject was ever met, or not by this process. Not to be asked within a read
    // transaction that began before the table was found.
    std::optional<storage::table> find_table();
    // As far as it was found before.
    std::optional<storage::table> table() const;

    // Of a record with a seal: whether its data was erased, as of the transaction.
    bool is_erased(const storage::transaction& txn, const event_view& e);
    // The same by the log alone, whatever keys are there: an old file of keys brings nothing back.
    bool log_says_erased(const storage::transaction& txn, const event_view& e) const;
    bool log_has_erasures(const storage::transaction& txn) const;

    // Position of the last erasure; 0: none, as far as the table is known. Begins a transaction of
    // its own.
    std::uint64_t last_erasure() const;
    // The same within a write transaction, which finds the table.
    std::uint64_t last_erasure(const storage::write_transaction& txn);

    // Destroys the secrets of what was erased, where a crash came before that.
    void complete_erasures();
    bool is_pending(std::uint64_t slot) const { return pending_.contains(slot); }

private:
    storage::environment& env_;
    storage::key_file keys_;
    mutable std::mutex mutex_;
    std::optional<storage::table> table_;
    std::set<std::uint64_t> pending_;  // of a store that is open for reading only
};

// Shows the data of sealed records. One thread, in one transaction after another.
class unsealer {
public:
    // Views are valid until the arena, or else this one's own, is cleared.
    explicit unsealer(std::shared_ptr<subject_store> subjects, payload_arena* arena = nullptr)
        : subjects_(std::move(subjects)), arena_(arena ? arena : &own_) {}

    // Forgets what it has read of the keys: another process may have destroyed some.
    void begin();

    // Throws corrupt where the key does not fit. `show`: in an arena that was cleared before.
    event_view show(const storage::transaction& txn, const event_view& e);
    event_view show_alone(const storage::transaction& txn, const event_view& e) {
        arena_->clear();
        return show(txn, e);
    }

    // The same without the data. Whether it is there, was erased, or is out of reach.
    using kept = event_view::shown_payload::kept;
    kept look(const storage::transaction& txn, const event_view& e);
    // Of erased data: whether its keys are there and would open it, and no erasure is under way.
    bool is_key_left(const event_view& e);

private:
    storage::key_slot slot(std::uint64_t number);
    void find_slots(const event_seal& seal);
    bool are_both_here(const event_view& e, const event_seal& seal) const;
    kept find_key(const storage::transaction& txn, const event_view& e, seal::secret& key);

    std::shared_ptr<subject_store> subjects_;
    payload_arena own_;
    payload_arena* arena_;
    std::string block_;  // slots that lie together, as those of events do
    std::uint64_t block_first_ = 0;
    std::uint64_t subject_number_ = 0;  // the last one
    storage::key_slot subject_;
    storage::key_slot own_slot_;
    std::optional<bool> any_erased_;  // in the log, as of this transaction
};

}  // namespace idem
