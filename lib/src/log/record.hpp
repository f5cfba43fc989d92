// The encoding of events, and the only file that knows it (schemas/event.fbs). A record is encoded
// by the caller's thread, completed in place by the writer, and read in place by everybody.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "idem/event.hpp"
#include "log/seal.hpp"

namespace idem {

// What a record says of the seal on its data (schemas/event.fbs).
struct event_seal {
    enum class state : std::uint64_t { sealed = 1, erased = 2 };
    std::uint64_t subject_slot = 0;
    std::uint64_t event_slot = 0;
    uuid key = uuid::nil();  // which key of the subject
    state is = state::sealed;
};

inline constexpr std::string_view erasures_stream = "$erasures";

// The store's notes to itself: no part of the set of events. They are shown to who asks for their
// stream by its name, and to nobody else.
inline constexpr std::string_view local_stream = "$local";
inline bool is_local(const event_view& e) noexcept {
    return e.stream() == local_stream;
}

// A batch of checked and encoded events, back to back in one buffer.
class encoded_batch {
public:
    // Checks every event against limits and rules, in order; throws invalid_input naming the first
    // event and field that break one. Events without a time get `now`.
    explicit encoded_batch(std::span<const event> events, timestamp now = wall_clock().now());
    ~encoded_batch();
    encoded_batch(encoded_batch&&) noexcept;
    encoded_batch& operator=(encoded_batch&&) noexcept;

    std::size_t size() const noexcept { return records_.size(); }
    std::size_t bytes() const noexcept { return buffer_.size(); }

    event_view view(std::size_t index) const noexcept;
    const uuid& id(std::size_t index) const noexcept { return records_[index].id; }
    std::string_view stream(std::size_t index) const noexcept;

    // Puts other events behind these, whatever their number; leaves the first `size` alone.
    void extend(const encoded_batch& by);
    void shrink(std::size_t size);

    // The event keeps the stamp that it was given elsewhere.
    void keep_stamp(std::size_t index, const stamp& s);
    bool keeps_stamps() const noexcept { return !kept_.empty(); }
    const stamp* kept_stamp(std::size_t index) const noexcept;

    // Fills in what the writer knows and seals the record with its checksum; may be repeated.
    void place(std::size_t index, std::uint64_t position, std::uint64_t revision, const stamp& s);
    std::string_view record(std::size_t index) const noexcept;

    // Of events with a data subject; view() shows their data as it was given.
    bool has_sealed() const noexcept;
    bool is_to_be_sealed(std::size_t index) const noexcept;
    // Seals the data under a key, before place(); may be repeated.
    void seal(std::size_t index, const event_seal& seal, const seal::secret& key);
    // Whether any event is one of the stream of erasures.
    bool erases() const noexcept { return erases_; }

private:
    struct slot {
        std::size_t offset;
        std::size_t size;
        uuid id;
    };
    struct sealed_event;
    void note_subject(const event& e, std::size_t index, std::size_t events);

    std::vector<slot> records_;
    // By index, none where an event is as it is stored; empty where that is all of them.
    std::vector<std::shared_ptr<sealed_event>> sealed_;
    std::vector<std::optional<stamp>> kept_;  // by index; empty: none
    bool erases_ = false;
    std::string buffer_;  // aligned to 16 by the allocator; each record's size is a multiple of 8
};

// Events of the log once more, each where it stands.
encoded_batch encode_recorded(std::span<const recorded_event> events);

// A payload that an event shows instead of its own.
struct event_view::shown_payload {
    std::string_view data;
    std::string_view content_type;
    std::uint32_t schema_version;
    enum class kept : std::uint8_t { here, erased, sealed };
    kept data_is = kept::here;
    const idem::stamp* stands_by = nullptr;  // in place of the stamp of its record
};

// What a batch remembers of an event that is sealed, or has no data. Stays where it is, for `shown`
// points into it.
struct encoded_batch::sealed_event {
    std::string data = {};  // as it was given
    std::string content_type = {};
    event_view::shown_payload shown = {{}, {}, 1};
    bool to_be_sealed = false;
};

inline const stamp* encoded_batch::kept_stamp(std::size_t index) const noexcept {
    return index < kept_.size() && kept_[index] ? &*kept_[index] : nullptr;
}
inline bool encoded_batch::has_sealed() const noexcept {
    return !sealed_.empty();
}
inline bool encoded_batch::is_to_be_sealed(std::size_t index) const noexcept {
    return has_sealed() && sealed_[index] && sealed_[index]->to_be_sealed;
}

class record_reader {
public:
    // Verifies checksum and structure; throws corrupt, naming the position it was read at.
    static event_view open(std::string_view record, std::uint64_t position);

    static std::optional<event_view> open_if_sound(std::string_view record, std::uint64_t position);

    // Where a record says that its event stands, without a look at all else in it: for who reads
    // the stamps of many, and opens each before anything is made of it. Nullopt: it is no record.
    struct standing {
        uuid id;
        idem::stamp stamp;
    };
    static std::optional<standing> peek(std::string_view record) noexcept;
    static void prefetch(std::string_view record) noexcept {  // for peek()
        __builtin_prefetch(record.data());
        __builtin_prefetch(record.data() + 64);
    }

    // What is wrong with a record, in the words of idem::finding; nullopt: it is sound.
    struct fault {
        std::string_view kind;
        std::string message;
    };
    static std::optional<fault> check(std::string_view record, std::uint64_t position);

    // Asks for the memory of an event that will be looked at soon.
    static void prefetch(const event_view& e) noexcept;

    static event_view trusted(const void* root) noexcept { return event_view(root); }

    // Whether the data of a record is not to be had from the record alone, and how it is sealed.
    static bool is_sealed(const event_view& e) noexcept;
    static event_seal seal_of(const event_view& e) noexcept;
    static std::string_view sealed_data(const event_view& e) noexcept;
    // Of an event as it is shown: whether it was erased, or its key is not here.
    static bool has_no_data(const event_view& e) noexcept {
        return e.shown_ != nullptr && (e.erased() || e.sealed());
    }
    // What a seal holds together with the data.
    static std::string associated_with(const event_view& e);

    // The same event with another payload, which must live as long as the view.
    static event_view with_payload(event_view e, const event_view::shown_payload* shown) noexcept {
        e.shown_ = shown;
        return e;
    }
    // The same event with the least of its stamps, by which it stands in canonical order. Both that
    // and the room must live as long as the view.
    static event_view with_stamp(event_view e, const stamp& least,
                                 event_view::shown_payload& room) noexcept {
        room = e.shown_ ? *e.shown_
                        : event_view::shown_payload{e.data(), e.content_type(), e.schema_version()};
        room.stands_by = &least;
        e.shown_ = &room;
        return e;
    }
};

// As first_difference of two events, in place.
std::optional<std::string_view> first_difference(const event_view& a, const event_view& b);

}  // namespace idem
