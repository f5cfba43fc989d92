// How long a lease can be, and so which ones nobody can have.
#pragma once

#include <chrono>
#include <cstdint>

namespace idem {

inline constexpr std::chrono::milliseconds longest_lease = std::chrono::hours(24 * 365);

// Whether a lease that ends then, in milliseconds since 1970, still runs. One that ends later than
// any that could be granted now was granted under a clock that was wrong, or imported: it counts as
// over, for nobody could wait for its end.
constexpr bool runs_until(std::uint64_t leased_until, std::uint64_t now_ms) noexcept {
    return leased_until > now_ms &&
           leased_until - now_ms <= static_cast<std::uint64_t>(longest_lease.count());
}

// When the first such lease ends: one that ends sooner and not before now runs.
constexpr std::uint64_t first_impossible(std::uint64_t now_ms) noexcept {
    const auto longest = static_cast<std::uint64_t>(longest_lease.count());
    return now_ms < ~0ULL - longest ? now_ms + longest + 1 : ~0ULL;
}

// Throws invalid_input where nobody can be granted a lease of that length.
void check_lease_length(std::chrono::milliseconds length);

}  // namespace idem
