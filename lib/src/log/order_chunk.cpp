#include "log/order_chunk.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "base/hash.hpp"
#include "idem/error.hpp"

namespace idem {
namespace {

constexpr std::size_t checksum_bytes = 8;
constexpr std::size_t position_at = 16;
constexpr std::size_t count_at = 24;
constexpr std::size_t widths_at = 26;
constexpr std::size_t head_bytes = 32;

std::size_t width_of(std::uint64_t greatest) noexcept {
    return (static_cast<std::size_t>(std::bit_width(greatest)) + 7) / 8;
}

std::uint64_t load(const char* from, std::size_t width) noexcept {
    std::uint64_t number = 0;
    std::memcpy(&number, from, width);
    return number;
}

// What the width of the columns follows from.
struct extent {
    std::uint64_t first_clock = 0;
    std::uint64_t last_clock = 0;
    std::uint64_t least = ~0ULL;  // position
    std::uint64_t greatest = 0;
    std::uint8_t marks = 0;

    void take(const order_item& item) noexcept {
        last_clock = item.key.clock;
        least = std::min(least, item.position);
        greatest = std::max(greatest, item.position);
        marks |= item.marks;
    }
    std::size_t clock_bytes() const noexcept { return width_of(last_clock - first_clock); }
    std::size_t position_bytes() const noexcept { return width_of(greatest - least); }
    std::size_t mark_bytes() const noexcept { return marks != 0 ? 1 : 0; }
    std::size_t bytes(std::size_t items) const noexcept {
        return head_bytes +
               items * (clock_bytes() + sizeof(item_hash) + position_bytes() + mark_bytes());
    }
};

}  // namespace

std::size_t items_that_fit(std::span<const order_item> items, std::size_t bytes_max) noexcept {
    if (items.empty()) return 0;
    extent e;
    e.first_clock = items.front().key.clock;
    std::size_t fit = 0;
    for (const order_item& item : items.first(std::min(items.size(), order_chunk::items_max))) {
        e.take(item);
        if (e.bytes(fit + 1) > bytes_max) break;
        ++fit;
    }
    return std::max<std::size_t>(fit, 1);
}

void encode_order_chunk(std::string& bytes, std::span<const order_item> items) {
    assert(!items.empty() && items.size() <= order_chunk::items_max);
    extent e;
    e.first_clock = items.front().key.clock;
    for (const order_item& item : items) e.take(item);
    const std::size_t clock_bytes = e.clock_bytes();
    const std::size_t position_bytes = e.position_bytes();
    bytes.assign(e.bytes(items.size()), '\0');
    const auto count = static_cast<std::uint16_t>(items.size());
    std::memcpy(bytes.data() + checksum_bytes, &e.first_clock, sizeof e.first_clock);
    std::memcpy(bytes.data() + position_at, &e.least, sizeof e.least);
    std::memcpy(bytes.data() + count_at, &count, sizeof count);
    bytes[widths_at] = static_cast<char>(clock_bytes);
    bytes[widths_at + 1] = static_cast<char>(position_bytes);
    bytes[widths_at + 2] = static_cast<char>(e.mark_bytes());
    char* clock = bytes.data() + head_bytes;
    char* hash = clock + items.size() * clock_bytes;
    char* position = hash + items.size() * sizeof(item_hash);
    char* mark = position + items.size() * position_bytes;
    for (const order_item& item : items) {
        const std::uint64_t behind_first = item.key.clock - e.first_clock;
        const std::uint64_t above_least = item.position - e.least;
        std::memcpy(clock, &behind_first, clock_bytes);
        std::memcpy(hash, item.key.hash.data(), sizeof(item_hash));
        std::memcpy(position, &above_least, position_bytes);
        if (e.marks != 0) *mark++ = static_cast<char>(item.marks);
        clock += clock_bytes;
        hash += sizeof(item_hash);
        position += position_bytes;
    }
    const std::uint64_t checksum = hash::of_bytes(std::string_view(bytes).substr(checksum_bytes));
    std::memcpy(bytes.data(), &checksum, checksum_bytes);
}

order_chunk::order_chunk(std::string_view bytes) : bytes_(bytes) {
    const auto damaged = [] {
        return error(errc::corrupt,
                     "a chunk of the order index has not the size that it should; run `idem "
                     "verify`, and export the store and import it into a new one");
    };
    if (bytes.size() < head_bytes) throw damaged();
    count_ = load(bytes.data() + count_at, 2);
    clock_bytes_ = load(bytes.data() + widths_at, 1);
    position_bytes_ = load(bytes.data() + widths_at + 1, 1);
    mark_bytes_ = load(bytes.data() + widths_at + 2, 1);
    first_clock_ = load(bytes.data() + checksum_bytes, 8);
    least_position_ = load(bytes.data() + position_at, 8);
    if (count_ == 0 || count_ > items_max || clock_bytes_ > 8 || position_bytes_ > 8 ||
        mark_bytes_ > 1 ||
        bytes.size() != head_bytes + count_ * (clock_bytes_ + sizeof(item_hash) + position_bytes_ +
                                               mark_bytes_)) {
        throw damaged();
    }
    clocks_ = bytes.data() + head_bytes;
    hashes_ = clocks_ + count_ * clock_bytes_;
    positions_ = hashes_ + count_ * sizeof(item_hash);
    marks_ = positions_ + count_ * position_bytes_;
}

bool order_chunk::checksum_holds() const noexcept {
    return load(bytes_.data(), checksum_bytes) == hash::of_bytes(bytes_.substr(checksum_bytes));
}

std::uint64_t order_chunk::clock(std::size_t i) const noexcept {
    return first_clock_ + load(clocks_ + i * clock_bytes_, clock_bytes_);
}

item_hash order_chunk::hash(std::size_t i) const noexcept {
    item_hash hash;
    std::memcpy(hash.data(), hashes_ + i * hash.size(), hash.size());
    return hash;
}

item_key order_chunk::key(std::size_t i) const noexcept {
    return {clock(i), hash(i)};
}

order_item order_chunk::item(std::size_t i) const noexcept {
    order_item item{key(i),
                    least_position_ + load(positions_ + i * position_bytes_, position_bytes_)};
    if (mark_bytes_ != 0) item.marks = static_cast<std::uint8_t>(marks_[i]);
    return item;
}

std::size_t order_chunk::lower_bound(const item_key& wanted) const noexcept {
    std::size_t low = 0;
    std::size_t high = count_;
    while (low < high) {
        const std::size_t middle = low + (high - low) / 2;
        if (key(middle) < wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

}  // namespace idem
