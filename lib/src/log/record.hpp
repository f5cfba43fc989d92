// The encoding of events, and the only file that knows it (schemas/event.fbs). A record is encoded
// by the caller's thread, completed in place by the writer, and read in place by everybody.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "idem/event.hpp"

namespace idem {

// A batch of checked and encoded events, back to back in one buffer.
class encoded_batch {
public:
    // Checks every event against limits and rules, in order; throws invalid_input naming the first
    // event and field that break one. Events without a time get `now`.
    explicit encoded_batch(std::span<const event> events, timestamp now = wall_clock().now());

    std::size_t size() const noexcept { return records_.size(); }
    std::size_t bytes() const noexcept { return buffer_.size(); }

    event_view view(std::size_t index) const noexcept;
    const uuid& id(std::size_t index) const noexcept { return records_[index].id; }
    std::string_view stream(std::size_t index) const noexcept;

    // Puts other events behind these, whatever their number; leaves the first `size` alone.
    void extend(const encoded_batch& by);
    void shrink(std::size_t size);

    // Fills in what the writer knows and seals the record with its checksum; may be repeated.
    void place(std::size_t index, std::uint64_t position, std::uint64_t revision, const stamp& s);
    std::string_view record(std::size_t index) const noexcept;

private:
    struct slot {
        std::size_t offset;
        std::size_t size;
        uuid id;
    };
    std::vector<slot> records_;
    std::string buffer_;  // aligned to 16 by the allocator; each record's size is a multiple of 8
};

// A payload that an event shows instead of its own.
struct event_view::shown_payload {
    std::string_view data;
    std::string_view content_type;
    std::uint32_t schema_version;
};

class record_reader {
public:
    // Verifies checksum and structure; throws corrupt, naming the position it was read at.
    static event_view open(std::string_view record, std::uint64_t position);

    static std::optional<event_view> open_if_sound(std::string_view record, std::uint64_t position);

    // What is wrong with a record, in the words of idem::finding; nullopt: it is sound.
    struct fault {
        std::string_view kind;
        std::string message;
    };
    static std::optional<fault> check(std::string_view record, std::uint64_t position);

    // Asks for the memory of an event that will be looked at soon.
    static void prefetch(const event_view& e) noexcept;

    static event_view trusted(const void* root) noexcept { return event_view(root); }

    // The same event with another payload, which must live as long as the view.
    static event_view with_payload(event_view e, const event_view::shown_payload* shown) noexcept {
        e.shown_ = shown;
        return e;
    }
};

// As first_difference of two events, in place.
std::optional<std::string_view> first_difference(const event_view& a, const event_view& b);

}  // namespace idem
