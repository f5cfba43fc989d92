#include "causality/sync_events.hpp"

#include <flatbuffers/flatbuffers.h>
#include <fmt/format.h>

#include <cstring>

#include "causality/sync_message.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "log/record.hpp"
#include "sync_generated.h"

namespace idem::sync {
namespace {

constexpr std::size_t others_max = 1024;  // stamps of one event

[[noreturn]] void refuse(std::string_view why) {
    throw error(errc::invalid_input,
                fmt::format("the other side of the sync sent events that {}; check that both run "
                            "an idem of the same version",
                            why),
                {.field = "message"});
}

wire::SyncId to_wire(const uuid& id) {
    return wire::SyncId(flatbuffers::span<const std::uint8_t, 16>(id.bytes));
}
wire::SyncStamp to_wire(const stamp& s) {
    return {s.clock, to_wire(s.origin), s.counter};
}
uuid from_wire(const wire::SyncId& id) {
    uuid result;
    std::memcpy(result.bytes.data(), id.bytes()->Data(), result.bytes.size());
    return result;
}
stamp from_wire(const wire::SyncStamp& s) {
    return {s.clock(), from_wire(s.origin()), s.counter()};
}

flatbuffers::Offset<wire::SyncEvent> encode(flatbuffers::FlatBufferBuilder& to,
                                            const carried_event& carried) {
    const recorded_event& e = carried.event;
    std::vector<flatbuffers::Offset<wire::SyncEntry>> entries;
    for (const auto& [key, value] : e.metadata) {
        const auto k = to.CreateString(key);
        entries.push_back(wire::CreateSyncEntry(to, k, to.CreateString(value)));
    }
    std::vector<wire::SyncOther> others;
    for (const other_stamp& other : carried.others) {
        others.emplace_back(
            to_wire(other.stamp),
            wire::SyncDigest(flatbuffers::span<const std::uint8_t, 32>(other.content)));
    }
    const auto metadata = to.CreateVector(entries);
    const auto stamps = to.CreateVectorOfStructs(others);
    const auto tags = to.CreateVectorOfStrings(e.tags);
    const auto stream = to.CreateString(e.stream);
    const auto type = to.CreateString(e.type);
    const auto content_type = to.CreateString(e.content_type);
    const auto data =
        to.CreateVector(reinterpret_cast<const std::uint8_t*>(e.data.data()), e.data.size());
    const auto correlation = to.CreateString(e.correlation_id);
    const auto causation = to.CreateString(e.causation_id);
    const auto subject = to.CreateString(e.data_subject);
    const wire::SyncId id = to_wire(e.id);
    const wire::SyncStamp own = to_wire(e.stamp);
    const std::int64_t time = e.time ? e.time->time_since_epoch().count() : 0;
    return wire::CreateSyncEvent(to, &id, &own, stamps, stream, type, e.schema_version,
                                 content_type, data, tags, time, correlation, causation, metadata,
                                 subject, e.erased);
}

// Copies, and counts what it copies against what the message can hold.
class copier {
public:
    explicit copier(std::size_t bytes) : left_(bytes) {}

    carried_event event(const wire::SyncEvent& from) {
        carried_event carried;
        recorded_event& e = carried.event;
        e.id = from_wire(*from.id());
        e.stamp = from_wire(*from.stamp());
        e.stream = text(from.stream());
        e.type = text(from.type());
        e.schema_version = from.schema_version();
        e.content_type = text(from.content_type());
        count(from.data()->size());
        e.data.assign(reinterpret_cast<const char*>(from.data()->Data()), from.data()->size());
        e.time = timestamp(std::chrono::nanoseconds(from.time()));
        e.correlation_id = text(from.correlation_id());
        e.causation_id = text(from.causation_id());
        e.data_subject = text(from.data_subject());
        e.erased = from.erased();
        if (from.tags() != nullptr) {
            if (from.tags()->size() > limits::tags_max) refuse("have too many tags");
            for (const auto* tag : *from.tags()) e.tags.push_back(text(tag));
        }
        if (from.metadata() != nullptr) {
            if (from.metadata()->size() > limits::metadata_max) refuse("have too much metadata");
            for (const auto* entry : *from.metadata()) {
                e.metadata.emplace_back(text(entry->key()), text(entry->value()));
            }
        }
        if (from.others() == nullptr) return carried;
        if (from.others()->size() > others_max) refuse("have too many stamps");
        count(from.others()->size() * sizeof(wire::SyncOther));
        for (const auto* other : *from.others()) {
            other_stamp noted{from_wire(other->stamp()), {}};
            std::memcpy(noted.content.data(), other->content().bytes()->Data(),
                        noted.content.size());
            carried.others.push_back(noted);
        }
        return carried;
    }

private:
    void count(std::size_t bytes) {
        if (bytes > left_) refuse("stand for more than the message has bytes");
        left_ -= bytes;
    }
    std::string text(const flatbuffers::String* from) {
        if (from == nullptr) return {};
        count(from->size());
        return from->str();
    }
    std::size_t left_;
};

}  // namespace

std::size_t carried_event::bytes() const noexcept {
    std::size_t sum = 200 + event.data.size() + event.stream.size() + event.type.size();
    for (const auto& tag : event.tags) sum += tag.size() + 8;
    for (const auto& [key, value] : event.metadata) sum += key.size() + value.size() + 24;
    return sum + others.size() * sizeof(wire::SyncOther);
}

std::vector<item_key> carried_event::keys() const {
    const idem::event& plain = event;
    const encoded_batch batch({&plain, 1});
    content_hasher hasher;
    std::vector<item_key> keys{key_of_item(hasher.of(batch.view(0)), event.stamp)};
    for (const auto& other : others) keys.push_back(key_of_item(other.content, other.stamp));
    return keys;
}

std::string encode_events(const carried_events& carried) {
    flatbuffers::FlatBufferBuilder to;
    std::vector<flatbuffers::Offset<wire::SyncEvent>> events;
    events.reserve(carried.events.size());
    for (const auto& e : carried.events) events.push_back(encode(to, e));
    to.Finish(wire::CreateSyncEvents(to, to.CreateVector(events), carried.skipped));
    return {reinterpret_cast<const char*>(to.GetBufferPointer()), to.GetSize()};
}

carried_events decode_events(std::string_view bytes) {
    if (bytes.size() > message_bytes_max) refuse("are over the limit of 4 MiB");
    constexpr std::size_t tables_max = limits::batch_events_max * (limits::metadata_max + 1);
    flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                   bytes.size(), 8, tables_max);
    if (!wire::VerifySyncEventsBuffer(verifier)) refuse("are malformed");
    const auto& root = *wire::GetSyncEvents(bytes.data());
    if (root.events()->size() > limits::batch_events_max) refuse("are too many for one message");
    copier copy(bytes.size());
    carried_events carried{{}, root.skipped()};
    for (const auto* e : *root.events()) carried.events.push_back(copy.event(*e));
    return carried;
}

}  // namespace idem::sync
