#include "index/tail.hpp"

#include <algorithm>
#include <mutex>

namespace idem::index {
namespace {

manifest shape_of(const manifest& m) {
    manifest shape;
    shape.chunk_entries = m.chunk_entries;
    shape.phase = m.phase;
    return shape;
}

}  // namespace

tail::tail(const manifest& ends) : ends_(shape_of(ends)) {}

std::uint64_t tail::next() const {
    const std::shared_lock lock(mutex_);
    return last_ + 1;
}

bool tail::holds(std::uint64_t above, std::uint64_t up_to) const noexcept {
    if (above >= up_to) return true;
    return up_to <= last_ && !parts_.empty() && parts_.front().above <= above;
}

void tail::skip_to(std::uint64_t flushed) {
    const std::scoped_lock lock(mutex_);
    if (last_ >= flushed) return;
    parts_.clear();
    last_ = flushed;
}

void tail::push(fingerprint key) {
    if (parts_.empty() || parts_.back().last() == parts_.back().end) {
        part fresh{last_, ends_.end_of_run(last_ + 1), {}};
        fresh.entries.reserve(static_cast<std::uint32_t>(fresh.end - fresh.above));
        parts_.push_back(std::move(fresh));
    }
    parts_.back().entries.push(key);
    ++last_;
}

void tail::add(std::uint64_t position, std::span<const fingerprint> keys) {
    const std::scoped_lock lock(mutex_);
    if (position > last_ + 1) return;  // dropped meanwhile: whoever needs them reads the log
    const std::uint64_t known = last_ + 1 - position;
    for (std::uint64_t i = known; i < keys.size(); ++i) push(keys[i]);
}

// A part that is full is written out as a run in the very commit that fills it, unless an idem
// filled it that did not know of this index.
void tail::drop_old(std::uint64_t written) {
    constexpr std::size_t parts_kept = 2;
    const std::scoped_lock lock(mutex_);
    while (parts_.size() > parts_kept && parts_.front().last() <= written) parts_.pop_front();
}

bool tail::has(std::uint64_t above, std::uint64_t up_to) const {
    const std::shared_lock lock(mutex_);
    return holds(above, up_to);
}

bool tail::search(std::span<const fingerprint> keys, std::vector<char>& done, std::uint64_t above,
                  std::uint64_t up_to, const accept_candidate& accept) const {
    const std::shared_lock lock(mutex_);
    if (!holds(above, up_to)) return false;
    for (auto p = parts_.rbegin(); p != parts_.rend() && p->last() > above; ++p) {
        if (p->above >= up_to) continue;
        constexpr std::size_t ahead = 8;
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (i + ahead < keys.size()) p->entries.prefetch(keys[i + ahead]);
            if (done[i] != 0) continue;
            for (std::uint32_t at = p->entries.newest(keys[i]); at != chains::none;
                 at = p->entries.before(at)) {
                const std::uint64_t position = p->above + 1 + at;
                if (position <= above) break;
                if (position <= up_to && accept(i, position)) {
                    done[i] = 1;
                    break;
                }
            }
        }
    }
    return true;
}

std::optional<std::vector<entry>> tail::entries(std::uint64_t above, std::uint64_t up_to) const {
    const std::shared_lock lock(mutex_);
    if (!holds(above, up_to)) return std::nullopt;
    std::vector<entry> found;
    if (up_to > above) found.reserve(up_to - above);
    for (const part& p : parts_) {
        const std::uint64_t first = std::max(above, p.above) + 1;
        for (std::uint64_t at = first; at <= std::min(up_to, p.last()); ++at) {
            found.push_back({p.entries.key(static_cast<std::uint32_t>(at - p.above - 1)), at});
        }
    }
    return found;
}

}  // namespace idem::index
