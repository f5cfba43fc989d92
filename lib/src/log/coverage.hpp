// How far tags and types stand in tables. What follows is in the log alone, and is read from there
// like the tail of an index.
#pragma once

#include <cstdint>
#include <string>

#include "idem/uuid.hpp"
#include "index/manifest.hpp"

namespace idem {

// Kept in the mark of the index of ids, behind the greatest id. An idem that knows of no tags
// writes the id alone, so that what it has appended is seen to be missing.
struct coverage {
    std::uint64_t position = 0;  // the tags and types of the events up to here are in the tables
    std::uint64_t tags = 0;      // how many that are: the ordinal of the last

    // Whether the tail of the log has all that the tables lack.
    bool reaches(const index::manifest& ids) const noexcept { return position >= ids.flushed(); }

    friend bool operator==(const coverage&, const coverage&) = default;
};

coverage read_coverage(const index::manifest& ids) noexcept;
std::string encode_mark(const uuid& greatest, const coverage& c);

}  // namespace idem
