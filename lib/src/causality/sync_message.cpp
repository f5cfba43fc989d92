#include "causality/sync_message.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "idem/error.hpp"

namespace idem::sync {
namespace {

constexpr std::uint8_t version = 1;
enum kind : std::uint8_t { asks = 1, tells = 2 };

[[noreturn]] void refuse(std::string_view why) {
    throw error(errc::invalid_input,
                fmt::format("the other side of the sync sent a message that {}; check that both "
                            "run an idem of the same version, and what lies between them",
                            why),
                {.field = "message"});
}

class writer {
public:
    explicit writer(kind k) {
        bytes_ += static_cast<char>(version);
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
    reader(std::string_view bytes, kind k) : rest_(bytes) {
        if (bytes.size() > message_bytes_max) refuse("is over the limit of 4 MiB");
        std::uint8_t head[2] = {};
        raw(head, sizeof head);
        if (head[0] != version) refuse("is of another version of the protocol");
        if (head[1] != k) refuse("is not of the kind that was due");
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
        refuse("holds a number of more than 64 bits");
    }
    std::uint64_t number(std::uint64_t most, std::string_view of) {
        const std::uint64_t n = number();
        if (n > most) refuse(fmt::format("has {} {}, over the limit of {}", n, of, most));
        return n;
    }
    void raw(void* to, std::size_t size) {
        if (rest_.size() < size) refuse("is cut off");
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
        if (!rest_.empty()) refuse("goes on behind its end");
    }

private:
    std::uint64_t next_clock() {
        const std::uint64_t ahead = number();
        if (clock_ + ahead < clock_) refuse("holds a clock of more than 64 bits");
        return clock_ += ahead;
    }
    std::string_view rest_;
    std::uint64_t clock_ = 0;
};

void write_parts(writer& to, const std::vector<order_rows::part>& told) {
    to.number(told.size());
    for (std::size_t i = 0; i < told.size(); ++i) {
        if (i + 1 < told.size()) to.key(told[i].high);  // the last ends with the range
        to.number(told[i].of.count);
        if (told[i].of.count == 0) continue;
        to.raw(&told[i].of.sum.low, 8);
        if (told[i].of.count > few_items) to.raw(&told[i].of.sum.high, 8);
    }
}

std::vector<order_rows::part> read_parts(reader& from, const asked_range& asked) {
    std::vector<order_rows::part> told(from.number(parts + 1, "parts"));
    if (told.empty()) refuse("has no parts of a range");
    item_key low = asked.low;
    for (std::size_t i = 0; i < told.size(); ++i) {
        auto& part = told[i];
        part.high = i + 1 < told.size() ? from.key() : asked.high;
        if (part.high <= low) refuse("has parts that do not rise");
        low = part.high;
        part.of.count = from.number();
        if (part.of.count == 0) continue;
        from.raw(&part.of.sum.low, 8);
        if (part.of.count > few_items) from.raw(&part.of.sum.high, 8);
    }
    return told;
}

std::vector<listed_item> read_items(reader& from, std::uint64_t count, const asked_range& asked) {
    std::vector<listed_item> items(count);
    const listed_item* before = nullptr;
    for (auto& item : items) {
        item = from.item();
        if (before != nullptr && item < *before) refuse("lists items that do not rise");
        if (item < listed(asked.low) || item > listed(asked.high)) {
            refuse("lists an item that is not of the range");
        }
        before = &item;
    }
    return items;
}

}  // namespace

bool agree(const item_range& here, const item_range& there) noexcept {
    return here.count == there.count && here.sum.low == there.sum.low &&
           (here.count <= few_items || here.sum.high == there.sum.high);
}

listed_item listed(const item_key& key) noexcept {
    listed_item item{key.clock, {}};
    std::copy_n(key.hash.begin(), item.hash.size(), item.hash.begin());
    return item;
}

std::string encode(const std::vector<asked_range>& asked) {
    writer to(asks);
    to.number(asked.size());
    for (const auto& range : asked) {
        to.key(range.low);
        to.key(range.high);
        to.number(static_cast<std::uint64_t>(range.is));
    }
    return to.take();
}

std::vector<asked_range> decode_asked(std::string_view message) {
    reader from(message, asks);
    std::vector<asked_range> asked(from.number(ranges_max, "ranges"));
    item_key behind = item_key::lowest();
    for (auto& range : asked) {
        range.low = from.key();
        range.high = from.key();
        if (range.low < behind || range.high <= range.low) refuse("has ranges that meet");
        behind = range.high;
        range.is = static_cast<asked_range::what>(from.number(1, "as what is asked"));
    }
    from.end();
    return asked;
}

std::string encode(const std::vector<asked_range>& asked, const std::vector<told_range>& told) {
    writer to(tells);
    for (std::size_t i = 0; i < asked.size(); ++i) {
        if (asked[i].is == asked_range::what::split) {
            write_parts(to, told[i].parts);
        } else if (!told[i].items) {
            to.number(0);
        } else {
            to.number(told[i].items->size() + 1);
            for (const auto& item : *told[i].items) to.item(item);
        }
    }
    return to.take();
}

std::vector<told_range> decode_told(std::string_view message,
                                    const std::vector<asked_range>& asked) {
    reader from(message, tells);
    std::vector<told_range> told(asked.size());
    for (std::size_t i = 0; i < asked.size(); ++i) {
        if (asked[i].is == asked_range::what::split) {
            told[i].parts = read_parts(from, asked[i]);
        } else if (const auto count = from.number(listed_max + 1, "items"); count > 0) {
            told[i].items = read_items(from, count - 1, asked[i]);
        }
    }
    from.end();
    return told;
}

}  // namespace idem::sync
