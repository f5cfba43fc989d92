#include "index/merged.hpp"

#include <algorithm>

namespace idem::index {

merged::merged(std::span<const run* const> runs, std::span<const entry> newest, const entry& from)
    : newest_(newest) {
    for (const run* r : runs) {
        source s{r, r->lower_bound(from), {}};
        if (load(s)) sources_.push_back(s);
    }
    const auto first = std::lower_bound(newest.begin(), newest.end(), from);
    source s{nullptr, {0, static_cast<std::uint32_t>(first - newest.begin())}, {}};
    if (load(s)) sources_.push_back(s);
    choose();
}

bool merged::load(source& s) const {
    if (s.of == nullptr) {
        if (s.place.index >= newest_.size()) return false;
        s.value = newest_[s.place.index];
    } else {
        if (s.of->at_end(s.place)) return false;
        s.value = s.of->at(s.place);
    }
    return true;
}

// Of equal keys the oldest source comes first, which is the order of positions.
void merged::choose() noexcept {
    best_ = nullptr;
    for (source& s : sources_) {
        if (best_ == nullptr || s.value.key < best_->value.key) best_ = &s;
    }
}

void merged::advance() {
    if (best_->of != nullptr) {
        best_->of->advance(best_->place);
    } else {
        ++best_->place.index;
    }
    if (!load(*best_)) sources_.erase(sources_.begin() + (best_ - sources_.data()));
    choose();
}

}  // namespace idem::index
