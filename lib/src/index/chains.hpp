// Fingerprints in the order in which they came, each linked to the one before it that is equal: a
// hash table in memory that only grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "index/chunk.hpp"

namespace idem::index {

class chains {
public:
    static constexpr std::uint32_t none = 0xffffffffU;

    std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(keys_.size()); }
    fingerprint key(std::uint32_t i) const noexcept { return keys_[i]; }
    std::span<const fingerprint> keys() const noexcept { return keys_; }

    void reserve(std::uint32_t entries) {
        keys_.reserve(entries);
        before_.reserve(entries);
        if (heads_.size() < std::size_t{entries} * 2) rehash(entries);
    }

    void push(fingerprint key) {
        if (keys_.size() * 2 >= heads_.size()) rehash(size() + 1);
        std::uint32_t& head = heads_[slot(key)];
        before_.push_back(head);
        head = size();
        keys_.push_back(key);
    }

    void clear() noexcept {
        for (const fingerprint key : keys_) heads_[slot(key)] = none;
        keys_.clear();
        before_.clear();
    }

    // The newest of this key; none where there is none.
    std::uint32_t newest(fingerprint key) const noexcept {
        return heads_.empty() ? none : first_equal(heads_[slot(key)], key);
    }
    // The next older one of the same key.
    std::uint32_t before(std::uint32_t i) const noexcept {
        return first_equal(before_[i], keys_[i]);
    }
    void prefetch(fingerprint key) const noexcept {
        if (!heads_.empty()) __builtin_prefetch(&heads_[slot(key)]);
    }

private:
    std::size_t slot(fingerprint key) const noexcept { return key & (heads_.size() - 1); }

    std::uint32_t first_equal(std::uint32_t i, fingerprint key) const noexcept {
        while (i != none && keys_[i] != key) i = before_[i];
        return i;
    }

    void rehash(std::uint32_t entries) {
        std::size_t slots = 64;
        while (slots < std::size_t{entries} * 2) slots *= 2;
        heads_.assign(slots, none);
        for (std::uint32_t i = 0; i < size(); ++i) {
            std::uint32_t& head = heads_[slot(keys_[i])];
            before_[i] = head;
            head = i;
        }
    }

    std::vector<fingerprint> keys_;
    std::vector<std::uint32_t> before_;  // the one before in the same slot
    std::vector<std::uint32_t> heads_;   // the newest of each slot; a power of two of them
};

}  // namespace idem::index
