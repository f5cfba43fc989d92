// A chunk of the order index: items in their order, packed in columns, one value in LMDB.
//
//   offset            bytes
//   0                 XXH3-64 of all that follows
//   8                 the clock of the first
//   16                the least position
//   24                count n, 2 bytes; width c of a clock, width p of a position, 0 or 1 byte of
//                     marks m, 1 byte each; zero, 3 bytes
//   32                n clocks, c bytes each: less that of the first
//   32 + n c          n hashes, 16 bytes each
//   32 + n (c + 16)   n positions, p bytes each: less the least
//   ... + n p         n marks, m bytes each
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "log/order_item.hpp"

namespace idem {

// How many of the first of these items fit into so many bytes; at least one, of some.
std::size_t items_that_fit(std::span<const order_item> items, std::size_t bytes_max) noexcept;

// Items in rising order, of which there are some and at most order_chunk::items_max.
void encode_order_chunk(std::string& bytes, std::span<const order_item> items);

class order_chunk {
public:
    static constexpr std::size_t items_max = 4096;

    order_chunk() = default;  // of nothing
    // Checks sizes, so that nothing outside `bytes` is ever read; throws corrupt. The checksum is
    // for whoever writes a chunk anew, or verifies it.
    explicit order_chunk(std::string_view bytes);
    bool checksum_holds() const noexcept;

    std::size_t size() const noexcept { return count_; }
    order_item item(std::size_t i) const noexcept;
    item_key key(std::size_t i) const noexcept;
    item_hash hash(std::size_t i) const noexcept;
    // The first that is not less; size() where there is none.
    std::size_t lower_bound(const item_key& key) const noexcept;

private:
    std::uint64_t clock(std::size_t i) const noexcept;

    std::string_view bytes_;
    std::size_t count_ = 0;
    std::size_t clock_bytes_ = 0;
    std::size_t position_bytes_ = 0;
    std::size_t mark_bytes_ = 0;
    std::uint64_t first_clock_ = 0;
    std::uint64_t least_position_ = 0;
    const char* clocks_ = nullptr;
    const char* hashes_ = nullptr;
    const char* positions_ = nullptr;
    const char* marks_ = nullptr;
};

}  // namespace idem
