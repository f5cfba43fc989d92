#include "log/tag_view.hpp"

#include <algorithm>

namespace idem {

tag_view::tag_view(const storage::transaction& txn, const std::optional<tag_tables>& tables,
                   const tag_tail& tail, const coverage& in_rows, std::uint64_t head,
                   read_tags from_log)
    : tail_(&tail), in_rows_(in_rows), head_(head), from_log_(std::move(from_log)) {
    if (tables && in_rows.tags > 0) rows_.emplace(txn, tables->rows);
    const auto known = tail.last_ordinal(in_rows.tags, head);
    last_ = known ? *known : in_rows.tags + own_tail().size();
    const auto read = [this](std::uint64_t above, std::uint64_t up_to) {
        return fingerprints(above, up_to);
    };
    if (rows_) {
        entries_.emplace(txn, tables->index, tail.recent(), last_, read);
    } else {
        entries_.emplace(txn, storage::table(), tail.recent(), last_, read, tail.empty());
    }
}

// Only for a transaction that is older than what was dropped from the tail that is shared.
const std::vector<index::entry>& tag_view::own_tail() const {
    if (!own_tail_) own_tail_ = from_log_(in_rows_.position, head_);
    return *own_tail_;
}

std::vector<index::fingerprint> tag_view::fingerprints(std::uint64_t above,
                                                       std::uint64_t up_to) const {
    std::vector<index::fingerprint> keys;
    if (above < in_rows_.tags) {
        for (const auto& tag : rows_->read(above, in_rows_.tags)) keys.push_back(tag.key);
    }
    for (const auto& tag : own_tail()) keys.push_back(tag.key);
    keys.resize(up_to - above);
    return keys;
}

std::vector<index::entry> tag_view::pending() const {
    auto found = tail_->recent().entries(in_rows_.tags, last_);
    if (!found) return own_tail();
    for (index::entry& tag : *found) tag.position = position(tag.position);
    return std::move(*found);
}

std::uint64_t tag_view::position(std::uint64_t ordinal) const {
    if (ordinal <= in_rows_.tags) return rows_->position(ordinal);
    if (const auto found = tail_->position(ordinal)) return *found;
    return own_tail().at(ordinal - in_rows_.tags - 1).position;
}

std::uint64_t tag_view::first_from(std::uint64_t position) const {
    std::uint64_t low = 1;
    std::uint64_t high = last_ + 1;
    while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        if (this->position(middle) < position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

}  // namespace idem
