#include "log/tag_tail.hpp"

#include <algorithm>
#include <mutex>

#include "base/hash.hpp"

namespace idem {
namespace {

index::manifest shape_by(const index::manifest& ids) {
    index::manifest shape;
    shape.seed = hash::of_bytes("tags", ids.seed);
    shape.chunk_entries = ids.chunk_entries;
    shape.phase = ids.chunk_entries / 4;
    return shape;
}

}  // namespace

tag_tail::tag_tail(const index::manifest& ids) : empty_(shape_by(ids)), recent_(empty_) {}

index::fingerprint tag_tail::of(std::string_view tag) const noexcept {
    return hash::of_bytes(tag, empty_.seed);
}

std::uint64_t tag_tail::through() const {
    const std::shared_lock lock(mutex_);
    return through_;
}

void tag_tail::load(std::uint64_t flushed, std::span<const index::entry> tags,
                    std::uint64_t through) {
    recent_.skip_to(flushed);
    std::vector<index::fingerprint> keys;
    keys.reserve(tags.size());
    for (const index::entry& tag : tags) keys.push_back(tag.key);
    recent_.add(flushed + 1, keys);
    const std::scoped_lock lock(mutex_);
    base_ = flushed;
    positions_.clear();
    for (const index::entry& tag : tags) positions_.push_back(tag.position);
    types.clear();
    through_ = through;
}

void tag_tail::add(std::span<const index::entry> tags, std::uint64_t through) {
    std::vector<index::fingerprint> keys;
    keys.reserve(tags.size());
    for (const index::entry& tag : tags) keys.push_back(tag.key);
    const std::scoped_lock lock(mutex_);
    if (!tags.empty()) recent_.add(last() + 1, keys);
    for (const index::entry& tag : tags) positions_.push_back(tag.position);
    through_ = through;
}

void tag_tail::drop_old(std::uint64_t in_rows) {
    recent_.drop_old(in_rows);
    const std::scoped_lock lock(mutex_);
    const std::uint64_t kept = std::uint64_t{empty_.chunk_entries} * 2;
    if (positions_.size() <= kept + empty_.chunk_entries) return;
    while (positions_.size() > kept && base_ < in_rows) {
        positions_.pop_front();
        ++base_;
    }
}

std::optional<std::uint64_t> tag_tail::last_ordinal(std::uint64_t above, std::uint64_t head) const {
    const std::shared_lock lock(mutex_);
    if (base_ > above || through_ < head) return std::nullopt;
    const auto behind = std::upper_bound(positions_.begin(), positions_.end(), head);
    return base_ + static_cast<std::uint64_t>(behind - positions_.begin());
}

std::optional<std::uint64_t> tag_tail::position(std::uint64_t ordinal) const {
    const std::shared_lock lock(mutex_);
    if (ordinal <= base_ || ordinal > last()) return std::nullopt;
    return positions_[ordinal - base_ - 1];
}

}  // namespace idem
