// The events that carry all of some tags, found through the index.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "idem/read.hpp"
#include "log/index.hpp"

namespace idem {

// The entries of one tag, in either direction. Only ever goes on.
class tag_cursor {
public:
    struct place {
        std::uint64_t ordinal = 0;
        std::uint64_t position = 0;
    };

    tag_cursor(const tag_view& in, const indexed_events* added, index::fingerprint key,
               direction where);

    // The nearest entry that is not before this place on the way; nullopt: there is none.
    std::optional<place> at_or_behind(const place& from);

private:
    bool is_before(std::uint64_t ordinal, const place& from) const noexcept;
    std::uint64_t position(std::uint64_t ordinal) const;
    bool fetch(std::uint64_t from);
    void fetch_added(std::uint64_t from);

    const tag_view* in_;
    const indexed_events* added_;
    const index::fingerprint key_;
    const bool forwards_;
    std::vector<std::uint64_t> ordinals_;  // fetched
    std::size_t next_ = 0;                 // of these
    std::size_t most_ = 8;                 // to fetch at once; grows, for most want only the first
    std::uint64_t end_;                    // ordinal that was fetched last, or the start
    bool exhausted_ = false;
};

// Visits the positions from `from` on at which entries of all these tags meet, until told to stop
// (false). Tags of one fingerprint may be taken for each other: look at the record.
void walk_tags(const tag_view& in, const indexed_events* added,
               std::span<const index::fingerprint> keys, direction where, tag_cursor::place from,
               std::uint64_t last, const std::function<bool(std::uint64_t position)>& visit);

}  // namespace idem
