#include "log/subjects.hpp"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <new>
#include <vector>

#include "base/json.hpp"
#include "base/text.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace subject_rows {
namespace {

constexpr std::string_view last_key = "last";
constexpr std::string_view next_key = "next";

std::string row_key(char kind, std::string_view name) {
    return std::string(1, kind).append(name);
}

std::string_view bytes_of(const uuid& id) {
    return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

std::string row_key(const uuid& id) {
    return row_key(of_event, bytes_of(id));
}

// Names have up to 255 bytes, and with its length none begins another.
std::string open_prefix(std::string_view subject) {
    static_assert(limits::name_bytes_max <= 255);
    return row_key(of_open, std::string(1, static_cast<char>(subject.size()))).append(subject);
}

// Little-endian, as this machine is.
std::string numbers(std::initializer_list<std::uint64_t> values) {
    std::string bytes;
    for (const auto v : values) bytes.append(reinterpret_cast<const char*>(&v), sizeof v);
    return bytes;
}

std::uint64_t number(std::optional<std::string_view> bytes, std::size_t index) {
    std::uint64_t value = 0;
    if (bytes && bytes->size() >= 8 * (index + 1)) {
        std::memcpy(&value, bytes->data() + 8 * index, 8);
    }
    return value;
}

}  // namespace

std::optional<subject_key_row> key_of(const storage::transaction& txn, storage::table t,
                                      std::string_view subject) {
    const auto row = txn.get(t, row_key(of_key, subject));
    if (!row || row->size() != 32) return std::nullopt;
    subject_key_row found{number(row, 0), uuid::nil(), number(row, 1)};
    std::memcpy(found.key.bytes.data(), row->data() + 16, 16);
    return found;
}

void put_key(storage::write_transaction& txn, storage::table t, std::string_view subject,
             const subject_key_row& row) {
    std::string bytes = numbers({row.slot, row.first});
    bytes.append(reinterpret_cast<const char*>(row.key.bytes.data()), row.key.bytes.size());
    txn.put(t, row_key(of_key, subject), bytes);
}

void drop_key(storage::write_transaction& txn, storage::table t, std::string_view subject) {
    txn.erase(t, row_key(of_key, subject));
}

subject_erasure_row erasure_of(const storage::transaction& txn, storage::table t,
                               std::string_view subject) {
    const auto row = txn.get(t, row_key(of_subject, subject));
    return {number(row, 0), number(row, 1), number(row, 2), number(row, 3)};
}

void put_erasure(storage::write_transaction& txn, storage::table t, std::string_view subject,
                 const subject_erasure_row& row) {
    txn.put(t, row_key(of_subject, subject),
            numbers({row.erased, row.readmitted, row.latest_ms, row.open}));
}

bool refuses(const storage::transaction& txn, storage::table t, const uuid& id,
             std::string_view subject) {
    return erasure_of(txn, t, id) != 0 || erasure_of(txn, t, subject).is_erased();
}

std::vector<std::string> erased_subjects(const storage::transaction& txn, storage::table t) {
    std::vector<std::string> found;
    const std::string start(1, of_subject);
    storage::cursor cursor(txn, t);
    for (auto entry = cursor.seek(start); entry && entry->first.starts_with(start);
         entry = cursor.next()) {
        if (number(entry->second, 0) > number(entry->second, 1)) {
            found.emplace_back(entry->first.substr(1));
        }
    }
    return found;
}

bool is_open(const storage::transaction& txn, storage::table t, std::string_view subject,
             const uuid& erasure) {
    return txn.get(t, open_prefix(subject).append(bytes_of(erasure))).has_value();
}

void add_open(storage::write_transaction& txn, storage::table t, std::string_view subject,
              const uuid& erasure) {
    txn.put(t, open_prefix(subject).append(bytes_of(erasure)), "");
}

void drop_open(storage::write_transaction& txn, storage::table t, std::string_view subject,
               const uuid& erasure) {
    txn.erase(t, open_prefix(subject).append(bytes_of(erasure)));
}

std::vector<uuid> open_erasures(const storage::transaction& txn, storage::table t,
                                std::string_view subject) {
    std::vector<uuid> found;
    const std::string start = open_prefix(subject);
    storage::cursor cursor(txn, t);
    for (auto entry = cursor.seek(start); entry && entry->first.starts_with(start);
         entry = cursor.next()) {
        uuid id;
        if (entry->first.size() != start.size() + id.bytes.size()) continue;
        std::memcpy(id.bytes.data(), entry->first.data() + start.size(), id.bytes.size());
        found.push_back(id);
    }
    return found;
}

std::uint64_t erasure_of(const storage::transaction& txn, storage::table t, const uuid& id) {
    return number(txn.get(t, row_key(id)), 0);
}

void put_erasure(storage::write_transaction& txn, storage::table t, const uuid& id,
                 std::uint64_t position) {
    txn.put(t, row_key(id), numbers({position}));
}

std::uint64_t last_erasure(const storage::transaction& txn, storage::table t) {
    return number(txn.get(t, last_key), 0);
}

void put_last_erasure(storage::write_transaction& txn, storage::table t, std::uint64_t position) {
    txn.put(t, last_key, numbers({position}));
}

std::uint64_t next_slot(const storage::transaction& txn, storage::table t) {
    return std::max<std::uint64_t>(number(txn.get(t, next_key), 0), 1);
}

void put_next_slot(storage::write_transaction& txn, storage::table t, std::uint64_t next) {
    txn.put(t, next_key, numbers({next}));
}

void add_pending(storage::write_transaction& txn, storage::table t, std::uint64_t slot) {
    txn.put(t, row_key(of_pending, numbers({slot})), "");
}

void drop_pending(storage::write_transaction& txn, storage::table t, std::uint64_t slot) {
    txn.erase(t, row_key(of_pending, numbers({slot})));
}

std::set<std::uint64_t> pending(const storage::transaction& txn, storage::table t) {
    std::set<std::uint64_t> found;
    const std::string start(1, of_pending);
    storage::cursor cursor(txn, t);
    for (auto entry = cursor.seek(start); entry && entry->first.starts_with(start);
         entry = cursor.next()) {
        found.insert(number(entry->first.substr(1), 0));
    }
    return found;
}

}  // namespace subject_rows

// ---- the events that say so

namespace {

constexpr std::string_view event_erased = "idem.EventErased";
constexpr std::string_view subject_erased = "idem.SubjectErased";
constexpr std::string_view subject_readmitted = "idem.SubjectReadmitted";

// The one member of that name, if it is a string.
std::optional<std::string> text_member(std::string_view data, std::string_view wanted) {
    std::optional<std::string> found;
    if (data.empty() || json::check(data) || json::kind_of(data) != json::kind::object) {
        return found;
    }
    json::each_member(data, [&](std::string_view name, json::kind type, std::string_view raw) {
        if (name == wanted && type == json::kind::string) found = json::decode_string(raw);
    });
    return found;
}

}  // namespace

std::optional<erasure_statement> read_erasure(std::string_view type, std::string_view data) {
    using kind = erasure_statement::kind;
    if (type == event_erased) {
        const auto text = text_member(data, "event");
        const auto id = text ? uuid::parse(*text) : std::nullopt;
        if (!id || id->is_nil() || id->is_max()) return std::nullopt;
        return erasure_statement{kind::event, *id};
    }
    if (type != subject_erased && type != subject_readmitted) return std::nullopt;
    auto name = text_member(data, "subject");
    if (!name || name->empty() || name->size() > limits::name_bytes_max) return std::nullopt;
    if (type == subject_erased) {
        return erasure_statement{kind::subject, uuid::nil(), std::move(*name)};
    }
    const auto lifts = text_member(data, "erasure");
    const auto erasure = lifts ? uuid::parse(*lifts) : std::optional(uuid::nil());
    if (!erasure) return std::nullopt;
    return erasure_statement{kind::readmission, *erasure, std::move(*name)};
}

event make_erasure(const erasure_statement& statement) {
    using kind = erasure_statement::kind;
    event e;
    e.stream = erasures_stream;
    if (statement.what == kind::event) {
        const std::string id = to_string(statement.id);
        e.id = make_uuid_from_source(erasures_stream, id);  // once erased is erased for ever
        e.type = event_erased;
        e.data = R"({"event":")" + id + "\"}";
        return e;
    }
    e.type = statement.what == kind::subject ? subject_erased : subject_readmitted;
    e.data = R"({"subject":)" + to_json_string(statement.subject);
    if (!statement.id.is_nil()) e.data += R"(,"erasure":")" + to_string(statement.id) + '"';
    e.data += '}';
    return e;
}

// ---- of a store

subject_store::subject_store(storage::environment& env) : env_(env), keys_(env.folder()) {
    const auto found = find_table();
    if (!found) return;
    const storage::read_transaction txn(env_);
    pending_ = subject_rows::pending(txn, *found);
}

std::optional<storage::table> subject_store::find_table() {
    const std::scoped_lock lock(mutex_);
    if (!table_) table_ = env_.find_table(subject_rows::table_name);
    return table_;
}

std::optional<storage::table> subject_store::table() const {
    const std::scoped_lock lock(mutex_);
    return table_;
}

bool subject_store::log_has_erasures(const storage::transaction& txn) const {
    const auto t = table();
    return t && subject_rows::last_erasure(txn, *t) != 0;
}

bool subject_store::log_says_erased(const storage::transaction& txn, const event_view& e) const {
    const auto t = table();
    if (!t) return false;
    return subject_rows::erasure_of(txn, *t, e.id()) != 0 ||
           subject_rows::erasure_of(txn, *t, e.data_subject()).erased > e.position();
}

bool subject_store::is_erased(const storage::transaction& txn, const event_view& e) {
    const event_seal seal = record_reader::seal_of(e);
    if (seal.is == event_seal::state::erased || log_says_erased(txn, e)) return true;
    // What another process has erased before this one knew of the table.
    const auto destroyed = [this](std::uint64_t slot) {
        return keys_.read(slot).is == storage::key_slot::state::destroyed;
    };
    return destroyed(seal.event_slot) || destroyed(seal.subject_slot);
}

std::uint64_t subject_store::last_erasure(const storage::write_transaction& txn) {
    const auto found = env_.find_table(subject_rows::table_name);
    return found ? subject_rows::last_erasure(txn, *found) : 0;
}

std::uint64_t subject_store::last_erasure() const {
    const auto found = table();
    if (!found) return 0;
    const storage::read_transaction txn(env_);
    return subject_rows::last_erasure(txn, *found);
}

void subject_store::complete_erasures() {
    const auto found = find_table();
    if (!found) return;
    std::set<std::uint64_t> pending;
    {
        const storage::read_transaction txn(env_);
        pending = subject_rows::pending(txn, *found);
    }
    if (pending.empty()) return;
    const std::vector<std::uint64_t> slots(pending.begin(), pending.end());
    keys_.destroy(slots);
    storage::write(env_, [&](storage::write_transaction& txn) {
        for (const auto slot : slots) subject_rows::drop_pending(txn, *found, slot);
    });
}

// ---- showing

void unsealer::begin() {
    block_.clear();
    subject_number_ = 0;
    any_erased_.reset();
    subjects_->keys().refresh();
}

storage::key_slot unsealer::slot(std::uint64_t number) {
    constexpr std::uint64_t together = 64;  // slots that are read at once
    if (number < block_first_ || number - block_first_ >= block_.size() / 64) {
        block_first_ = number;
        block_ = subjects_->keys().read(number, together);
    }
    return storage::key_file::decode(block_, number - block_first_);
}

void unsealer::find_slots(const event_seal& seal) {
    own_slot_ = slot(seal.event_slot);
    if (subject_number_ == seal.subject_slot) return;
    subject_ = subjects_->keys().read(seal.subject_slot);
    subject_number_ = seal.subject_slot;
}

bool unsealer::are_both_here(const event_view& e, const event_seal& seal) const {
    using state = storage::key_slot::state;
    return own_slot_.is == state::event && subject_.is == state::subject &&
           own_slot_.owner == e.id().bytes && subject_.owner == seal.key.bytes;
}

bool unsealer::is_key_left(const event_view& e) {
    const event_seal seal = record_reader::seal_of(e);
    if (seal.is == event_seal::state::erased || subjects_->is_pending(seal.event_slot) ||
        subjects_->is_pending(seal.subject_slot)) {
        return false;
    }
    find_slots(seal);
    return are_both_here(e, seal);
}

unsealer::kept unsealer::find_key(const storage::transaction& txn, const event_view& e,
                                  seal::secret& key) {
    using state = storage::key_slot::state;
    const event_seal seal = record_reader::seal_of(e);
    if (seal.is == event_seal::state::erased) return kept::erased;
    if (!any_erased_) any_erased_ = subjects_->log_has_erasures(txn);
    if (*any_erased_ && subjects_->log_says_erased(txn, e)) return kept::erased;
    find_slots(seal);
    if (own_slot_.is == state::destroyed || subject_.is == state::destroyed) return kept::erased;
    if (own_slot_.is == state::damaged || subject_.is == state::damaged) {
        throw error(
            errc::corrupt,
            fmt::format("{} is damaged in slot {}, which has a key of the event at "
                        "position {}; put the file back from a backup with keys",
                        subjects_->keys().path().string(),
                        own_slot_.is == state::damaged ? seal.event_slot : seal.subject_slot,
                        e.position()),
            {.position = e.position()});
    }
    if (!are_both_here(e, seal)) return kept::sealed;
    key = seal::derive(subject_.secret, own_slot_.secret);
    return kept::here;
}

unsealer::kept unsealer::look(const storage::transaction& txn, const event_view& e) {
    const event_view shown = show_alone(txn, e);
    if (shown.erased()) return kept::erased;
    return shown.sealed() ? kept::sealed : kept::here;
}

event_view unsealer::show(const storage::transaction& txn, const event_view& e) {
    if (!record_reader::is_sealed(e)) return e;
    using payload = event_view::shown_payload;
    seal::secret key = {};
    payload shown{{}, e.content_type(), e.schema_version(), find_key(txn, e, key)};
    if (shown.data_is == kept::here) {
        const std::string_view sealed = record_reader::sealed_data(e);
        char* const text = arena_->allocate(std::max(sealed.size(), seal::extra_bytes));
        if (!seal::open(sealed, key, record_reader::associated_with(e), text)) {
            throw error(errc::corrupt,
                        fmt::format("the data of the event at position {} does not open with the "
                                    "key of data subject {} in {}; run `idem verify`, and put "
                                    "back the file or the store from a backup",
                                    e.position(), text::shown(e.data_subject()),
                                    subjects_->keys().path().string()),
                        {.position = e.position()});
        }
        shown.data = {text, sealed.size() - seal::extra_bytes};
    }
    seal::wipe(key);
    return record_reader::with_payload(e, new (arena_->allocate(sizeof(payload))) payload(shown));
}

}  // namespace idem
