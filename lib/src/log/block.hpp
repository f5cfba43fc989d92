// A value of the table `log`: a block, which holds the records of consecutive positions as one
// append wrote them. One value for many records spares LMDB most of its work for each, and their
// readers most of the search. See schemas/FORMAT.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace idem {

class block_view {
public:
    // Nullopt: the bytes are no block. Its records are not looked at.
    static std::optional<block_view> open(std::string_view bytes);

    // Asks for the memory that record() of the index-th needs.
    static void prefetch(std::string_view bytes, std::uint64_t index) noexcept;

    std::uint64_t first() const noexcept { return first_; }  // position of its first record
    std::uint32_t size() const noexcept { return count_; }   // records
    std::uint64_t last() const noexcept { return first_ + count_ - 1; }
    // Which block of the log it is, from 1; the low 32 bits of that.
    std::uint32_t ordinal() const noexcept { return ordinal_; }

    bool holds(std::uint64_t position) const noexcept { return position - first_ < count_; }
    // Of a position that it holds; empty where the block does not say a place inside itself.
    std::string_view record(std::uint64_t position) const noexcept;

private:
    std::size_t start_of(std::uint32_t index) const noexcept;

    std::string_view bytes_;
    std::uint64_t first_ = 0;
    std::uint32_t count_ = 0;
    std::uint32_t ordinal_ = 0;
};

// Writes a block into memory of block_bytes(), which is zero or not.
class block_writer {
public:
    block_writer(std::span<char> memory, std::uint64_t first, std::uint32_t ordinal,
                 std::uint32_t count) noexcept;
    void add(std::string_view record) noexcept;  // `count` times, in order

private:
    std::span<char> memory_;
    std::size_t at_;
    std::uint32_t added_ = 0;
};

std::size_t block_bytes(std::size_t records, std::size_t record_bytes) noexcept;

// How many of the next records to put into one block: as many as fill whole pages well, up to 64
// KiB, and otherwise one, which shares its page with others. `size_of(n)`: bytes of the n-th
// record.
template <class SizeOf>
std::size_t records_of_next_block(std::size_t records, std::size_t page_bytes, SizeOf&& size_of);

// An upper limit to how many records fit in so many bytes.
std::uint64_t records_in(std::uint64_t bytes) noexcept;

template <class SizeOf>
std::size_t records_of_next_block(std::size_t records, std::size_t page_bytes, SizeOf&& size_of) {
    constexpr std::size_t block_bytes_max = 64 << 10;
    constexpr std::size_t page_header_bytes = 16;  // of LMDB, once a value
    std::size_t best = 1;
    std::size_t bytes = 0;
    for (std::size_t n = 1; n <= records; ++n) {
        bytes += size_of(n - 1);
        const std::size_t whole = block_bytes(n, bytes) + page_header_bytes;
        if (whole > block_bytes_max) break;
        const std::size_t pages = (whole + page_bytes - 1) / page_bytes;
        if (whole * 8 >= pages * page_bytes * 7) best = n;
    }
    return best;
}

}  // namespace idem
