// Events: what an application appends (event), what it gets back (recorded_event), and the same in
// place, without a copy (event_view).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "idem/uuid.hpp"

namespace idem {

using timestamp = std::chrono::sys_time<std::chrono::nanoseconds>;

// Where an event stands in causal order. It stays with the store and with every copy and backup of
// it; events that are exported and imported are appended anew, and get stamps of the new store.
struct stamp {
    std::uint64_t clock = 0;  // hybrid logical clock: milliseconds since 1970 << 16 | logical count
    uuid origin = {};         // the incarnation of the writer that first appended the event
    std::uint64_t counter = 0;  // counts that origin's events from 1

    friend bool operator==(const stamp&, const stamp&) = default;
};

// An immutable fact. Its content, which decides between `duplicate` and `id_conflict`, is stream,
// type, schema_version, content_type, data, tags and data_subject. Time, ids of other events and
// metadata are not content: a redelivery may carry others. Text is UTF-8 without control
// characters; limits are in limits.hpp.
struct event {
    uuid id = make_uuid_v7();  // names the event for ever; neither nil nor max
    std::string stream = {};
    std::string type = {};
    // From 1. 0: not stated; append takes the newest that the store has a schema of, else 1.
    std::uint32_t schema_version = 1;
    std::string content_type = "application/json";
    // Any bytes; with a JSON content type, none or valid JSON (RFC 8259). Data of a type that the
    // store has a schema of is checked against it, and made FlatBuffers of where it is JSON.
    std::string data = {};
    std::vector<std::string> tags = {};  // a set: kept sorted, repeats dropped; no commas
    std::optional<timestamp> time = {};  // when it happened; the time of the append where absent
    std::string correlation_id = {};     // of the conversation it belongs to; may be empty
    std::string causation_id = {};       // of what caused it; may be empty
    std::vector<std::pair<std::string, std::string>> metadata = {};  // free; order kept
    // Whose data this is, by an identifier such as a customer number; empty: nobody's. The data is
    // then kept sealed, and can be erased (erasure.hpp). Only the data is: this name and all other
    // fields stay readable for ever, and must not tell anything personal.
    std::string data_subject = {};
    bool erased = false;  // its data was erased: there is none, and append asks for none
    bool sealed = false;  // its data is not here, nor its key; append refuses it as a new event

    friend bool operator==(const event&, const event&) = default;
};

// An event with its place in the log.
struct recorded_event : event {
    std::uint64_t position = 0;  // in the log, from 1
    std::uint64_t revision = 0;  // in its stream, from 0
    idem::stamp stamp = {};

    friend bool operator==(const recorded_event&, const recorded_event&) = default;
};

// A recorded event read in place from the memory map. Verified before it is handed out, cheap to
// copy, and valid only inside the callback that received it: keep to_owned(), never the view or its
// strings.
class event_view {
public:
    uuid id() const noexcept;
    std::uint64_t position() const noexcept;
    std::uint64_t revision() const noexcept;
    std::string_view stream() const noexcept;
    std::string_view type() const noexcept;
    std::uint32_t schema_version() const noexcept;
    std::string_view content_type() const noexcept;
    std::string_view data() const noexcept;  // starts at an address that is a multiple of 8
    timestamp time() const noexcept;
    idem::stamp stamp() const noexcept;
    std::string_view correlation_id() const noexcept;
    std::string_view causation_id() const noexcept;

    std::size_t tag_count() const noexcept;
    std::string_view tag(std::size_t index) const noexcept;
    bool has_tag(std::string_view tag) const noexcept;

    std::size_t metadata_count() const noexcept;
    std::pair<std::string_view, std::string_view> metadata(std::size_t index) const noexcept;
    std::optional<std::string_view> metadata(std::string_view key) const noexcept;

    std::string_view data_subject() const noexcept;
    bool erased() const noexcept;  // data() is empty: it was erased
    bool sealed() const noexcept;  // data() is empty: its key is not in this copy of the store

    recorded_event to_owned() const;

    struct shown_payload;  // lib/src/log/record.hpp

private:
    friend class record_reader;
    explicit event_view(const void* record) noexcept : record_(record) {}
    const void* record_;                    // the verified root table of schemas/event.fbs
    const shown_payload* shown_ = nullptr;  // the payload as an upcaster left it
};

// The first field in which two events differ as content, in the order stream, type, schema_version,
// content_type, data, tags, data_subject; data that is erased or sealed is not compared; nullopt
// where the content is the same. JSON data is compared by value, not by spelling (RFC 8785);
// integers beyond 2^53 are compared digit by digit.
std::optional<std::string_view> first_difference(const event& a, const event& b);

}  // namespace idem
