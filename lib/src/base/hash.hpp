// Hashes: XXH3 (xxhash.com), used for checksums and digests; it detects damage, not forgery.
#pragma once

#include <cstdint>
#include <string_view>

#include "idem/state.hpp"

namespace idem::hash {

std::uint64_t of_bytes(std::string_view bytes, std::uint64_t seed = 0) noexcept;

// One row's share of a state_digest: of the key's length, the key and the row.
state_digest of_row(std::string_view key, std::string_view row) noexcept;

inline state_digest operator+(state_digest a, const state_digest& b) noexcept {
    return {a.high + b.high, a.low + b.low};
}
inline state_digest operator-(state_digest a, const state_digest& b) noexcept {
    return {a.high - b.high, a.low - b.low};
}

}  // namespace idem::hash
