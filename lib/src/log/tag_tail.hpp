// The tags and types of the newest events, in memory, as the tails of the indexes are.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string_view>
#include <vector>

#include "index/chunk.hpp"
#include "index/manifest.hpp"
#include "index/tail.hpp"
#include "log/type_heads.hpp"

namespace idem {

// Any thread, but for what says otherwise.
class tag_tail {
public:
    // Shape and seed follow from those of the index of ids, so there need be no table to read them
    // from.
    explicit tag_tail(const index::manifest& ids);

    // Of an index of tags that has no table yet.
    const index::manifest& empty() const noexcept { return empty_; }
    const index::tail& recent() const noexcept { return recent_; }
    index::fingerprint of(std::string_view tag) const noexcept;

    // The last position whose tags and types are here.
    std::uint64_t through() const;

    // What was here before ends below `through`: goes on with the tags behind ordinal `flushed`,
    // those of the events up to `through`.
    void load(std::uint64_t flushed, std::span<const index::entry> tags, std::uint64_t through);
    // The tags of the events behind through() up to `through`.
    void add(std::span<const index::entry> tags, std::uint64_t through);
    // Forgets what stands in runs and rows, even for the readers of a snapshot of some time ago.
    void drop_old(std::uint64_t in_rows);

    // The ordinal of the last tag up to position `head`; nullopt: not all behind `above` are here.
    std::optional<std::uint64_t> last_ordinal(std::uint64_t above, std::uint64_t head) const;
    // Nullopt: it is not here.
    std::optional<std::uint64_t> position(std::uint64_t ordinal) const;

    type_heads types;  // under the lock of the indexes

private:
    std::uint64_t last() const noexcept { return base_ + positions_.size(); }

    index::manifest empty_;
    index::tail recent_;  // of ordinals
    mutable std::shared_mutex mutex_;
    std::uint64_t base_ = 0;
    std::deque<std::uint64_t> positions_;  // of the ordinals behind base_
    std::uint64_t through_ = 0;
};

}  // namespace idem
