// Events of other stores, and a fold whose rows tell in which order it got them.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "idem/keyed_fold.hpp"
#include "idem/replica.hpp"
#include "idem/store.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "seeds.hpp"

// The wall clock of the stores of these tests, milliseconds since 1970.
inline std::atomic<std::uint64_t> wall_clock_ms = 2'000'000;

inline idem::open_options told_time() {
    idem::open_options options;
    options.clock = [] { return idem::timestamp(std::chrono::milliseconds(wall_clock_ms)); };
    return options;
}

inline idem::uuid origin_of(std::uint64_t number) {
    return idem::make_uuid_from_source("origin", std::to_string(number));
}

// Of one of seven streams.
inline idem::recorded_event foreign_event(std::uint64_t origin, std::uint64_t counter,
                                          std::uint64_t clock) {
    const std::uint64_t number = origin * 1'000'000 + counter;
    idem::recorded_event e;
    static_cast<idem::event&>(e) = numbered_event(number, "s" + std::to_string(number % 7));
    e.type = number % 11 == 0 ? "Ended" : "Numbered";
    e.time = idem::timestamp(std::chrono::seconds(1));
    e.stamp = {clock, origin_of(origin), counter};
    return e;
}

inline bool stands_before(const idem::recorded_event& a, const idem::recorded_event& b) {
    return std::tie(a.stamp.clock, a.stamp.origin, a.id) <
           std::tie(b.stamp.clock, b.stamp.origin, b.id);
}

using find_stamp = std::function<idem::stamp(const idem::event_view&)>;

// A chain over the ids and stamps of the events of each stream, and over all: any other order of
// any two gives another. One type deletes the row of its stream.
inline idem::projection traces(const find_stamp& stamp_of = [](const idem::event_view& e) {
    return e.stamp();
}) {
    const auto chained = [stamp_of](const std::string& row, const idem::event_view& e) {
        const idem::stamp s = stamp_of(e);
        const std::string link = idem::to_string(e.id()) + std::to_string(s.clock) +
                                 idem::to_string(s.origin) + std::to_string(s.counter);
        return idem::to_string(idem::make_uuid_from_source(row, link));
    };
    const auto keys = [](const idem::event_view& e) {
        return std::vector<std::string>{std::string(e.stream()), "all"};
    };
    return idem::keyed_fold<std::string, std::string>("traces")
        .on("Numbered", keys, chained)
        .on("Ended", keys,
            [chained](const std::string& row, const std::string& key, const idem::event_view& e) {
                if (key != "all") return std::optional<std::string>();
                return std::optional(chained(row, e));
            })
        .canonical();
}

// Of several origins whose clocks run on, now and then at one time.
inline std::vector<idem::recorded_event> foreign_history(std::mt19937_64& random,
                                                         std::size_t events, std::size_t origins) {
    std::vector<std::uint64_t> clocks(origins, std::uint64_t{2'000'000} << 16);
    std::vector<std::uint64_t> counters(origins);
    std::vector<idem::recorded_event> all;
    for (std::size_t i = 0; i < events; ++i) {
        const std::size_t origin = random() % origins;
        clocks[origin] += 1 + random() % 4;
        if (random() % 10 == 0) {
            clocks[origin] = *std::max_element(clocks.begin(), clocks.end()) + 1;
        }
        all.push_back(foreign_event(origin, ++counters[origin], clocks[origin]));
    }
    return all;
}

// In batches; each origin's in its own order, the origins mixed at will.
inline std::vector<std::vector<idem::recorded_event>> deal(std::vector<idem::recorded_event> events,
                                                           std::mt19937_64& random) {
    std::vector<std::vector<idem::recorded_event>> by_origin;
    for (const auto& e : events) {
        auto to = std::find_if(by_origin.begin(), by_origin.end(), [&](const auto& of) {
            return of.front().stamp.origin == e.stamp.origin;
        });
        if (to == by_origin.end()) to = by_origin.emplace(to);
        to->push_back(e);
    }
    std::vector<std::size_t> next(by_origin.size());
    std::vector<std::vector<idem::recorded_event>> batches;
    std::size_t left = events.size();
    while (left > 0) {
        auto& batch = batches.emplace_back();
        for (std::size_t n = 1 + random() % 20; n > 0 && left > 0; --n) {
            const std::size_t from = random() % by_origin.size();
            const std::size_t run = 1 + random() % 8;
            for (std::size_t i = 0; i < run && next[from] < by_origin[from].size(); ++i, --left) {
                batch.push_back(by_origin[from][next[from]++]);
            }
        }
        if (batch.empty()) batches.pop_back();
    }
    return batches;
}

inline void accept_all(idem::store& store, const std::vector<idem::recorded_event>& events) {
    for (const auto& answer : store.replica().accept(events)) {
        CAPTURE(answer.reason);
        REQUIRE(answer.outcome == idem::accept_outcome::appended);
    }
}
