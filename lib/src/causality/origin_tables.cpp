#include "causality/origin_tables.hpp"

#include <flatbuffers/flatbuffers.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/json_object.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "origins_generated.h"
#include "storage/cursor.hpp"

namespace idem {
namespace {

constexpr std::string_view origins_name = "origins";
constexpr std::string_view stamps_name = "stamps";
constexpr std::string_view parked_name = "parked";

std::string big_endian(std::uint64_t value) {
    std::string key(8, '\0');
    for (int i = 0; i < 8; ++i) key[i] = static_cast<char>(value >> (56 - 8 * i));
    return key;
}
std::uint64_t from_big_endian(std::string_view key) {
    std::uint64_t value = 0;
    for (const char c : key) value = value << 8 | static_cast<std::uint8_t>(c);
    return value;
}
std::string_view bytes_of(const uuid& id) {
    return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}
std::string key_of(const origin_tables::parked_key& key) {
    return std::string(bytes_of(key.origin)) + big_endian(key.counter);
}

template <class Table>
const Table& verified(const std::string& bytes) {
    flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                   bytes.size());
    if (!verifier.VerifyBuffer<Table>(nullptr)) {
        throw error(errc::corrupt,
                    "a row of the tables of origins is damaged; run `idem verify` and restore a "
                    "backup");
    }
    return *flatbuffers::GetRoot<Table>(bytes.data());
}

std::string_view finished(const flatbuffers::FlatBufferBuilder& builder) {
    return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

origin_row read_origin(std::string_view row) {
    const std::string bytes(row);  // LMDB aligns to 2 bytes only
    const auto& known = verified<wire::OriginRow>(bytes);
    return {known.counter(), known.clock()};
}

std::vector<other_stamp> read_stamps(std::string_view row) {
    const std::string bytes(row);
    const auto& known = verified<wire::StampsRow>(bytes);
    std::vector<other_stamp> stamps;
    if (!known.stamps()) return stamps;
    for (const auto* s : *known.stamps()) {
        other_stamp other{{s->clock(), {}, s->counter()}, {}};
        std::memcpy(other.stamp.origin.bytes.data(), s->origin().bytes()->Data(), 16);
        std::memcpy(other.content.data(), s->content()->Data(), other.content.size());
        stamps.push_back(other);
    }
    return stamps;
}

std::string write_stamps(const std::vector<other_stamp>& stamps) {
    flatbuffers::FlatBufferBuilder builder;
    std::vector<wire::StampOfContent> rows;
    for (const auto& s : stamps) {
        rows.emplace_back(
            s.stamp.clock,
            wire::OriginId(flatbuffers::span<const std::uint8_t, 16>(s.stamp.origin.bytes)),
            s.stamp.counter, flatbuffers::span<const std::uint8_t, 32>(s.content));
    }
    const auto vector = builder.CreateVectorOfStructs(rows);
    builder.Finish(wire::CreateStampsRow(builder, vector));
    return std::string(finished(builder));
}

struct noted_stamp {
    uuid id;
    other_stamp other;
};
std::optional<noted_stamp> read_note(const event_view& e) {
    if (e.stream() != local_stream || e.type() != stamp_noted_type) return std::nullopt;
    const json::object_reader from(e.data());
    const auto id = uuid::parse(from.text("id").value_or(""));
    const auto origin = uuid::parse(from.text("origin").value_or(""));
    const auto clock = from.number("clock");
    const auto counter = from.number("counter");
    const auto content = from.bytes("content");
    noted_stamp note;
    if (!id || !origin || !clock || !counter || !content) return std::nullopt;
    if (content->size() != note.other.content.size()) return std::nullopt;
    note.id = *id;
    note.other.stamp = {*clock, *origin, *counter};
    std::memcpy(note.other.content.data(), content->data(), content->size());
    return note;
}

event local_note(std::string_view type, std::string data) {
    event e;
    e.stream = local_stream;
    e.type = type;
    e.data = std::move(data);
    return e;
}

// The rows that a batch changes.
class change {
public:
    explicit change(const open_log& log)
        : log_(log),
          origins_(log.txn.open_table(origins_name)),
          stamps_(log.txn.open_table(stamps_name)),
          parked_(log.txn.open_table(parked_name)) {}

    void reach(const stamp& s) {
        log_.txn.erase(parked_, key_of({s.origin, s.counter}));
        const auto found = log_.txn.peek(origins_, bytes_of(s.origin));
        origin_row row = found ? read_origin(*found) : origin_row{};
        row.counter = std::max(row.counter, s.counter);
        row.clock = std::max(row.clock, s.clock);
        flatbuffers::FlatBufferBuilder builder;
        builder.Finish(wire::CreateOriginRow(builder, row.counter, row.clock));
        log_.txn.put(origins_, bytes_of(s.origin), finished(builder));
    }

    void note(const noted_stamp& note, std::span<const event_view> events) {
        const auto position = position_of(note.id, events);
        if (!position) return;
        const std::string key = big_endian(*position);
        const auto found = log_.txn.peek(stamps_, key);
        auto stamps = found ? read_stamps(*found) : std::vector<other_stamp>();
        const auto place = std::lower_bound(stamps.begin(), stamps.end(), note.other);
        if (place != stamps.end() && *place == note.other) return;
        stamps.insert(place, note.other);
        log_.txn.put(stamps_, key, write_stamps(stamps));
    }

private:
    std::optional<std::uint64_t> position_of(const uuid& id,
                                             std::span<const event_view> events) const {
        for (const auto& e : events) {
            if (e.id() == id) return e.position();
        }
        return log_.known.find_id(id);
    }

    const open_log& log_;
    const storage::table origins_;
    const storage::table stamps_;
    const storage::table parked_;
};

}  // namespace

event note_of_stamp(const uuid& id, const other_stamp& other) {
    json::object_writer data;
    data.text("id", to_string(id))
        .number("clock", other.stamp.clock)
        .text("origin", to_string(other.stamp.origin))
        .number("counter", other.stamp.counter)
        .bytes("content",
               {reinterpret_cast<const char*>(other.content.data()), other.content.size()});
    return local_note(stamp_noted_type, data.str());
}

event note_of_acceptance(std::size_t events) {
    return local_note(events_accepted_type, json::object_writer().number("events", events).str());
}

origin_tables::origin_tables(storage::environment& env)
    : origins_(env.find_table(origins_name)),
      stamps_(env.find_table(stamps_name)),
      parked_(env.find_table(parked_name)) {}

origin_tables::origin_tables(storage::write_transaction& txn)
    : origins_(txn.open_table(origins_name)),
      stamps_(txn.open_table(stamps_name)),
      parked_(txn.open_table(parked_name)) {}

std::optional<origin_row> origin_tables::origin(const storage::transaction& txn,
                                                const uuid& origin) const {
    const auto row = origins_ ? txn.peek(*origins_, bytes_of(origin)) : std::nullopt;
    return row ? std::optional(read_origin(*row)) : std::nullopt;
}

std::map<uuid, origin_row> origin_tables::origins(const storage::transaction& txn) const {
    std::map<uuid, origin_row> all;
    if (!origins_) return all;
    storage::cursor rows(txn, *origins_);
    for (auto row = rows.first(); row; row = rows.next()) {
        uuid origin;
        if (row->first.size() != origin.bytes.size()) continue;
        std::memcpy(origin.bytes.data(), row->first.data(), row->first.size());
        all[origin] = read_origin(row->second);
    }
    return all;
}

std::vector<other_stamp> origin_tables::stamps(const storage::transaction& txn,
                                               std::uint64_t position) const {
    const auto row = stamps_ ? txn.peek(*stamps_, big_endian(position)) : std::nullopt;
    return row ? read_stamps(*row) : std::vector<other_stamp>();
}

std::optional<std::string> origin_tables::parked(const storage::transaction& txn,
                                                 const parked_key& key) const {
    const auto row = parked_ ? txn.peek(*parked_, key_of(key)) : std::nullopt;
    return row ? std::optional<std::string>(*row) : std::nullopt;
}

std::vector<std::pair<origin_tables::parked_key, std::string>> origin_tables::all_parked(
    const storage::transaction& txn) const {
    std::vector<std::pair<parked_key, std::string>> all;
    if (!parked_) return all;
    storage::cursor rows(txn, *parked_);
    for (auto row = rows.first(); row && all.size() < limits::parked_max; row = rows.next()) {
        if (row->first.size() != 24) continue;
        parked_key key;
        std::memcpy(key.origin.bytes.data(), row->first.data(), 16);
        key.counter = from_big_endian(row->first.substr(16));
        all.emplace_back(key, row->second);
    }
    return all;
}

std::uint64_t origin_tables::parked_count(const storage::transaction& txn) const {
    return parked_ ? txn.stats(*parked_).entries : 0;
}

void origin_tables::park(storage::write_transaction& txn, const parked_key& key,
                         std::string_view event) const {
    txn.put(*parked_, key_of(key), event);
}

void origin_observer::batch(const open_log& log, std::span<const event_view> events) {
    // Whatever came from elsewhere ends with a note of this store.
    if (events.empty() || events.back().stream() != local_stream) return;
    const uuid own = events.back().stamp().origin;
    change rows(log);
    for (const auto& e : events) {
        if (e.stamp().origin != own) rows.reach(e.stamp());
        const auto note = read_note(e);
        if (!note) continue;
        rows.note(*note, events);
        if (note->other.stamp.origin != own) rows.reach(note->other.stamp);
    }
}

void noted_stamps::each_in(const event_view& note, const visit_stamp& visit) const {
    if (const auto noted = read_note(note)) visit(noted->id, noted->other);
}

std::vector<other_stamp> noted_stamps::of(const storage::transaction& txn,
                                          std::uint64_t position) const {
    return origin_tables(env_).stamps(txn, position);
}

}  // namespace idem
