// What style and design ask of the source files, as far as a program can tell.
#pragma once

#include <cstddef>
#include <vector>

#include "source_tree.hpp"

namespace tidy {

inline constexpr std::size_t header_lines_max = 250;
inline constexpr std::size_t source_lines_max = 450;
inline constexpr std::size_t function_lines_max = 70;
inline constexpr std::size_t columns_max = 100;

// Includes point down the rooms of the library and never into another house; public headers can be
// read without the sources; lmdb.h is seen by the storage room alone.
std::vector<finding> check_includes(const source_tree& tree);

// Lengths of files, functions and lines.
std::vector<finding> check_lengths(const source_tree& tree);

// No note of work left over; no sleep in tests and examples, which wait for conditions.
std::vector<finding> check_words(const source_tree& tree);

}  // namespace tidy
