#include "testing/shrink.hpp"

#include <algorithm>
#include <set>

namespace idem::testing {
namespace {

bool has_events(const step& s) {
    return s.kind == step_kind::deliver || s.kind == step_kind::crash;
}

std::vector<std::size_t> events_of(const schedule& s) {
    std::set<std::size_t> all;
    for (const auto& next : s.steps) all.insert(next.events.begin(), next.events.end());
    return {all.begin(), all.end()};
}

schedule with_events(schedule s, const std::vector<std::size_t>& kept) {
    for (auto& next : s.steps) {
        std::erase_if(next.events, [&](std::size_t n) {
            return !std::binary_search(kept.begin(), kept.end(), n);
        });
    }
    std::erase_if(s.steps, [](const step& n) { return has_events(n) && n.events.empty(); });
    return s;
}

// All in one store.
schedule in_one_store(schedule s) {
    std::erase_if(s.steps, [](const step& n) { return n.kind == step_kind::sync; });
    for (auto& next : s.steps) next.store = 0;
    s.stores = 1;
    return s;
}

// Stores that no step names are not made; the others move up.
schedule without_unused_stores(schedule s) {
    std::set<std::size_t> used;
    for (const auto& next : s.steps) {
        used.insert(next.store);
        if (next.kind == step_kind::sync) used.insert(next.other);
    }
    const auto moved = [&](std::size_t store) {
        return static_cast<std::size_t>(std::distance(used.begin(), used.find(store)));
    };
    for (auto& next : s.steps) {
        next.store = moved(next.store);
        next.other = next.kind == step_kind::sync ? moved(next.other) : 0;
    }
    s.stores = std::max<std::size_t>(used.size(), 1);
    return s;
}

class shrinking {
public:
    shrinking(schedule from, std::size_t runs_max, const still_shows& shows)
        : best_(std::move(from)), runs_left_(runs_max), shows_(shows) {}

    schedule run() {
        for (schedule before; before != best_ && runs_left_ > 0;) {
            before = best_;
            reduce(events_of(best_), [this](const auto& kept) { return with_events(best_, kept); });
            reduce(best_.steps, [this](const auto& kept) {
                schedule s = best_;
                s.steps = kept;
                return s;
            });
            simplify();
        }
        return best_;
    }

private:
    bool attempt(const schedule& s) {
        if (s == best_ || s.steps.empty() || runs_left_ == 0) return false;
        --runs_left_;
        if (!shows_(s)) return false;
        best_ = s;
        return true;
    }

    // Takes out ever smaller parts of `items`; `make` builds the schedule of those that are left.
    template <class Item, class Make>
    void reduce(std::vector<Item> items, Make make) {
        std::size_t part = std::max<std::size_t>(items.size() / 2, 1);
        while (!items.empty() && runs_left_ > 0) {
            bool reduced = false;
            for (std::size_t at = 0; at < items.size();) {
                std::vector<Item> kept(items.begin(), items.begin() + static_cast<long>(at));
                const auto behind = std::min(at + part, items.size());
                kept.insert(kept.end(), items.begin() + static_cast<long>(behind), items.end());
                if (attempt(make(kept))) {
                    items = std::move(kept);
                    reduced = true;
                } else {
                    at = behind;
                }
            }
            if (part == 1 && !reduced) return;
            if (!reduced) part = std::max<std::size_t>(part / 2, 1);
        }
    }

    // Plainer ways to do the same.
    void simplify() {
        attempt(in_one_store(best_));
        attempt(without_unused_stores(best_));
        schedule manual = best_;
        manual.mode = projection_mode::manual;
        attempt(manual);
        for (std::size_t i = 0; i < best_.steps.size(); ++i) {
            schedule s = best_;
            if (s.steps[i].kind == step_kind::crash) {
                s.steps[i].kind = step_kind::deliver;
                s.steps[i].at = 0;
                attempt(s);
                s = best_;
            }
            if (has_events(s.steps[i]) && s.steps[i].events.size() > 1) {
                std::sort(s.steps[i].events.begin(), s.steps[i].events.end());
                attempt(s);
                s = best_;
            }
            for (std::size_t at = 0; at < s.steps[i].events.size();) {  // one that comes twice
                auto& events = s.steps[i].events;
                if (events.size() > 1) events.erase(events.begin() + static_cast<long>(at));
                if (!attempt(s)) ++at;
                s = best_;
            }
            // Two deliveries to one store, in one batch.
            if (i + 1 < s.steps.size() && s.steps[i].kind == step_kind::deliver &&
                s.steps[i + 1].kind == step_kind::deliver &&
                s.steps[i].store == s.steps[i + 1].store) {
                auto& into = s.steps[i].events;
                into.insert(into.end(), s.steps[i + 1].events.begin(), s.steps[i + 1].events.end());
                s.steps.erase(s.steps.begin() + static_cast<long>(i) + 1);
                attempt(s);
            }
        }
    }

    schedule best_;
    std::size_t runs_left_;
    const still_shows& shows_;
};

}  // namespace

schedule shrink(const schedule& from, std::size_t runs_max, const still_shows& shows) {
    return shrinking(from, runs_max, shows).run();
}

scenario without_unused_events(scenario s) {
    const auto used = events_of(s.schedule);
    std::vector<event> kept;
    for (const auto n : used) kept.push_back(std::move(s.events.at(n - 1)));
    s.events = std::move(kept);
    for (auto& next : s.schedule.steps) {
        for (auto& n : next.events) {
            n = 1 + static_cast<std::size_t>(std::lower_bound(used.begin(), used.end(), n) -
                                             used.begin());
        }
    }
    return s;
}

}  // namespace idem::testing
