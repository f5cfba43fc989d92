// The part that data subjects have in the commit of an append: seals what is to be sealed, refuses
// what was erased, and notes what is erased now.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idem/append.hpp"
#include "log/decide.hpp"
#include "log/record.hpp"
#include "log/subject_erasures.hpp"
#include "log/subjects.hpp"

namespace idem {

// One thread at a time, within the write transaction.
class subject_writer {
public:
    explicit subject_writer(std::shared_ptr<subject_store> subjects)
        : subjects_(std::move(subjects)) {}

    // A transaction starts, maybe the same once more: forget what was gathered.
    void begin();

    // Before the fresh events of a batch are written: why they may not be. Throws invalid_input
    // for an erasure that could have no effect, and for data that is not here.
    std::optional<rejection> refusal(storage::write_transaction& txn, const index_view& known,
                                     const log_tables& tables, const encoded_batch& batch,
                                     const decision& d);
    // Before they are placed.
    void seal(storage::write_transaction& txn, encoded_batch& batch, const decision& d);
    // After they were indexed. `first`: the first event that lost its data.
    using visit_erased = std::function<void(std::uint64_t first, std::string_view why)>;
    void erase(storage::write_transaction& txn, const index_view& known, const log_tables& tables,
               const encoded_batch& batch, const decision& d, const visit_erased& visit);
    // Before the commit: new keys are on disk when it returns.
    void finish(storage::write_transaction& txn);
    // After the commit.
    void committed() {
        if (table_) subjects_->find_table();
    }

private:
    struct known_key {
        subject_key_row row;
        seal::secret secret;
    };
    storage::table table(storage::write_transaction& txn);
    std::uint64_t take_slot(storage::write_transaction& txn, const storage::key_slot& slot);
    const known_key& key_of(storage::write_transaction& txn, std::string_view subject,
                            std::uint64_t position);
    std::optional<seal::secret> kept_secret(const subject_key_row& row);
    void end_key(storage::write_transaction& txn, const event_view& e);
    void erase_event(storage::write_transaction& txn, const index_view& known,
                     const log_tables& tables, const uuid& id, std::uint64_t position,
                     const visit_erased& visit);
    void note(storage::write_transaction& txn, const index_view& known,
              const subject_statement& statement);
    void erase_subject(storage::write_transaction& txn, const std::string& subject,
                       std::uint64_t position, const visit_erased& visit);

    std::shared_ptr<subject_store> subjects_;
    std::optional<storage::table> table_;
    std::uint64_t first_new_ = 0;           // 0: none yet
    std::vector<storage::key_slot> added_;  // from first_new_ on
    std::map<std::string, known_key, std::less<>> keys_;
    // The keys of subjects that the batch at hand erases.
    std::map<std::string, std::vector<subject_key_row>, std::less<>> ended_;
};

}  // namespace idem
