#include "log/subject_writer.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "idem/error.hpp"

namespace idem {

void subject_writer::begin() {
    table_.reset();
    first_new_ = 0;
    added_.clear();
    keys_.clear();
}

storage::table subject_writer::table(storage::write_transaction& txn) {
    if (!table_) table_ = txn.open_table(subject_rows::table_name);
    return *table_;
}

std::optional<rejection> subject_writer::refusal(storage::write_transaction& txn,
                                                 const index_view& known, const log_tables& tables,
                                                 const encoded_batch& batch, const decision& d) {
    const bool none_erased =
        !batch.has_sealed() || subject_rows::last_erasure(txn, table(txn)) == 0;
    for (const std::uint32_t i : d.fresh) {
        const event_view e = batch.view(i);
        const auto refuse = [&](const char* field, std::string_view why) {
            throw error(errc::invalid_input,
                        fmt::format("event {} ({}): {} {}", i, to_string(e.id()), field, why),
                        {.index = i, .field = field});
        };
        if (e.sealed()) {
            refuse("data",
                   "is not here, for it was exported without the data of data subjects; export "
                   "it --with-data");
        }
        if (batch.erases() && e.stream() == erasures_stream) {
            const auto statement = read_erasure(e.type(), e.data());
            if (!statement) refuse("data", "would erase nothing: it names no event and no subject");
            if (statement->what != erasure_statement::kind::event) continue;
            const auto position = known.find_id(statement->id);
            if (position && !record_reader::is_sealed(record_at(txn, tables, *position))) {
                refuse("data", fmt::format("names the event at position {}, which was stored "
                                           "without a data subject: it cannot be erased",
                                           *position));
            }
        }
        if (none_erased || !batch.is_to_be_sealed(i)) continue;
        rejection why{.outcome = outcome::erased, .index = i};
        if (subject_rows::erasure_of(txn, table(txn), e.id()) != 0) return why;
        const auto row = subject_rows::erasure_of(txn, table(txn), e.data_subject());
        if (row.erased <= row.readmitted) continue;
        why.field = "data_subject";
        why.key = e.data_subject();
        return why;
    }
    return std::nullopt;
}

std::uint64_t subject_writer::take_slot(storage::write_transaction& txn,
                                        const storage::key_slot& slot) {
    if (first_new_ == 0) first_new_ = subject_rows::next_slot(txn, table(txn));
    added_.push_back(slot);
    return first_new_ + added_.size() - 1;
}

// Nullopt: it is not in the file.
std::optional<seal::secret> subject_writer::kept_secret(const subject_key_row& row) {
    using state = storage::key_slot::state;
    if (first_new_ != 0 && row.slot >= first_new_) return added_[row.slot - first_new_].secret;
    const auto slot = subjects_->keys().read(row.slot);
    if (slot.is == state::damaged) {
        throw error(errc::corrupt,
                    fmt::format("{} is damaged in slot {}; put the file back from a backup with "
                                "keys",
                                subjects_->keys().path().string(), row.slot));
    }
    if (slot.is != state::subject || slot.owner != row.key.bytes) return std::nullopt;
    return slot.secret;
}

const subject_writer::known_key& subject_writer::key_of(storage::write_transaction& txn,
                                                        std::string_view subject,
                                                        std::uint64_t position) {
    if (const auto found = keys_.find(subject); found != keys_.end()) return found->second;
    known_key key;
    const auto row = subject_rows::key_of(txn, table(txn), subject);
    const auto secret = row ? kept_secret(*row) : std::nullopt;
    if (secret) {
        key = {*row, *secret};
    } else {
        // New, or this is a copy without keys, and what it has of the subject stays sealed.
        storage::key_slot slot;
        slot.is = storage::key_slot::state::subject;
        seal::fill_random(slot.owner);
        seal::fill_random(slot.secret);
        key.secret = slot.secret;
        key.row.key.bytes = slot.owner;
        key.row.slot = take_slot(txn, slot);
        key.row.first = row ? std::min(row->first, position) : position;
        subject_rows::put_key(txn, table(txn), subject, key.row);
    }
    return keys_.emplace(subject, key).first->second;
}

void subject_writer::seal(storage::write_transaction& txn, encoded_batch& batch,
                          const decision& d) {
    storage::key_slot slot;
    slot.is = storage::key_slot::state::event;
    for (const std::uint32_t i : d.fresh) {
        if (!batch.is_to_be_sealed(i)) continue;
        const known_key& subject =
            key_of(txn, batch.view(i).data_subject(), d.result.receipts[i].position);
        slot.owner = batch.id(i).bytes;
        seal::fill_random(slot.secret);
        const std::uint64_t number = take_slot(txn, slot);
        seal::secret key = seal::derive(subject.secret, slot.secret);
        batch.seal(i, {subject.row.slot, number, subject.row.key}, key);
        seal::wipe(key);
    }
}

void subject_writer::erase(storage::write_transaction& txn, const index_view& known,
                           const log_tables& tables, const encoded_batch& batch, const decision& d,
                           const visit_erased& visit) {
    using kind = erasure_statement::kind;
    for (const std::uint32_t i : d.fresh) {
        const event_view e = batch.view(i);
        if (e.stream() != erasures_stream) continue;
        const auto statement = read_erasure(e.type(), e.data());
        if (!statement) continue;
        if (statement->what == kind::event) {
            erase_event(txn, known, tables, statement->id, e.position(), visit);
        } else if (statement->what == kind::subject) {
            erase_subject(txn, statement->subject, e.position(), visit);
        } else {
            auto row = subject_rows::erasure_of(txn, table(txn), statement->subject);
            row.readmitted = e.position();
            subject_rows::put_erasure(txn, table(txn), statement->subject, row);
        }
    }
}

void subject_writer::erase_event(storage::write_transaction& txn, const index_view& known,
                                 const log_tables& tables, const uuid& id, std::uint64_t position,
                                 const visit_erased& visit) {
    if (subject_rows::erasure_of(txn, table(txn), id) != 0) return;
    std::optional<std::uint64_t> first = known.find_id(id);
    std::optional<event_seal> seal;
    if (first) {
        const event_view e = record_at(txn, tables, *first);
        if (!record_reader::is_sealed(e)) return;
        seal = record_reader::seal_of(e);
    }
    subject_rows::put_erasure(txn, table(txn), id, position);
    subject_rows::put_last_erasure(txn, table(txn), position);
    if (!seal || seal->is != event_seal::state::sealed) return;
    subject_rows::add_pending(txn, table(txn), seal->event_slot);
    visit(*first,
          fmt::format("data of event {} was erased at position {}", to_string(id), position));
}

void subject_writer::erase_subject(storage::write_transaction& txn, const std::string& subject,
                                   std::uint64_t position, const visit_erased& visit) {
    auto erased = subject_rows::erasure_of(txn, table(txn), subject);
    erased.erased = position;
    subject_rows::put_erasure(txn, table(txn), subject, erased);
    subject_rows::put_last_erasure(txn, table(txn), position);
    keys_.erase(subject);
    const auto key = subject_rows::key_of(txn, table(txn), subject);
    if (!key) return;
    subject_rows::drop_key(txn, table(txn), subject);
    subject_rows::add_pending(txn, table(txn), key->slot);
    visit(key->first, fmt::format("data of subject {} was erased at position {}",
                                  text::shown(subject), position));
}

void subject_writer::finish(storage::write_transaction& txn) {
    keys_.clear();
    if (added_.empty()) return;
    subjects_->keys().write(first_new_, added_);
    subject_rows::put_next_slot(txn, table(txn), first_new_ + added_.size());
    added_.clear();
}

}  // namespace idem
