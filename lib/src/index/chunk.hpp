// A chunk: so many entries of an index, sorted, with a filter in front. It is one value in LMDB,
// and read in place.
//
//   offset            bytes
//   0                 count n, 4 bytes; blocks b of the filter, 4 bytes
//   8                 XXH3-64 of all that follows
//   16                filter: b blocks of 64 bytes
//   16 + 64 b         n fingerprints, 8 bytes each, rising
//   16 + 64 b + 8 n   n offsets, 4 bytes each: position less the first position of the run
//
// All numbers are in the byte order of the machine, which the store records. Entries of one
// fingerprint stand in the order of their positions.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace idem::index {

// What an entry is found by: a hash, so uniform, of an id or of a stream's name.
using fingerprint = std::uint64_t;

struct entry {
    fingerprint key = 0;
    std::uint64_t position = 0;

    friend auto operator<=>(const entry&, const entry&) = default;
};

// Encodes sorted entries whose positions are at least `base` and less than base + 2^32.
void encode_chunk(std::string& bytes, std::span<const entry> entries, std::uint64_t base);

class chunk_view {
public:
    chunk_view() = default;  // of nothing
    // Checks sizes, so that nothing outside `bytes` is ever read; throws corrupt. The checksum is
    // for whoever reads the whole: verify and merges.
    explicit chunk_view(std::string_view bytes);
    bool checksum_holds() const noexcept;

    std::uint32_t size() const noexcept { return count_; }
    fingerprint key(std::uint32_t i) const noexcept { return load<fingerprint>(keys_, i); }
    std::uint32_t offset(std::uint32_t i) const noexcept {
        return load<std::uint32_t>(offsets_, i);
    }

    // False: surely not in here. True: in six of a thousand cases not in here either.
    bool may_contain(fingerprint key) const noexcept;
    void prefetch(fingerprint key) const noexcept { __builtin_prefetch(block(key)); }

    // Where an entry of this key would be, about; and better, which reads what stands at the guess.
    std::uint32_t guess(fingerprint key) const noexcept;
    std::uint32_t better_guess(fingerprint key) const noexcept;
    void prefetch_guess(fingerprint key) const noexcept {
        __builtin_prefetch(keys_ + std::size_t{guess(key)} * sizeof key);
    }
    void prefetch_entry(fingerprint key) const noexcept {
        const std::size_t at = better_guess(key);
        __builtin_prefetch(keys_ + at * sizeof key);
        __builtin_prefetch(offsets_ + at * sizeof(std::uint32_t));
    }
    // The first entry that is not less than (key, offset); size() where there is none.
    std::uint32_t lower_bound(fingerprint key, std::uint32_t offset = 0) const noexcept;

private:
    template <class Number>
    static Number load(const char* from, std::uint32_t i) noexcept {
        Number number;
        std::memcpy(&number, from + std::size_t{i} * sizeof number, sizeof number);
        return number;
    }
    const char* block(fingerprint key) const noexcept;

    std::string_view bytes_;
    std::uint32_t count_ = 0;
    std::uint32_t blocks_ = 0;
    const char* keys_ = nullptr;
    const char* offsets_ = nullptr;
};

}  // namespace idem::index
