// What the order index holds: one item for every stamp of every event.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/sha256.hpp"
#include "idem/event.hpp"
#include "storage/storage.hpp"

namespace idem {

// The first 16 bytes of a SHA-256. Two stores that add up those of the same items, modulo 2^128 and
// little-endian, get the same sum.
using item_hash = std::array<std::uint8_t, 16>;

struct item_sum {
    std::uint64_t low = 0;
    std::uint64_t high = 0;

    void add(const item_sum& other) noexcept;
    void add(const item_hash& hash) noexcept;
    friend bool operator==(const item_sum&, const item_sum&) = default;
};

// Where an item stands. Items of two stamps differ in their hash, even if their clocks are one.
struct item_key {
    std::uint64_t clock = 0;
    item_hash hash{};

    static constexpr item_key lowest() noexcept { return {}; }
    static constexpr item_key end() noexcept {  // behind every item
        item_key key{~0ULL, {}};
        key.hash.fill(0xff);
        return key;
    }
    friend constexpr auto operator<=>(const item_key&, const item_key&) = default;
};

struct order_item {
    // Of a stamp that is not the one of the record; and of an event that has several stamps.
    static constexpr std::uint8_t other_stamp = 1;
    static constexpr std::uint8_t one_of_several = 2;

    item_key key;
    std::uint64_t position = 0;  // of the event
    std::uint8_t marks = 0;

    friend bool operator==(const order_item&, const order_item&) = default;
};

// SHA-256 of what an event says: its id and its content, each part behind its length. Data of a
// data subject is left out, for nothing that tells it may stay behind when it is erased. Data that
// is spelled otherwise has another fingerprint, although it may be the same content.
class content_hasher {
public:
    const sha256::digest& of(const event_view& e);  // valid until the next

private:
    std::string bytes_;
    sha256::digest result_{};
};

item_hash hash_of_item(const sha256::digest& content, const stamp& s) noexcept;

// Of a stamp, and the content that came with it.
inline item_key key_of_item(const sha256::digest& content, const stamp& s) noexcept {
    return {s.clock, hash_of_item(content, s)};
}

// An event that was known came again with another stamp, and perhaps its data spelled otherwise.
struct other_stamp {
    idem::stamp stamp;
    sha256::digest content{};

    friend auto operator<=>(const other_stamp& a, const other_stamp& b) noexcept {
        return a.place() <=> b.place();
    }
    friend bool operator==(const other_stamp& a, const other_stamp& b) noexcept {
        return a.place() == b.place();
    }

private:
    std::tuple<std::uint64_t, uuid, std::uint64_t, sha256::digest> place() const noexcept {
        return {stamp.clock, stamp.origin, stamp.counter, content};
    }
};

// Where other stamps are known from. Any thread.
class stamp_notes {
public:
    virtual ~stamp_notes() = default;
    using visit_stamp = std::function<void(const uuid& id, const other_stamp& other)>;
    // Those that a note, an event of `$local`, tells of. It stands behind the events that it names.
    virtual void each_in(const event_view& note, const visit_stamp& visit) const = 0;
    // Those of the event at this position; in any order.
    virtual std::vector<other_stamp> of(const storage::transaction& txn,
                                        std::uint64_t position) const = 0;
};
const stamp_notes& no_other_stamps() noexcept;  // of a store that has taken in none

}  // namespace idem
