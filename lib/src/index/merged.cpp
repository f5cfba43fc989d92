#include "index/merged.hpp"

#include <algorithm>

namespace idem::index {

merged::merged(std::span<const run* const> runs, std::span<const entry> newest, const entry& from)
    : newest_(newest) {
    for (const run* r : runs) {
        source s{r, r->lower_bound(from), nullptr, {}};
        if (load(s)) sources_.push_back(s);
    }
    const auto first = std::lower_bound(newest.begin(), newest.end(), from);
    source s{nullptr, {0, static_cast<std::uint32_t>(first - newest.begin())}, nullptr, {}};
    if (load(s)) sources_.push_back(s);
    choose();
}

bool merged::load(source& s) const {
    if (s.of == nullptr) {
        if (s.place.index >= newest_.size()) return false;
        s.value = newest_[s.place.index];
        return true;
    }
    if (s.of->at_end(s.place)) return false;
    if (s.chunk == nullptr) s.chunk = &s.of->chunk(s.place.chunk);
    s.value = {s.chunk->key(s.place.index), s.of->position(*s.chunk, s.place.index)};
    return true;
}

bool merged::next(source& s) const {
    ++s.place.index;
    if (s.of != nullptr && s.place.index == s.chunk->size()) {
        s.place = {s.place.chunk + 1, 0};
        s.chunk = nullptr;
    }
    return load(s);
}

// Of equal keys the oldest source comes first, which is the order of positions.
void merged::choose() noexcept {
    best_ = nullptr;
    for (source& s : sources_) {
        if (best_ == nullptr || s.value.key < best_->value.key) best_ = &s;
    }
}

void merged::advance() {
    if (!next(*best_)) sources_.erase(sources_.begin() + (best_ - sources_.data()));
    choose();
}

}  // namespace idem::index
