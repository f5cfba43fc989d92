// The last revisions of the streams that this process wrote lately, so that the next event of a
// stream needs no look into the index.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "index/chunk.hpp"

namespace idem {

// Numbers by name, in two blocks of memory: a million names of 14 characters take 40 MB.
class name_table {
public:
    std::size_t bytes() const noexcept { return records_.size(); }
    void clear() noexcept;

    // The key is a hash of the name.
    void prefetch(index::fingerprint key) const noexcept {
        if (!slots_.empty()) __builtin_prefetch(&slots_[first_slot(key)]);
    }
    std::optional<std::uint64_t> find(index::fingerprint key, std::string_view name) const noexcept;
    void set(index::fingerprint key, std::string_view name, std::uint64_t number);

private:
    struct slot {
        std::uint32_t key = 0;  // half of it
        std::uint32_t end = 0;  // where its record ends; 0: free
    };
    static std::uint32_t half(index::fingerprint key) noexcept {
        return static_cast<std::uint32_t>(key >> 32);
    }
    std::size_t first_slot(index::fingerprint key) const noexcept {
        return half(key) & (slots_.size() - 1);
    }
    // That of the name, or the free one where it would be.
    std::size_t slot_of(index::fingerprint key, std::string_view name) const noexcept;
    void grow();

    std::vector<slot> slots_;  // a power of two of them
    std::string records_;      // each the name, the number in 8 bytes, the name's length in 1
    std::size_t size_ = 0;
};

// Bounded: when one half is full, it becomes the old half, and what was in there and has not been
// used since is forgotten. One thread at a time.
class stream_heads {
public:
    // A transaction starts at this head of the log: forgets everything unless that is where the
    // last commit left it, for another process may have written to any stream.
    void begin(std::uint64_t head);
    void committed(std::uint64_t head) noexcept { left_at_ = head; }

    void prefetch(index::fingerprint key) const noexcept {
        young_.prefetch(key);
        old_.prefetch(key);
    }
    std::optional<std::uint64_t> find(index::fingerprint key,
                                      std::string_view stream) const noexcept;
    void set(index::fingerprint key, std::string_view stream, std::uint64_t last_revision);

private:
    static constexpr std::size_t bytes_max = 24 << 20;  // of names, in each half
    static constexpr std::uint64_t none = ~0ULL;

    name_table young_;
    name_table old_;
    std::uint64_t left_at_ = none;
};

}  // namespace idem
