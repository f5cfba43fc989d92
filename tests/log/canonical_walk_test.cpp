// The walk of the log in canonical order.
#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <tuple>

#include "log/canonical_walk.hpp"
#include "small_order.hpp"

namespace {

idem::uuid origin_numbered(std::uint64_t number) {
    return idem::make_uuid_from_source("origin", std::to_string(number));
}

std::vector<std::uint64_t> all_of(idem::canonical_walk& walk, std::mt19937_64& random) {
    std::vector<std::uint64_t> all;
    for (;;) {
        const auto next = walk.next(1 + random() % 100);
        if (next.empty()) return all;
        all.insert(all.end(), next.begin(), next.end());
    }
}

}  // namespace

TEST_CASE("the walk goes in canonical order, however much is late and however little it holds") {
    for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U}) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        small_order log;
        const std::uint64_t late_one_in = 1 + random() % 30;
        std::uint64_t clock = 1000;
        std::vector<std::pair<idem::order_key, std::uint64_t>> known;  // with its position
        for (std::uint64_t batch = 0, number = 0; batch < 20; ++batch) {
            std::vector<idem::event> events;
            std::vector<idem::stamp> stamps;
            const std::uint64_t head = log.head();
            for (std::uint64_t i = 0, size = 1 + random() % 60; i < size; ++i) {
                const bool note = random() % 15 == 0 && !known.empty();
                events.push_back(
                    numbered_event(++number, note ? std::string(idem::local_stream) : "stream"));
                const bool late = random() % late_one_in == 0;
                stamps.push_back({late ? 1 + random() % clock : (clock += random() % 3),
                                  origin_numbered(random() % 4), number});
                if (!note) {
                    known.push_back({{stamps.back().clock, stamps.back().origin, events.back().id},
                                     head + 1 + i});
                    continue;
                }
                auto& [key, position] = known[random() % known.size()];
                const idem::stamp other{1 + random() % clock, origin_numbered(random() % 4), 1};
                log.notes.by_note[events.back().id] = {key.id, {other, {}}};
                key = std::min(key, idem::order_key{other.clock, other.origin, key.id});
            }
            log.append(events, stamps);
        }
        std::sort(known.begin(), known.end());
        std::vector<std::uint64_t> expected;
        for (const auto& [key, position] : known) expected.push_back(position);
        for (const std::size_t sequences_max : {1U, 2U, 5U, 255U}) {
            for (const std::size_t late_max : {1U, 7U, 100U, 1'000'000U}) {
                CAPTURE(sequences_max);
                CAPTURE(late_max);
                idem::canonical_walk walk(log.env(), log.tables(), log.head(), log.notes, late_max,
                                          sequences_max);
                CHECK(all_of(walk, random) == expected);
            }
        }
    }
}

TEST_CASE("a walk to a position knows of nothing that came behind it") {
    small_order log;
    std::vector<idem::event> events{numbered_event(1), numbered_event(2), numbered_event(3),
                                    numbered_event(4, std::string(idem::local_stream)),
                                    numbered_event(5)};
    const auto origin = origin_numbered(1);
    log.append(
        events,
        {{10, origin, 1}, {20, origin, 2}, {15, origin, 3}, {30, origin, 4}, {1, origin, 5}});
    log.notes.by_note[events[3].id] = {events[1].id, {{5, origin, 9}, {}}};
    std::mt19937_64 random(1);
    const auto walk_to = [&](std::uint64_t last) {
        idem::canonical_walk walk(log.env(), log.tables(), last, log.notes);
        return all_of(walk, random);
    };
    using positions = std::vector<std::uint64_t>;
    CHECK(walk_to(0).empty());
    CHECK(walk_to(2) == positions{1, 2});
    CHECK(walk_to(3) == positions{1, 3, 2});
    CHECK(walk_to(4) == positions{2, 1, 3});
    CHECK(walk_to(5) == positions{5, 2, 1, 3});
}
