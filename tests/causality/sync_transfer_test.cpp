// Replicas that sync in any order, broken off anywhere, come to hold the same.
#include <doctest/doctest.h>

#include <random>

#include "idem/error.hpp"
#include "memory_replica.hpp"

namespace {

using namespace idem;

struct broken_off {};

sync::transfer_result sync_pair(memory_replica& a, memory_replica& b, int messages = -1) {
    return sync::run(a, a, [&](const std::string& m) {
        if (messages == 0) throw broken_off();
        std::string reply = sync::serve(b, b, m);
        if (--messages == 0) throw broken_off();  // the answer is lost
        return reply;
    });
}

}  // namespace

TEST_CASE("replicas that sync in any order, broken off anywhere, come to hold the same") {
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        std::vector<memory_replica> replicas;
        for (std::uint64_t i = 0; i < 3; ++i) replicas.emplace_back(i);
        std::uint64_t number = 0;
        for (int step = 0; step < 40; ++step) {
            memory_replica& one = replicas[random() % 3];
            memory_replica& other = replicas[random() % 3];
            if (random() % 3 != 0 || &one == &other) {
                for (std::uint64_t i = 0, n = random() % 60; i < n; ++i) {
                    // sometimes one that another replica may have appended too
                    one.append(numbered_event(random() % 8 == 0 ? random() % 50 : ++number + 50));
                }
                continue;
            }
            try {
                sync_pair(one, other, static_cast<int>(random() % 12) - 1);
            } catch (const broken_off&) {
            }
        }
        for (int round = 0; round < 2; ++round) {
            for (const auto& [a, b] : {std::pair(0, 1), std::pair(1, 2), std::pair(2, 0)}) {
                CHECK(sync_pair(replicas[a], replicas[b]).in_sync());
            }
        }
        CHECK(replicas[0].items == replicas[1].items);
        CHECK(replicas[0].items == replicas[2].items);
        for (const auto& r : replicas) CHECK(r.gaps == 0);
        const auto again = sync_pair(replicas[0], replicas[2]);
        CHECK(again.rounds == 1);
        CHECK(again.sent.all() + again.received.all() == 0);
    }
}

TEST_CASE("a replica that holds nothing gets all, and sends nothing") {
    memory_replica full(1);
    for (std::uint64_t i = 0; i < 5000; ++i) full.append(numbered_event(i));
    memory_replica empty(2);
    const auto result = sync_pair(empty, full);
    CHECK(result.received.of(sync::verdict::accepted) == 5000);
    CHECK(result.sent.all() == 0);
    CHECK(result.rounds <= 12);
    CHECK(empty.items == full.items);
    memory_replica another(3);
    CHECK(sync_pair(full, another).sent.of(sync::verdict::accepted) == 5000);
    CHECK(another.items == full.items);
}

TEST_CASE("one id with two contents is found on both sides, and the rest goes over") {
    memory_replica a(1);
    memory_replica b(2);
    a.append(numbered_event(1, "here"));
    b.append(numbered_event(1, "there"));
    a.append(numbered_event(2));
    b.append(numbered_event(3));
    const auto result = sync_pair(a, b);
    CHECK(!result.in_sync());
    CHECK(result.sent.of(sync::verdict::conflict) == 1);
    CHECK(result.received.of(sync::verdict::conflict) == 1);
    CHECK(result.sent.of(sync::verdict::accepted) == 1);
    CHECK(result.received.of(sync::verdict::accepted) == 1);
}

TEST_CASE("messages that are changed on either way take in nothing that was not asked for") {
    std::mt19937_64 random(9);
    int refused = 0;
    for (int run = 0; run < 600; ++run) {
        memory_replica a(1);
        memory_replica b(2);
        for (std::uint64_t i = 0; i < 60; ++i) (i % 3 == 0 ? a : b).append(numbered_event(i));
        std::uint64_t rounds = 0;
        const auto damage = [&](std::string m) {
            if (random() % 3 == 0) m[random() % m.size()] ^= static_cast<char>(1 << random() % 8);
            if (random() % 20 == 0) m.resize(random() % m.size());
            return m;
        };
        try {
            sync::run(a, a, [&](const std::string& m) {
                CHECK(++rounds < 2000);
                return damage(sync::serve(b, b, damage(m)));
            });
        } catch (const error& e) {
            CHECK(e.code() == errc::invalid_input);
            ++refused;
        }
        // What b has was not changed on its way to a.
        for (const auto& [key, id] : a.items) {
            const bool own = a.load(key)->event.stamp.origin == numbered_id(1'000'001);
            CHECK((own || b.items.contains(key)));
        }
    }
    CHECK(refused > 200);
}
