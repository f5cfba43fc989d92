#include "log/record.hpp"

#include <flatbuffers/flatbuffers.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/hash.hpp"
#include "event_generated.h"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "log/check.hpp"

namespace idem {
namespace {

constexpr std::string_view json_content_type = "application/json";
constexpr std::size_t checksum_bytes = 8;

wire::Uuid to_wire(const uuid& id) {
    return wire::Uuid(flatbuffers::span<const std::uint8_t, 16>(id.bytes));
}

uuid from_wire(const wire::Uuid& id) {
    uuid result;
    std::memcpy(result.bytes.data(), id.bytes()->Data(), result.bytes.size());
    return result;
}

using text_offset = flatbuffers::Offset<flatbuffers::String>;

text_offset optional_text(flatbuffers::FlatBufferBuilder& builder, std::string_view text) {
    return text.empty() ? text_offset() : builder.CreateString(text.data(), text.size());
}

flatbuffers::Offset<flatbuffers::Vector<text_offset>> tags_of(
    flatbuffers::FlatBufferBuilder& builder, const std::vector<std::string>& tags) {
    if (tags.empty()) return {};
    std::vector<std::string_view> sorted(tags.begin(), tags.end());
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    std::vector<text_offset> offsets;
    for (const auto tag : sorted) offsets.push_back(builder.CreateString(tag.data(), tag.size()));
    return builder.CreateVector(offsets);
}

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<wire::Entry>>> metadata_of(
    flatbuffers::FlatBufferBuilder& builder,
    const std::vector<std::pair<std::string, std::string>>& metadata) {
    if (metadata.empty()) return {};
    std::vector<flatbuffers::Offset<wire::Entry>> offsets;
    for (const auto& [key, value] : metadata) {
        const auto key_offset = builder.CreateString(key);
        const auto value_offset = builder.CreateString(value);
        offsets.push_back(wire::CreateEntry(builder, key_offset, value_offset));
    }
    return builder.CreateVector(offsets);
}

void encode(flatbuffers::FlatBufferBuilder& builder, const event& e, timestamp now) {
    builder.Clear();
    const auto data_subject = optional_text(builder, e.data_subject);
    const auto metadata = metadata_of(builder, e.metadata);
    const auto tags = tags_of(builder, e.tags);
    const auto causation = optional_text(builder, e.causation_id);
    const auto correlation = optional_text(builder, e.correlation_id);
    // A FlatBuffers payload is read in place too, and may hold 8-byte fields.
    const bool here = !e.erased && !e.sealed;
    const bool to_be_sealed = here && !e.data_subject.empty();
    const std::string to_fill(to_be_sealed ? e.data.size() + seal::extra_bytes : 0, '\0');
    const std::string& bytes = to_be_sealed ? to_fill : e.data;
    builder.ForceVectorAlignment(bytes.size(), 1, 8);
    const auto data =
        builder.CreateVector(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    const auto content_type = e.content_type == json_content_type
                                  ? text_offset()
                                  : optional_text(builder, e.content_type);
    const auto type = builder.CreateString(e.type);
    const auto stream = builder.CreateString(e.stream);
    const wire::Head head(to_wire(e.id), 0, 0, e.time.value_or(now).time_since_epoch().count(), 0,
                          to_wire({}), 0, std::max(e.schema_version, 1U), 0);

    wire::EventBuilder record(builder);
    record.add_head(&head);
    record.add_stream(stream);
    record.add_type(type);
    record.add_content_type(content_type);
    record.add_data(data);
    record.add_tags(tags);
    record.add_correlation_id(correlation);
    record.add_causation_id(causation);
    record.add_metadata(metadata);
    record.add_data_subject(data_subject);
    const auto state = here ? event_seal::state::sealed : event_seal::state::erased;
    const wire::Seal seal(0, 0, to_wire(uuid::nil()), static_cast<std::uint64_t>(state));
    if (to_be_sealed || !here) record.add_seal(&seal);
    builder.Finish(record.Finish());
}

const wire::Event& as_event(const void* record) noexcept {
    return *static_cast<const wire::Event*>(record);
}

std::string_view text_of(const flatbuffers::String* text) noexcept {
    return text ? std::string_view(text->c_str(), text->size()) : std::string_view();
}

}  // namespace

encoded_batch::encoded_batch(std::span<const event> events, timestamp now) {
    check_batch(events);
    records_.reserve(events.size());
    flatbuffers::FlatBufferBuilder builder(512);
    for (std::size_t i = 0; i < events.size(); ++i) {
        check_event(events[i], i);
        encode(builder, events[i], now);
        const std::size_t size = builder.GetSize() + checksum_bytes;
        assert(size % 8 == 0);
        if (size > limits::event_bytes_max) refuse_size(events[i], i, size);
        note_subject(events[i], i, events.size());
        const std::size_t offset = buffer_.size();
        if (offset + size > limits::batch_bytes_max) {
            throw error(errc::invalid_input,
                        fmt::format("the batch passes {} bytes at event {}; append it in parts",
                                    limits::batch_bytes_max, i),
                        {.index = i, .field = "batch"});
        }
        if (i == 0)
            buffer_.reserve(std::min(size * events.size() * 9 / 8, limits::batch_bytes_max));
        buffer_.append(reinterpret_cast<const char*>(builder.GetBufferPointer()),
                       builder.GetSize());
        buffer_.append(checksum_bytes, '\0');
        records_.push_back({offset, size, events[i].id});
    }
}

encoded_batch::~encoded_batch() = default;
encoded_batch::encoded_batch(encoded_batch&&) noexcept = default;
encoded_batch& encoded_batch::operator=(encoded_batch&&) noexcept = default;

void encoded_batch::note_subject(const event& e, std::size_t index, std::size_t events) {
    erases_ = erases_ || e.stream == erasures_stream;
    const bool here = !e.erased && !e.sealed;
    if (here && e.data_subject.empty()) return;
    using kept = event_view::shown_payload::kept;
    if (sealed_.empty()) sealed_.resize(events);
    const auto sealed = std::make_shared<sealed_event>();
    sealed->to_be_sealed = here;
    sealed->data = e.data;
    sealed->content_type = e.content_type;
    sealed->shown = {sealed->data, sealed->content_type, std::max(e.schema_version, 1U),
                     here ? kept::here : (e.erased ? kept::erased : kept::sealed)};
    sealed_[index] = sealed;
}

event_view encoded_batch::view(std::size_t index) const noexcept {
    const event_view e = record_reader::trusted(
        flatbuffers::GetRoot<wire::Event>(buffer_.data() + records_[index].offset));
    if (sealed_.empty() || !sealed_[index]) return e;
    return record_reader::with_payload(e, &sealed_[index]->shown);
}

void encoded_batch::seal(std::size_t index, const event_seal& seal, const seal::secret& key) {
    const auto* record = wire::GetEvent(buffer_.data() + records_[index].offset);
    auto* sealed = const_cast<wire::Seal*>(record->seal());
    *sealed = wire::Seal(seal.subject_slot, seal.event_slot, to_wire(seal.key),
                         static_cast<std::uint64_t>(seal.is));
    auto* data = const_cast<flatbuffers::Vector<std::uint8_t>*>(record->data());
    seal::close({reinterpret_cast<char*>(data->Data()), data->size()}, sealed_[index]->data, key,
                record_reader::associated_with(record_reader::trusted(record)));
}

std::string_view encoded_batch::stream(std::size_t index) const noexcept {
    return view(index).stream();
}

void encoded_batch::extend(const encoded_batch& by) {
    for (const slot& added : by.records_) {
        records_.push_back({buffer_.size() + added.offset, added.size, added.id});
    }
    buffer_ += by.buffer_;
    erases_ = erases_ || by.erases_;
    if (sealed_.empty() && by.sealed_.empty()) return;
    sealed_.resize(records_.size());
    std::copy(by.sealed_.begin(), by.sealed_.end(),
              sealed_.end() - static_cast<std::ptrdiff_t>(by.size()));
}

void encoded_batch::shrink(std::size_t size) {
    if (size >= records_.size()) return;
    buffer_.resize(records_[size].offset);
    records_.resize(size);
    if (!sealed_.empty()) sealed_.resize(size);
}

void encoded_batch::keep_stamp(std::size_t index, const stamp& s) {
    kept_.resize(records_.size());
    kept_[index] = s;
}

void encoded_batch::place(std::size_t index, std::uint64_t position, std::uint64_t revision,
                          const stamp& s) {
    const slot& record = records_[index];
    char* bytes = buffer_.data() + record.offset;
    // The buffer is ours and not const; the generated code has accessors for reading only.
    auto* head = const_cast<wire::Head*>(wire::GetEvent(bytes)->head());
    *head = wire::Head(head->id(), position, revision, head->time(), s.clock, to_wire(s.origin),
                       s.counter, head->schema_version(), 0);
    const std::size_t sealed = record.size - checksum_bytes;
    const std::uint64_t checksum = hash::of_bytes({bytes, sealed});
    std::memcpy(bytes + sealed, &checksum, checksum_bytes);
}

encoded_batch encode_recorded(std::span<const recorded_event> events) {
    encoded_batch batch(std::vector<event>(events.begin(), events.end()));
    for (std::size_t i = 0; i < events.size(); ++i) {
        batch.place(i, events[i].position, events[i].revision, events[i].stamp);
    }
    return batch;
}

std::string_view encoded_batch::record(std::size_t index) const noexcept {
    return std::string_view(buffer_).substr(records_[index].offset, records_[index].size);
}

namespace {

// Every read does this to every event, so the verifier's many small steps are worth inlining.
[[gnu::flatten]] bool is_event(std::string_view bytes) {
    // Tables: the event and its metadata. The depth is that of the schema.
    flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                   bytes.size(), 4, limits::metadata_max + 1);
    return wire::VerifyEventBuffer(verifier);
}

}  // namespace

std::optional<record_reader::fault> record_reader::check(std::string_view record,
                                                         std::uint64_t position) {
    if (record.size() < checksum_bytes + 8 || record.size() > limits::event_bytes_max ||
        record.size() % 8 != 0 || reinterpret_cast<std::uintptr_t>(record.data()) % 8 != 0) {
        return fault{"record_malformed",
                     fmt::format("the record at position {} has {} bytes, which no event has",
                                 position, record.size())};
    }
    const std::size_t sealed = record.size() - checksum_bytes;
    std::uint64_t checksum = 0;
    std::memcpy(&checksum, record.data() + sealed, checksum_bytes);
    if (checksum != hash::of_bytes(record.substr(0, sealed))) {
        return fault{"record_checksum",
                     fmt::format("the event at position {} does not match its checksum", position)};
    }
    if (!is_event(record.substr(0, sealed))) {
        return fault{"record_malformed",
                     fmt::format("the record at position {} is not an event", position)};
    }
    const auto& root = *wire::GetEvent(record.data());
    // Many tags may share one text, and then stand for more than the record has bytes. The verifier
    // bounds the metadata, which are tables.
    if (root.tags() && root.tags()->size() > limits::tags_max) {
        return fault{"record_malformed",
                     fmt::format("the record at position {} has {} tags, over the limit of {}",
                                 position, root.tags()->size(), limits::tags_max)};
    }
    if (root.head()->position() != position) {
        return fault{"position_mismatch",
                     fmt::format("the event at position {} says that it is at {}", position,
                                 root.head()->position())};
    }
    return std::nullopt;
}

// The offsets on the way to the head are checked as the verifier does, which would walk all fields.
std::optional<record_reader::standing> record_reader::peek(std::string_view record) noexcept {
    const auto load = [&](auto& to, std::uint64_t at) {
        if (at > record.size() || record.size() - at < sizeof to) return false;
        std::memcpy(&to, record.data() + at, sizeof to);
        return true;
    };
    std::uint32_t root = 0;
    std::int32_t back = 0;
    std::uint16_t table_bytes = 0;
    std::uint16_t head_at = 0;
    if (!load(root, 0) || !load(back, root)) return std::nullopt;
    const std::int64_t table = std::int64_t{root} - back;
    const auto vtable = static_cast<std::uint64_t>(table);
    constexpr auto field = wire::Event::VT_HEAD;
    if (table < 0 || !load(table_bytes, vtable) || table_bytes < field + sizeof head_at ||
        !load(head_at, vtable + field) || head_at == 0) {
        return std::nullopt;
    }
    wire::Head head;
    if (!load(head, std::uint64_t{root} + head_at)) return std::nullopt;
    return standing{from_wire(head.id()), {head.clock(), from_wire(head.origin()), head.counter()}};
}

event_view record_reader::open(std::string_view record, std::uint64_t position) {
    if (const auto fault = check(record, position)) {
        throw error(errc::corrupt, fault->message + "; run `idem verify` and restore a backup",
                    {.position = position});
    }
    return event_view(wire::GetEvent(record.data()));
}

std::optional<event_view> record_reader::open_if_sound(std::string_view record,
                                                       std::uint64_t position) {
    if (check(record, position)) return std::nullopt;
    return event_view(wire::GetEvent(record.data()));
}

void record_reader::prefetch(const event_view& e) noexcept {
    // The table's fields, and then the texts and the data, most of which lie behind it.
    const char* const table = static_cast<const char*>(e.record_);
    for (std::ptrdiff_t at = -64; at < 256; at += 64) __builtin_prefetch(table + at);
}

bool record_reader::is_sealed(const event_view& e) noexcept {
    return as_event(e.record_).seal() != nullptr;
}

event_seal record_reader::seal_of(const event_view& e) noexcept {
    const auto& seal = *as_event(e.record_).seal();
    return {seal.subject_slot(), seal.event_slot(), from_wire(seal.key()),
            static_cast<event_seal::state>(seal.state())};
}

std::string_view record_reader::sealed_data(const event_view& e) noexcept {
    const auto* data = as_event(e.record_).data();
    return {reinterpret_cast<const char*>(data->Data()), data->size()};
}

// The sealed data of one event is none of another's.
std::string record_reader::associated_with(const event_view& e) {
    const uuid id = e.id();
    std::string bytes(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
    bytes += e.type();
    bytes += '\0';
    bytes += e.data_subject();
    return bytes;
}

uuid event_view::id() const noexcept {
    return from_wire(as_event(record_).head()->id());
}
std::uint64_t event_view::position() const noexcept {
    return as_event(record_).head()->position();
}
std::uint64_t event_view::revision() const noexcept {
    return as_event(record_).head()->revision();
}
std::string_view event_view::stream() const noexcept {
    return text_of(as_event(record_).stream());
}
std::string_view event_view::type() const noexcept {
    return text_of(as_event(record_).type());
}
std::uint32_t event_view::schema_version() const noexcept {
    return shown_ ? shown_->schema_version : as_event(record_).head()->schema_version();
}
std::string_view event_view::content_type() const noexcept {
    if (shown_) return shown_->content_type;
    const auto* text = as_event(record_).content_type();
    return text ? text_of(text) : json_content_type;
}
std::string_view event_view::data() const noexcept {
    if (shown_) return shown_->data;
    const auto* data = as_event(record_).data();
    return {reinterpret_cast<const char*>(data->Data()), data->size()};
}
timestamp event_view::time() const noexcept {
    return timestamp(std::chrono::nanoseconds(as_event(record_).head()->time()));
}
stamp event_view::stamp() const noexcept {
    if (shown_ && shown_->stands_by) return *shown_->stands_by;
    const auto& head = *as_event(record_).head();
    return {head.clock(), from_wire(head.origin()), head.counter()};
}
std::string_view event_view::correlation_id() const noexcept {
    return text_of(as_event(record_).correlation_id());
}
std::string_view event_view::causation_id() const noexcept {
    return text_of(as_event(record_).causation_id());
}
std::size_t event_view::tag_count() const noexcept {
    const auto* tags = as_event(record_).tags();
    return tags ? tags->size() : 0;
}
std::string_view event_view::tag(std::size_t index) const noexcept {
    return text_of(as_event(record_).tags()->Get(static_cast<flatbuffers::uoffset_t>(index)));
}
bool event_view::has_tag(std::string_view wanted) const noexcept {
    for (std::size_t i = 0; i < tag_count(); ++i) {
        if (tag(i) == wanted) return true;
    }
    return false;
}
std::size_t event_view::metadata_count() const noexcept {
    const auto* entries = as_event(record_).metadata();
    return entries ? entries->size() : 0;
}
std::pair<std::string_view, std::string_view> event_view::metadata(
    std::size_t index) const noexcept {
    const auto* entry =
        as_event(record_).metadata()->Get(static_cast<flatbuffers::uoffset_t>(index));
    return {text_of(entry->key()), text_of(entry->value())};
}
std::optional<std::string_view> event_view::metadata(std::string_view key) const noexcept {
    for (std::size_t i = 0; i < metadata_count(); ++i) {
        if (const auto [name, value] = metadata(i); name == key) return value;
    }
    return std::nullopt;
}

std::string_view event_view::data_subject() const noexcept {
    return text_of(as_event(record_).data_subject());
}
bool event_view::erased() const noexcept {
    return shown_ && shown_->data_is == shown_payload::kept::erased;
}
bool event_view::sealed() const noexcept {
    return shown_ && shown_->data_is == shown_payload::kept::sealed;
}

recorded_event event_view::to_owned() const {
    recorded_event e;
    e.id = id();
    e.stream = stream();
    e.type = type();
    e.schema_version = schema_version();
    e.content_type = content_type();
    e.data = data();
    for (std::size_t i = 0; i < tag_count(); ++i) e.tags.emplace_back(tag(i));
    e.time = time();
    e.correlation_id = correlation_id();
    e.causation_id = causation_id();
    for (std::size_t i = 0; i < metadata_count(); ++i) {
        const auto [key, value] = metadata(i);
        e.metadata.emplace_back(key, value);
    }
    e.data_subject = data_subject();
    e.erased = erased();
    e.sealed = sealed();
    e.position = position();
    e.revision = revision();
    e.stamp = stamp();
    return e;
}

}  // namespace idem
