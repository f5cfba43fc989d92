#include "base/hash.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>

namespace idem::hash {

std::uint64_t of_bytes(std::string_view bytes, std::uint64_t seed) noexcept {
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

state_digest of_row(std::string_view key, std::string_view row) noexcept {
    // The key's hash seeds that of the row, so no bytes can move from one to the other unseen.
    const XXH128_hash_t of_key = XXH3_128bits(key.data(), key.size());
    const XXH128_hash_t both = XXH3_128bits_withSeed(row.data(), row.size(), of_key.low64);
    return {both.high64 ^ of_key.high64, both.low64};
}

}  // namespace idem::hash
