// What two stores say to one another while they look for what either lacks. The bytes are those of
// schemas/SYNC.md. They come from outside: every read is bounded and checked.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/order_item.hpp"
#include "log/order_rows.hpp"

namespace idem::sync {

inline constexpr std::size_t message_bytes_max = 4 << 20;
inline constexpr std::size_t ranges_max = 256;  // of one request
inline constexpr std::size_t parts = 4;         // that a range is split into
inline constexpr std::size_t listed_max = 256;  // items of one range

using short_hash = std::array<std::uint8_t, 8>;  // the start of an item's hash

struct listed_item {
    std::uint64_t clock = 0;
    short_hash hash{};

    friend auto operator<=>(const listed_item&, const listed_item&) = default;
};
listed_item listed(const item_key& key) noexcept;

// Either: in how many parts, and what is in each; or every item.
struct asked_range {
    enum class what : std::uint8_t { split, list };

    item_key low;
    item_key high;
    what is = what::split;
};

// Of a part of few items only the lower half of the sum is said, and compared: that two parts
// differ and agree in 64 bits of it is no likelier than that the disk errs, and most parts are
// such.
inline constexpr std::uint64_t few_items = 4096;
bool agree(const item_range& here, const item_range& there) noexcept;

// The answer for one range; nullopt for a list: there are more than listed_max.
struct told_range {
    std::vector<order_rows::part> parts = {};
    std::optional<std::vector<listed_item>> items = {};
};

std::string encode(const std::vector<asked_range>& asked);
std::string encode(const std::vector<asked_range>& asked, const std::vector<told_range>& told);

// Throw invalid_input, which says what is wrong: of another version, cut off, too long, not in
// order, ranges that meet, or an answer to something else than was asked.
std::vector<asked_range> decode_asked(std::string_view message);
std::vector<told_range> decode_told(std::string_view message,
                                    const std::vector<asked_range>& asked);

}  // namespace idem::sync
