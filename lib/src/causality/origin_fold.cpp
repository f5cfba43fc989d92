#include "causality/origin_fold.hpp"

#include <algorithm>
#include <cstring>

#include "base/json_object.hpp"
#include "log/record.hpp"

namespace idem {
namespace {

event local_note(std::string_view type, std::string data) {
    event e;
    e.stream = local_stream;
    e.type = type;
    e.data = std::move(data);
    return e;
}

event note_about(std::string_view type, const uuid& id, const other_stamp& other) {
    json::object_writer data;
    data.text("id", to_string(id))
        .number("clock", other.stamp.clock)
        .text("origin", to_string(other.stamp.origin))
        .number("counter", other.stamp.counter)
        .bytes("content",
               {reinterpret_cast<const char*>(other.content.data()), other.content.size()});
    return local_note(type, data.str());
}

}  // namespace

event note_of_stamp(const uuid& id, const other_stamp& other) {
    return note_about(stamp_noted_type, id, other);
}

event note_of_conflict(const uuid& id, const other_stamp& met) {
    return note_about(conflict_met_type, id, met);
}

event note_of_acceptance(std::size_t events) {
    return local_note(events_accepted_type, json::object_writer().number("events", events).str());
}

std::optional<noted_stamp> read_note(const event_view& e, std::string_view type) {
    if (e.stream() != local_stream || e.type() != type) return std::nullopt;
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

std::optional<std::uint64_t> accepted_events(const event_view& e) {
    if (e.stream() != local_stream || e.type() != events_accepted_type) return std::nullopt;
    return json::object_reader(e.data()).number("events");
}

origin_fold::origin_fold(storage::write_transaction& txn, find_id find)
    : txn_(txn),
      find_(std::move(find)),
      origins_(txn.open_table(origins_table)),
      stamps_(txn.open_table(stamps_table)),
      parked_(txn.open_table(parked_table)) {}

void origin_fold::reach(const stamp& s, const uuid& own) {
    if (s.origin == own) return;
    txn_.erase(parked_, to_bytes(parked_key{s.origin, s.counter}));
    const auto found = txn_.peek(origins_, origin_key(s.origin));
    origin_row row = found ? read_origin_row(*found) : origin_row{};
    row.counter = std::max(row.counter, s.counter);
    row.clock = std::max(row.clock, s.clock);
    txn_.put(origins_, origin_key(s.origin), write_origin_row(row));
}

void origin_fold::note(const event_view& e, const uuid& own) {
    if (const auto met = read_note(e, conflict_met_type)) reach(met->other.stamp, own);
    const auto noted = read_note(e, stamp_noted_type);
    if (!noted) return;
    reach(noted->other.stamp, own);
    const auto position = find_(noted->id);
    if (!position) return;
    const std::string key = stamps_key(*position);
    const auto found = txn_.peek(stamps_, key);
    auto stamps = found ? read_stamps_row(*found) : std::vector<other_stamp>();
    const auto place = std::lower_bound(stamps.begin(), stamps.end(), noted->other);
    if (place != stamps.end() && *place == noted->other) return;
    stamps.insert(place, noted->other);
    txn_.put(stamps_, key, write_stamps_row(stamps));
}

}  // namespace idem
