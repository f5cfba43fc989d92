#include "index/view.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "index/merged.hpp"

namespace idem::index {

view::view(const storage::transaction& txn, storage::table t, const tail& recent,
           std::uint64_t head, read_fingerprints from_log)
    : view(txn, t, recent, head, std::move(from_log), read_manifest(txn, t)) {}

view::view(const storage::transaction& txn, storage::table t, const tail& recent,
           std::uint64_t head, read_fingerprints from_log, manifest contents)
    : txn_(&txn),
      table_(t),
      recent_(&recent),
      head_(head),
      from_log_(std::move(from_log)),
      manifest_(std::move(contents)),
      runs_(manifest_.runs.size()) {}

const run& view::at(std::size_t number) const {
    auto& opened = runs_[number];
    if (!opened) opened = std::make_unique<run>(*txn_, table_, manifest_.runs[number]);
    return *opened;
}

// Only for a transaction that is older than what was dropped from the tail that is shared.
const tail& view::own_tail() const {
    if (!own_tail_) {
        auto own = std::make_unique<tail>(manifest_);
        own->skip_to(manifest_.flushed());
        own->add(manifest_.flushed() + 1, from_log_(manifest_.flushed(), head_));
        own_tail_ = std::move(own);
    }
    return *own_tail_;
}

void view::search_tail(std::span<const fingerprint> keys, std::vector<char>& done,
                       std::uint64_t up_to, const accept_candidate& accept) const {
    const std::uint64_t above = manifest_.flushed();
    if (!recent_->search(keys, done, above, up_to, accept)) {
        own_tail().search(keys, done, above, up_to, accept);
    }
}

void view::search(std::span<const fingerprint> keys, std::vector<char>& done,
                  const accept_candidate& accept, search_order order) const {
    search_tail(keys, done, head_, accept);
    struct candidate {
        std::size_t run;
        std::size_t accepted = 0;  // keys, so far
    };
    std::vector<candidate> runs;
    for (std::size_t i = manifest_.runs.size(); i-- > 0;) runs.push_back({i});
    std::array<wanted, 32> group{};
    for (std::size_t next = 0; next < keys.size();) {
        std::size_t count = 0;
        for (; next < keys.size() && count < group.size(); ++next) {
            if (done[next] == 0) group[count++].number = next;
        }
        for (candidate& c : runs) {
            const std::size_t left =
                search_run(at(c.run), keys, {group.data(), count}, done, accept);
            c.accepted += count - left;
            count = left;
        }
        if (order == search_order::likeliest_first) {
            std::stable_sort(runs.begin(), runs.end(),
                             [](const auto& x, const auto& y) { return x.accepted > y.accepted; });
        }
    }
}

// Looks for a group of keys, so that what all of them need is on its way from memory at once. Puts
// those that it did not find in front, and says how many.
std::size_t view::search_run(const run& r, std::span<const fingerprint> keys,
                             std::span<wanted> group, std::vector<char>& done,
                             const accept_candidate& accept) const {
    for (wanted& w : group) {
        w.chunk = r.chunk_of(keys[w.number]);
        r.chunk(w.chunk).prefetch(keys[w.number]);
    }
    for (wanted& w : group) {
        const chunk_view& c = r.chunk(w.chunk);
        w.likely = c.may_contain(keys[w.number]);
        if (w.likely) c.prefetch_guess(keys[w.number]);
    }
    for (const wanted& w : group) {
        if (w.likely) r.chunk(w.chunk).prefetch_entry(keys[w.number]);
    }
    std::size_t left = 0;
    for (const wanted w : group) {
        const bool absent =
            !w.likely || newest_first(r, w.chunk, keys[w.number], [&](std::uint64_t position) {
                return !accept(w.number, position);
            });
        done[w.number] = absent ? 0 : 1;
        if (absent) group[left++] = w;
    }
    return left;
}

bool view::newest_first(const run& r, std::uint32_t chunk, fingerprint key,
                        const visit_position& visit) {
    constexpr auto behind = std::numeric_limits<std::uint32_t>::max();
    run::place place{chunk, r.chunk(chunk).lower_bound(key, behind)};
    while (r.retreat(place)) {
        const entry e = r.at(place);
        if (e.key != key) break;
        if (!visit(e.position)) return false;
    }
    return true;
}

// Positions are gathered first: the tail is searched under its lock, and whoever is told of one may
// look something else up, which waits for a writer who waits for that lock. In parts that grow, for
// most want only the newest.
bool view::backwards_in_tail(fingerprint key, std::uint64_t from,
                             const visit_position& visit) const {
    std::vector<std::uint64_t> part;
    for (std::size_t most = 8;; most *= 2) {
        part.clear();
        std::vector<char> done(1);
        search_tail({&key, 1}, done, from, [&](std::size_t, std::uint64_t position) {
            part.push_back(position);
            return part.size() == most;
        });
        for (const std::uint64_t position : part) {
            if (!visit(position)) return false;
        }
        if (part.size() < most) return true;
        from = part.back() - 1;
    }
}

void view::backwards(fingerprint key, std::uint64_t from, const visit_position& visit) const {
    bool more = from <= manifest_.flushed() || backwards_in_tail(key, std::min(from, head_), visit);
    for (std::size_t i = manifest_.runs.size(); i-- > 0 && more;) {
        if (manifest_.runs[i].first > from) continue;
        const run& r = at(i);
        if (from >= r.info().last && !r.chunk(r.chunk_of(key)).may_contain(key)) continue;
        auto place = r.lower_bound(
            {key, from == std::numeric_limits<std::uint64_t>::max() ? from : from + 1});
        while (more && r.retreat(place)) {
            const entry e = r.at(place);
            if (e.key != key) break;
            more = visit(e.position);
        }
    }
}

void view::forwards(fingerprint key, std::uint64_t from, const visit_position& visit) const {
    for (std::size_t i = 0; i < manifest_.runs.size(); ++i) {
        if (manifest_.runs[i].last < from) continue;
        const run& r = at(i);
        for (auto place = r.lower_bound({key, from}); !r.at_end(place); r.advance(place)) {
            const entry e = r.at(place);
            if (e.key != key) break;
            if (!visit(e.position)) return;
        }
    }
    std::vector<std::uint64_t> newest;
    std::vector<char> done(1);
    search_tail({&key, 1}, done, head_, [&](std::size_t, std::uint64_t position) {
        if (position >= from) newest.push_back(position);
        return position < from;
    });
    for (auto p = newest.rbegin(); p != newest.rend(); ++p) {
        if (!visit(*p)) return;
    }
}

void view::each_key(fingerprint from, const visit_key& visit) const {
    auto newest = recent_->entries(manifest_.flushed(), head_);
    if (!newest) newest = own_tail().entries(manifest_.flushed(), head_);
    std::sort(newest->begin(), newest->end());
    std::vector<const run*> runs;
    for (std::size_t i = 0; i < manifest_.runs.size(); ++i) runs.push_back(&at(i));
    merged all(runs, *newest, {from, 0});
    while (!all.at_end()) {
        entry last = all.current();
        std::uint64_t entries = 0;
        for (; !all.at_end() && all.current().key == last.key; all.advance()) {
            last = all.current();
            ++entries;
        }
        if (!visit(last.key, last.position, entries)) return;
    }
}

}  // namespace idem::index
