#pragma once

#include <filesystem>

#include "measure.hpp"

namespace bench {

// Runs every store over every axis; 10 M and 30 M events only where `s.events` allows. Leaves
// compare.jsonl and an SVG for each axis in `out`.
void compare(const settings& s, const std::filesystem::path& out);

}  // namespace bench
