#include "testing/generate.hpp"

#include <algorithm>

#include "testing/random.hpp"

namespace idem::testing {
namespace {

using numbers = std::vector<std::size_t>;

numbers all(std::size_t events) {
    numbers result;
    for (std::size_t n = 1; n <= events; ++n) result.push_back(n);
    return result;
}

class generator {
public:
    generator(std::uint64_t seed, order which, std::size_t events)
        : random_(seed), events_(events) {
        made_.seed = seed;
        made_.order = which;
        made_.mode = random_.one_in(2) ? projection_mode::inline_ : projection_mode::manual;
        if (which != order::arrival) made_.stores = 1 + random_.below(3);
    }

    schedule run() {
        std::vector<numbers> shares(made_.stores);
        for (const auto n : ordered()) {
            shares[random_.below(shares.size())].push_back(n);
            if (shares.size() > 1 && random_.one_in(5)) {  // at two places
                auto& other = shares[random_.below(shares.size())];
                if (other.empty() || other.back() != n) other.push_back(n);
            }
        }
        std::vector<std::vector<numbers>> batches;
        for (const auto& share : shares) batches.push_back(cut(share));
        deal(batches);
        for (std::size_t round = 0; round + 1 < made_.stores && made_.stores > 1; ++round) {
            for (std::size_t s = 0; s + 1 < made_.stores; ++s)
                add({.kind = step_kind::sync, .store = s, .other = s + 1});
        }
        redeliver();
        return std::move(made_);
    }

private:
    void add(step s) { made_.steps.push_back(std::move(s)); }

    // The events as they are to come; of one that folds by arrival, as they came.
    numbers ordered() {
        numbers events = all(events_);
        if (made_.order == order::arrival) return events;
        switch (random_.below(4)) {
            case 0:
                std::reverse(events.begin(), events.end());
                break;
            case 1:  // late ones here and there
                for (std::size_t i = 0; i + 1 < events.size(); ++i) {
                    if (!random_.one_in(4)) continue;
                    std::swap(events[i], events[i + random_.below(events.size() - i)]);
                }
                break;
            case 2:  // two halves the other way round
                std::rotate(events.begin(),
                            events.begin() + static_cast<long>(random_.below(events.size())),
                            events.end());
                break;
            default:
                random_.shuffle(events);
        }
        return events;
    }

    std::vector<numbers> cut(const numbers& events) {
        const std::size_t size_max = 1 + random_.below(std::max<std::size_t>(events.size(), 1));
        std::vector<numbers> batches;
        for (std::size_t at = 0; at < events.size();) {
            const std::size_t few = batches_max <= batches.size() ? events.size() : size_max;
            const auto size = std::min(1 + random_.below(few), events.size() - at);
            const auto begin = events.begin() + static_cast<long>(at);
            batches.emplace_back(begin, begin + static_cast<long>(size));
            at += size;
        }
        return batches;
    }

    // What has come before comes again, in front of what is new.
    numbers with_repeats(const numbers& before, const numbers& batch) {
        if (before.empty() || !random_.one_in(3)) return batch;
        numbers mixed;
        for (std::size_t i = 1 + random_.below(5); i > 0; --i) {
            mixed.push_back(before[random_.below(before.size())]);
        }
        for (const auto n : batch) {
            mixed.push_back(n);
            if (random_.one_in(8)) mixed.push_back(n);
        }
        return mixed;
    }

    void deal(const std::vector<std::vector<numbers>>& batches) {
        std::vector<std::size_t> next(made_.stores, 0);
        std::vector<numbers> before(made_.stores);
        for (;;) {
            numbers open;
            for (std::size_t s = 0; s < made_.stores; ++s) {
                if (next[s] < batches[s].size()) open.push_back(s);
            }
            if (open.empty()) return;
            const std::size_t s = open[random_.below(open.size())];
            const numbers batch = with_repeats(before[s], batches[s][next[s]]);
            if (random_.one_in(6)) {  // whoever was killed delivers again
                add({.kind = step_kind::crash,
                     .store = s,
                     .at = 1 + random_.below(batch.size() + 1),
                     .events = batch});
            }
            add({.kind = step_kind::deliver, .store = s, .events = batch});
            before[s].insert(before[s].end(), batches[s][next[s]].begin(),
                             batches[s][next[s]].end());
            ++next[s];
            between(s);
        }
    }

    void between(std::size_t s) {
        switch (random_.below(12)) {
            case 0:
                return add({.kind = step_kind::reopen, .store = s});
            case 1:
                return add({.kind = step_kind::rebuild, .store = s});
            case 2:
            case 3:
                return add({.kind = step_kind::catch_up, .store = s});
            case 4:
                if (made_.stores < 2) return;
                return add({.kind = step_kind::sync,
                            .store = s,
                            .other = (s + 1 + random_.below(made_.stores - 1)) % made_.stores});
            default:
                return;
        }
    }

    // Everything once more, to one store, shuffled and cut anew.
    void redeliver() {
        const std::size_t s = random_.below(made_.stores);
        numbers again = all(events_);
        random_.shuffle(again);
        for (auto& batch : cut(again)) {
            add({.kind = step_kind::deliver, .store = s, .events = std::move(batch)});
        }
        if (random_.one_in(4)) add({.kind = step_kind::rebuild, .store = s});
    }

    static constexpr std::size_t batches_max = 20;  // then they become large
    random_source random_;
    const std::size_t events_;
    schedule made_;
};

}  // namespace

schedule generate(std::uint64_t seed, order which, std::size_t events) {
    return generator(seed, which, events).run();
}

schedule check_schedule(step_kind which, order declared, std::size_t events) {
    schedule s;
    s.order = declared;
    s.steps.push_back({.kind = step_kind::deliver, .events = all(events)});
    s.steps.push_back({.kind = which});
    return s;
}

}  // namespace idem::testing
