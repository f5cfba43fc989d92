#include "log/verify_subjects.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "idem/error.hpp"
#include "log/pass.hpp"
#include "log/record_cursor.hpp"
#include "log/subject_erasures.hpp"
#include "storage/cursor.hpp"
#include "storage/table_snapshot.hpp"

namespace idem {
namespace {

// A kind of row that only the derived table has: of subjects with a readmission that names no
// erasure and that an older idem, unlike this one, let lift a later one. Where it stands in the log
// it keeps that effect.
constexpr char of_unclear = 'u';

std::string unclear_key(std::string_view subject) {
    return std::string(1, of_unclear).append(subject);
}

uuid id_in(std::string_view key) {
    uuid id;
    if (key.size() == 1 + id.bytes.size()) std::copy(key.begin() + 1, key.end(), id.bytes.begin());
    return id;
}

}  // namespace

void subject_verifier::later(change c) {
    constexpr std::size_t changes_at_once = 10'000;
    changes_.push_back(std::move(c));
    if (changes_.size() >= changes_at_once) flush();
}

void subject_verifier::flush() {
    if (changes_.empty()) return;
    if (!scratch_) {
        scratch_ = storage::environment::scratch(std::filesystem::temp_directory_path());
        storage::write(*scratch_, [this](storage::write_transaction& txn) {
            right_ = txn.open_table(subject_rows::table_name);
        });
    }
    storage::write(*scratch_, [this](storage::write_transaction& txn) {
        for (const auto& c : changes_) c(txn);
    });
    changes_.clear();
}

void subject_verifier::add(const storage::transaction& txn, const index_view& known,
                           const event_view& e) {
    if (skipped_) return;
    if (e.stream() == erasures_stream) add_statement(txn, known, e);
    if (!record_reader::is_sealed(e)) return;
    const event_seal seal = record_reader::seal_of(e);
    if (seal.is != event_seal::state::sealed) return;
    last_slot_ = std::max({last_slot_, seal.subject_slot, seal.event_slot});
    later([this, seal, position = e.position(),
           subject = std::string(e.data_subject())](storage::write_transaction& to) {
        const auto row = subject_rows::key_of(to, right_, subject);
        if (row && row->slot == seal.subject_slot && row->key == seal.key) return;
        const std::uint64_t first = row ? row->first : position;
        subject_rows::put_key(to, right_, subject, {seal.subject_slot, seal.key, first});
    });
}

void subject_verifier::add_statement(const storage::transaction& txn, const index_view& known,
                                     const event_view& e) {
    const auto says = read_erasure(e.type(), e.data());
    if (!says) return;
    if (says->what == erasure_statement::kind::event) {
        return add_erasure(txn, known, says->id, e.position());
    }
    const subject_statement statement{*says, e.id(), wall_clock::milliseconds_of(e.time()),
                                      e.position()};
    later([this, statement](storage::write_transaction& to) {
        const std::string& subject = statement.says.subject;
        auto row = subject_rows::erasure_of(to, right_, subject);
        if (statement.says.what == erasure_statement::kind::subject) {
            if (const auto key = subject_rows::key_of(to, right_, subject)) {
                subject_rows::add_pending(to, right_, key->slot);
                subject_rows::drop_key(to, right_, subject);
            }
            subject_rows::put_last_erasure(to, right_, statement.position);
        } else if (statement.says.id.is_nil() && statement.time_ms < row.latest_ms) {
            to.put(right_, unclear_key(subject), "");
        }
        kept_erasures open(to, right_, subject);
        apply(statement, row, open);
        subject_rows::put_erasure(to, right_, subject, row);
    });
}

void subject_verifier::add_erasure(const storage::transaction& txn, const index_view& known,
                                   const uuid& id, std::uint64_t position) {
    std::optional<std::uint64_t> slot;
    if (const auto first = known.find_id(id); first && *first < position) {
        record_cursor records(txn, tables_.log, storage::kept::yes);
        const auto record = records.at(*first);
        const auto erased = record ? record_reader::open_if_sound(*record, *first) : std::nullopt;
        if (!erased) return skip();  // told of in its own place
        if (!record_reader::is_sealed(*erased)) return;
        const event_seal seal = record_reader::seal_of(*erased);
        if (seal.is == event_seal::state::sealed) slot = seal.event_slot;
    }
    later([this, id, position, slot](storage::write_transaction& to) {
        if (subject_rows::erasure_of(to, right_, id) != 0) return;
        subject_rows::put_erasure(to, right_, id, position);
        subject_rows::put_last_erasure(to, right_, position);
        if (slot) subject_rows::add_pending(to, right_, *slot);
    });
}

void subject_verifier::finish(std::uint64_t next) {
    if (skipped_ || found_.full()) return;
    const storage::table_snapshot in(env_, {subject_rows::table_name});
    const auto& kept = in.table();
    if (!kept && !scratch_ && changes_.empty()) return;
    const auto& txn = in.transaction();
    const index_view known(txn, tables_);
    record_cursor records(txn, tables_.log, storage::kept::yes);
    const std::uint64_t head = head_of(txn, tables_);
    for (std::uint64_t position = next; position <= head; ++position) {
        const auto record = records.at(position);
        const auto e = record ? record_reader::open_if_sound(*record, position) : std::nullopt;
        if (!e) return;  // the next verification tells
        add(txn, known, *e);
    }
    // So that there is a table, were it an empty one.
    later([](storage::write_transaction&) {});
    flush();
    if (kept) return compare(txn, *kept);
    tell("is missing");
}

void subject_verifier::compare(const storage::transaction& txn, storage::table kept) {
    const storage::read_transaction right(*scratch_);
    if (subject_rows::last_erasure(txn, kept) != subject_rows::last_erasure(right, right_)) {
        tell(fmt::format("says that the last erasure is at position {}, and by the log it is at {}",
                         subject_rows::last_erasure(txn, kept),
                         subject_rows::last_erasure(right, right_)));
    }
    const std::uint64_t next = subject_rows::next_slot(txn, kept);
    if (next <= last_slot_) {
        tell(fmt::format("would give slot {} again, which an event names", next));
    }
    compare_derived(txn, kept, right);
    compare_kept(txn, kept, right);
    check_key_file(next);
}

// Slots are on disk before the table tells of them.
void subject_verifier::check_key_file(std::uint64_t next) {
    storage::key_file& keys = tables_.subjects->keys();
    std::uint64_t there = 0;
    try {
        there = keys.refresh() ? keys.slots() : 0;
    } catch (const error& e) {
        if (e.code() != errc::corrupt) throw;
        found_.add({"seal_damaged", std::nullopt, keys.path().string(), e.what()});
    }
    if (there == 0 || there >= next) return;  // a copy without keys has no file
    found_.add({"seal_damaged", std::nullopt, keys.path().string(),
                fmt::format("{} ends before slot {}, and slots up to {} were written: it was cut "
                            "off, or is an old one; put it back from a backup with keys",
                            keys.path().string(), there, next - 1)});
}

void subject_verifier::compare_derived(const storage::transaction& txn, storage::table kept,
                                       const storage::transaction& right) {
    storage::cursor rows(right, right_);
    for (auto row = rows.first(); row && !found_.full(); row = rows.next()) {
        const std::string_view name = row->first.substr(1);
        switch (row->first.front()) {
            case subject_rows::of_subject:
                compare_subject(txn, kept, right, name);
                break;
            case subject_rows::of_event: {
                const uuid id = id_in(row->first);
                if (subject_rows::erasure_of(txn, kept, id) ==
                    subject_rows::erasure_of(right, right_, id)) {
                    break;
                }
                tell(fmt::format("does not tell where the data of event {} was erased",
                                 to_string(id)));
                break;
            }
            case subject_rows::of_key: {
                // A batch that was refused late may have left a key that no event names, which is
                // newer.
                const auto is = subject_rows::key_of(txn, kept, name);
                const auto should = subject_rows::key_of(right, right_, name);
                const bool sound = is && is->first <= should->first &&
                                   (is->slot > should->slot ||
                                    (is->slot == should->slot && is->key == should->key));
                if (!sound) tell(fmt::format("has not the key of subject {}", text::shown(name)));
                break;
            }
            default:
                break;
        }
    }
}

void subject_verifier::compare_subject(const storage::transaction& txn, storage::table kept,
                                       const storage::transaction& right,
                                       std::string_view subject) {
    const auto is = subject_rows::erasure_of(txn, kept, subject);
    const auto should = subject_rows::erasure_of(right, right_, subject);
    const bool unclear = right.get(right_, unclear_key(subject)).has_value();
    if (is.erased == should.erased && (unclear || is.is_erased() == should.is_erased())) return;
    tell(
        fmt::format("says that subject {} is {}erased, at position {}, and by the log it is "
                    "{}erased, at {}",
                    text::shown(subject), is.is_erased() ? "" : "not ", is.erased,
                    should.is_erased() ? "" : "not ", should.erased));
}

// What the log does not explain.
void subject_verifier::compare_kept(const storage::transaction& txn, storage::table kept,
                                    const storage::transaction& right) {
    const auto ended = subject_rows::pending(right, right_);
    for (const auto slot : subject_rows::pending(txn, kept)) {
        if (found_.full()) return;
        if (!ended.contains(slot)) tell(fmt::format("would destroy slot {}: none erased it", slot));
    }
    storage::cursor rows(txn, kept);
    for (auto row = rows.first(); row && !found_.full(); row = rows.next()) {
        const std::string_view name = row->first.substr(1);
        switch (row->first.front()) {
            case subject_rows::of_subject:
                if (subject_rows::erasure_of(txn, kept, name).erased != 0 &&
                    subject_rows::erasure_of(right, right_, name).erased == 0) {
                    tell(fmt::format("says that subject {} was erased, and the log does not",
                                     text::shown(name)));
                }
                break;
            case subject_rows::of_event:
                if (subject_rows::erasure_of(right, right_, id_in(row->first)) == 0) {
                    tell(
                        fmt::format("says that the data of event {} was erased, and the log "
                                    "does not",
                                    to_string(id_in(row->first))));
                }
                break;
            case subject_rows::of_key: {
                const auto key = subject_rows::key_of(txn, kept, name);
                if (!key || ended.contains(key->slot)) {
                    tell(fmt::format("has a key of subject {} that was erased", text::shown(name)));
                }
                break;
            }
            default:
                break;
        }
    }
}

void subject_verifier::tell(const std::string& what) {
    found_.add({"table_mismatch", std::nullopt, std::string(subject_rows::table_name),
                fmt::format("the table of data subjects {}; restore a backup, or export the store "
                            "with its data and import it into a new one",
                            what)});
}

}  // namespace idem
