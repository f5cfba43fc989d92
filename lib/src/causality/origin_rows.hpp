// The rows of the tables `origins`, `stamps` and `parked`, as bytes. See schemas/ORIGINS.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/order_item.hpp"

namespace idem {

inline constexpr std::string_view origins_table = "origins";
inline constexpr std::string_view stamps_table = "stamps";
inline constexpr std::string_view parked_table = "parked";

struct origin_row {
    std::uint64_t counter = 0;
    std::uint64_t clock = 0;
};
struct parked_key {
    uuid origin;
    std::uint64_t counter = 0;
};

std::string_view origin_key(const uuid& origin) noexcept;  // as long as `origin`
std::string stamps_key(std::uint64_t position);
std::string to_bytes(const parked_key& key);
std::optional<parked_key> parked_key_of(std::string_view bytes) noexcept;

// Throw corrupt.
origin_row read_origin_row(std::string_view row);
std::vector<other_stamp> read_stamps_row(std::string_view row);

std::string write_origin_row(const origin_row& row);
std::string write_stamps_row(const std::vector<other_stamp>& stamps);

}  // namespace idem
