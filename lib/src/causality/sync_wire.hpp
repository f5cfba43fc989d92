// The bytes of messages (schemas/SYNC.md): numbers, keys, and what brings events.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "causality/sync_events.hpp"
#include "causality/sync_message.hpp"
#include "causality/sync_transfer.hpp"

namespace idem::sync {

inline constexpr std::uint8_t wire_version = 1;
enum class wire_kind : std::uint8_t {
    asks = 1,
    tells = 2,
    fetch_items = 3,
    fetch_range = 4,
    events = 5,
    push = 6,
    verdicts = 7,
};

// Throws invalid_input.
[[noreturn]] void refuse_message(std::string_view why);

class writer {
public:
    explicit writer(wire_kind k) {
        bytes_ += static_cast<char>(wire_version);
        bytes_ += static_cast<char>(k);
    }
    void number(std::uint64_t n) {
        for (; n >= 0x80; n >>= 7) bytes_ += static_cast<char>(n | 0x80);
        bytes_ += static_cast<char>(n);
    }
    void raw(const void* from, std::size_t size) {
        bytes_.append(static_cast<const char*>(from), size);
    }
    // A clock as what it is ahead of the last; of the hash, what is not zeros at its end.
    void key(const item_key& k) {
        number(k.clock - clock_);
        clock_ = k.clock;
        std::size_t size = k.hash.size();
        while (size > 0 && k.hash[size - 1] == 0) --size;
        number(size);
        raw(k.hash.data(), size);
    }
    void item(const listed_item& i) {
        number(i.clock - clock_);
        clock_ = i.clock;
        raw(i.hash.data(), i.hash.size());
    }
    std::string take() { return std::move(bytes_); }

private:
    std::string bytes_;
    std::uint64_t clock_ = 0;
};

class reader {
public:
    reader(std::string_view bytes, wire_kind k) : rest_(bytes) {
        if (bytes.size() > message_bytes_max) refuse_message("is over the limit of 4 MiB");
        std::uint8_t head[2] = {};
        raw(head, sizeof head);
        if (head[0] != wire_version) refuse_message("is of another version of the protocol");
        if (head[1] != static_cast<std::uint8_t>(k))
            refuse_message("is not of the kind that was due");
    }
    std::uint64_t number() {
        std::uint64_t n = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            std::uint8_t byte = 0;
            raw(&byte, 1);
            if (shift == 63 && byte > 1) break;
            n |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
            if ((byte & 0x80) == 0) return n;
        }
        refuse_message("holds a number of more than 64 bits");
    }
    std::uint64_t number(std::uint64_t most, std::string_view of) {
        const std::uint64_t n = number();
        if (n > most) refuse_message(fmt::format("has {} {}, over the limit of {}", n, of, most));
        return n;
    }
    void raw(void* to, std::size_t size) {
        if (rest_.size() < size) refuse_message("is cut off");
        std::memcpy(to, rest_.data(), size);
        rest_.remove_prefix(size);
    }
    item_key key() {
        item_key k{next_clock(), {}};
        raw(k.hash.data(), number(k.hash.size(), "bytes of a hash"));
        return k;
    }
    listed_item item() {
        listed_item i{next_clock(), {}};
        raw(i.hash.data(), i.hash.size());
        return i;
    }
    void end() const {
        if (!rest_.empty()) refuse_message("goes on behind its end");
    }

private:
    std::uint64_t next_clock() {
        const std::uint64_t ahead = number();
        if (clock_ + ahead < clock_) refuse_message("holds a clock of more than 64 bits");
        return clock_ += ahead;
    }
    std::string_view rest_;
    std::uint64_t clock_ = 0;
};

wire_kind kind_of(std::string_view message);  // throws invalid_input
item_key successor(item_key key) noexcept;    // the next that there can be

std::string encode_fetch(const std::vector<listed_item>& items);
std::string encode_fetch(const item_key& low, const item_key& high);
std::vector<listed_item> decode_fetched_items(std::string_view message);
std::pair<item_key, item_key> decode_fetched_range(std::string_view message);

// Events behind a head of 16 bytes, the third of which says whether more of the range follow, and
// the last 8 of which are a checksum.
std::string encode_carried(const carried_events& carried, wire_kind kind, bool more);
std::string_view events_in(std::string_view message, wire_kind kind);
bool says_more(std::string_view message) noexcept;  // of one that has events in it

std::string encode_verdicts(const std::vector<verdict>& given);
std::vector<verdict> decode_verdicts(std::string_view message);

}  // namespace idem::sync
