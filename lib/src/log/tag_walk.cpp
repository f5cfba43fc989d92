#include "log/tag_walk.hpp"

#include <algorithm>
#include <limits>

#include "idem/limits.hpp"

namespace idem {
namespace {

constexpr std::uint64_t behind_all = std::numeric_limits<std::uint64_t>::max();

// As far as the ordinals of one event can be apart.
constexpr std::uint64_t apart = limits::tags_max - 1;

}  // namespace

tag_cursor::tag_cursor(const tag_view& in, const indexed_events* added, index::fingerprint key,
                       direction where)
    : in_(&in),
      added_(added),
      key_(key),
      forwards_(where == direction::forwards),
      end_(forwards_ ? 0 : behind_all) {}

bool tag_cursor::is_before(std::uint64_t ordinal, const place& from) const noexcept {
    return forwards_ ? ordinal < from.ordinal - std::min(from.ordinal, apart)
                     : ordinal > from.ordinal + std::min(behind_all - from.ordinal, apart);
}

std::uint64_t tag_cursor::position(std::uint64_t ordinal) const {
    if (ordinal <= in_->last()) return in_->position(ordinal);
    return added_->tag_positions[ordinal - in_->last() - 1];
}

std::optional<tag_cursor::place> tag_cursor::at_or_behind(const place& from) {
    for (;;) {
        for (; next_ < ordinals_.size(); ++next_) {
            const std::uint64_t ordinal = ordinals_[next_];
            if (is_before(ordinal, from)) continue;
            const std::uint64_t at = position(ordinal);
            if (forwards_ ? at >= from.position : at <= from.position) return place{ordinal, at};
        }
        std::uint64_t start = 0;
        if (forwards_) {
            start = std::max(end_ + 1, from.ordinal - std::min(from.ordinal, apart));
        } else {
            if (end_ == 0) return std::nullopt;
            start = std::min(end_ - 1, from.ordinal + std::min(behind_all - from.ordinal, apart));
        }
        if (exhausted_ || !fetch(start)) return std::nullopt;
    }
}

// False: there are none.
bool tag_cursor::fetch(std::uint64_t from) {
    ordinals_.clear();
    next_ = 0;
    const auto take = [this](std::uint64_t ordinal) {
        ordinals_.push_back(ordinal);
        return ordinals_.size() < most_;
    };
    if (forwards_) {
        in_->entries().forwards(key_, from, take);
    } else {
        fetch_added(from);
        if (ordinals_.size() < most_) in_->entries().backwards(key_, from, take);
    }
    exhausted_ = ordinals_.size() < most_;
    if (!ordinals_.empty()) end_ = ordinals_.back();
    constexpr std::size_t most_at_once = 1024;
    most_ = std::min(most_ * 2, most_at_once);
    return !ordinals_.empty();
}

void tag_cursor::fetch_added(std::uint64_t from) {
    if (added_ == nullptr || from <= in_->last()) return;
    for (auto at = added_->tags.newest(key_); at != index::chains::none && ordinals_.size() < most_;
         at = added_->tags.before(at)) {
        const std::uint64_t ordinal = in_->last() + 1 + at;
        if (ordinal <= from) ordinals_.push_back(ordinal);
    }
}

void walk_tags(const tag_view& in, const indexed_events* added,
               std::span<const index::fingerprint> keys, direction where, tag_cursor::place from,
               std::uint64_t last, const std::function<bool(std::uint64_t position)>& visit) {
    const bool forwards = where == direction::forwards;
    std::vector<tag_cursor> cursors;
    for (const auto key : keys) cursors.emplace_back(in, added, key, where);
    for (;;) {
        // Each in turn leaps to where the one before has come, until all stand at one position.
        std::size_t agreed = 0;
        for (std::size_t i = 0; agreed < cursors.size(); i = (i + 1) % cursors.size()) {
            const auto found = cursors[i].at_or_behind(from);
            if (!found) return;
            if (forwards ? found->position > last : found->position < last) return;
            agreed = found->position == from.position ? agreed + 1 : 1;
            from = *found;
        }
        if (!visit(from.position)) return;
        if (forwards ? from.position == behind_all : from.position == 0) return;
        from.position = forwards ? from.position + 1 : from.position - 1;
    }
}

}  // namespace idem
