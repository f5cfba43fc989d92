// Which of some things are the same: a hash table over fingerprints that lives as long as one
// batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "index/chunk.hpp"

namespace idem::index {

class numbering {
public:
    explicit numbering(std::size_t most) {
        std::size_t slots = 16;
        while (slots < most * 2) slots *= 2;
        slots_.assign(slots, {0, free});
    }

    // The number under which the same thing was given before; else `fresh`, which it has now.
    // `same(number)` tells whether what has that number is the same, for two things can have one
    // fingerprint.
    template <class Same>
    std::uint32_t number(fingerprint key, std::uint32_t fresh, Same&& same) {
        std::size_t at = key & (slots_.size() - 1);
        while (slots_[at].number != free) {
            if (slots_[at].key == key && same(slots_[at].number)) return slots_[at].number;
            at = (at + 1) & (slots_.size() - 1);
        }
        slots_[at] = {key, fresh};
        return fresh;
    }

private:
    static constexpr std::uint32_t free = 0xffffffffU;
    struct slot {
        fingerprint key;
        std::uint32_t number;
    };
    std::vector<slot> slots_;
};

}  // namespace idem::index
