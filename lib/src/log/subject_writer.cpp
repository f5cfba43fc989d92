#include "log/subject_writer.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "idem/error.hpp"

namespace idem {
namespace {

subject_statement of(const event_view& e, const erasure_statement& says) {
    return {says, e.id(), wall_clock::milliseconds_of(e.time()), e.position()};
}

}  // namespace

void subject_writer::begin() {
    table_.reset();
    first_new_ = 0;
    added_.clear();
    keys_.clear();
    ended_.clear();
}

storage::table subject_writer::table(storage::write_transaction& txn) {
    if (!table_) table_ = txn.open_table(subject_rows::table_name);
    return *table_;
}

std::optional<rejection> subject_writer::refusal(storage::write_transaction& txn,
                                                 const index_view& known, const log_tables& tables,
                                                 const encoded_batch& batch, const decision& d) {
    ended_.clear();  // of a batch before, which was perhaps rejected
    const bool none_erased = !batch.has_sealed() ||
                             (!batch.erases() && subject_rows::last_erasure(txn, table(txn)) == 0);
    struct foreseen {
        subject_erasure_row row;
        foreseen_erasures open;
    };
    std::map<std::string, foreseen, std::less<>> erased_here;  // by the batch itself, so far
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
            if (statement->what != erasure_statement::kind::event) {
                auto at = erased_here.find(statement->subject);
                if (at == erased_here.end()) {
                    const auto row = find_erasures(txn, table(txn), known, statement->subject);
                    const kept_erasures kept(txn, table(txn), statement->subject);
                    at = erased_here
                             .emplace(statement->subject, foreseen{row, foreseen_erasures(kept)})
                             .first;
                }
                apply(of(e, *statement), at->second.row, at->second.open);
                continue;
            }
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
        const auto here = erased_here.find(e.data_subject());
        const bool is_erased =
            here != erased_here.end() ? here->second.row.open != 0 : row.is_erased();
        if (!is_erased) continue;
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
    auto row = subject_rows::key_of(txn, table(txn), subject);
    if (ended_.contains(subject)) row.reset();  // it gets another key
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
    ended_.clear();
    for (const std::uint32_t i : d.fresh) {
        if (batch.erases()) end_key(txn, batch.view(i));
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

// The events behind an erasure in its own batch, once the subject is readmitted, are sealed under
// another key than those before it.
void subject_writer::end_key(storage::write_transaction& txn, const event_view& e) {
    if (e.stream() != erasures_stream) return;
    const auto statement = read_erasure(e.type(), e.data());
    if (!statement || statement->what != erasure_statement::kind::subject) return;
    const auto row = subject_rows::key_of(txn, table(txn), statement->subject);
    auto& ended = ended_[statement->subject];
    if (row && (ended.empty() || ended.back().slot != row->slot)) ended.push_back(*row);
    keys_.erase(statement->subject);
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
            note(txn, known, of(e, *statement));
            erase_subject(txn, statement->subject, e.position(), visit);
        } else {
            note(txn, known, of(e, *statement));
        }
    }
    ended_.clear();
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

void subject_writer::note(storage::write_transaction& txn, const index_view& known,
                          const subject_statement& statement) {
    const std::string& subject = statement.says.subject;
    auto row = find_erasures(txn, table(txn), known, subject);
    kept_erasures open(txn, table(txn), subject);
    apply(statement, row, open);
    if (row.erased != 0) subject_rows::put_erasure(txn, table(txn), subject, row);
}

void subject_writer::erase_subject(storage::write_transaction& txn, const std::string& subject,
                                   std::uint64_t position, const visit_erased& visit) {
    subject_rows::put_last_erasure(txn, table(txn), position);
    std::vector<subject_key_row> ended;
    if (const auto found = ended_.find(subject); found != ended_.end()) {
        ended = std::exchange(found->second, {});
        // A key that came behind the batch's last erasure stays.
        if (!keys_.contains(subject)) subject_rows::drop_key(txn, table(txn), subject);
    } else if (const auto key = subject_rows::key_of(txn, table(txn), subject)) {
        ended.push_back(*key);
        keys_.erase(subject);
        subject_rows::drop_key(txn, table(txn), subject);
    }
    for (const auto& key : ended) {
        subject_rows::add_pending(txn, table(txn), key.slot);
        visit(key.first, fmt::format("data of subject {} was erased at position {}",
                                     text::shown(subject), position));
    }
}

void subject_writer::finish(storage::write_transaction& txn) {
    keys_.clear();
    if (added_.empty()) return;
    subjects_->keys().write(first_new_, added_);
    subject_rows::put_next_slot(txn, table(txn), first_new_ + added_.size());
    added_.clear();
}

}  // namespace idem
