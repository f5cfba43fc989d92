// Text as it may be shown on a terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace idem::cli {

// Control characters and broken UTF-8 replaced by a visible sign, so that what an event holds
// cannot move the cursor or colour the screen.
std::string printable(std::string_view text);

bool is_utf8(std::string_view bytes) noexcept;

// Columns that printable text takes on a terminal: East Asian wide characters take two, combining
// marks none.
std::size_t display_width(std::string_view text) noexcept;

// Cut to `columns`, with an ellipsis where something is missing.
std::string cut_to_width(std::string_view text, std::size_t columns);

// 12,345,678 and 12.3 MB.
std::string with_commas(std::uint64_t number);
std::string byte_size(std::uint64_t bytes);

}  // namespace idem::cli
