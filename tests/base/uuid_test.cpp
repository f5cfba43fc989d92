#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <set>
#include <thread>

#include "idem/uuid.hpp"

TEST_CASE("a UUID prints as it was parsed, in lower case") {
    const auto id = idem::uuid::parse("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6");
    REQUIRE(id);
    CHECK(to_string(*id) == "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
    CHECK(idem::uuid::parse("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6") == id);
    for (const char* bad :
         {"", "f81d4fae", "f81d4fae-7dec-11d0-a765-00a0c91e6bf",
          "f81d4fae-7dec-11d0-a765-00a0c91e6bf6 ", "{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}",
          "f81d4fae-7dec-11d0-a765-00a0c91e6bg6", "f81d4fae07dec-11d0-a765-00a0c91e6bf6",
          "urn:uuid:"}) {
        CAPTURE(bad);
        CHECK_FALSE(idem::uuid::parse(bad));
    }
}

TEST_CASE("version 5 is that of RFC 9562: SHA-1 of space and name") {
    CHECK(to_string(idem::make_uuid_v5(idem::uuid_space::dns, "www.example.com")) ==
          "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    CHECK(idem::make_uuid_from_source("/a", "1") == idem::make_uuid_from_source("/a", "1"));
    CHECK(idem::make_uuid_from_source("/a", "1") != idem::make_uuid_from_source("/b", "1"));
    CHECK(idem::make_uuid_from_source("/a", "1b") != idem::make_uuid_from_source("/a1", "b"));
    CHECK(idem::make_uuid_from_source("/a", "1").version() == 5);
}

TEST_CASE("version 4 ids are random, with version and variant set") {
    std::set<idem::uuid> seen;
    for (int i = 0; i < 1000; ++i) {
        const auto id = idem::make_uuid_v4();
        CHECK(id.version() == 4);
        CHECK((id.bytes[8] & 0xc0) == 0x80);
        seen.insert(id);
    }
    CHECK(seen.size() == 1000);
}

TEST_CASE("version 7 ids strictly rise, whatever the clock does") {
    const auto rises = [](const std::vector<std::uint64_t>& clock, std::uint64_t bits) {
        std::size_t at = 0;
        idem::uuid_v7_generator generator([&] { return clock[at++]; }, [&] { return bits; });
        idem::uuid last = generator.next();
        while (at < clock.size()) {
            const idem::uuid next = generator.next();
            if (next <= last || next.version() != 7) return false;
            last = next;
        }
        return true;
    };
    CHECK(rises(std::vector<std::uint64_t>(5000, 1'700'000'000'000), 0));  // stands still
    CHECK(rises(std::vector<std::uint64_t>(5000, 1'700'000'000'000), ~0ULL));
    CHECK(rises({100, 200, 150, 150, 199, 201, 1, 202}, 7));  // steps back
    CHECK(rc::check("any clock", [&](std::vector<std::uint16_t> clock, std::uint64_t bits) {
        RC_PRE(clock.size() > 1);
        RC_ASSERT(rises({clock.begin(), clock.end()}, bits));
    }));
}

TEST_CASE("a version 7 counter that overflows moves the millisecond ahead") {
    // The counter starts at 2^41 - 1 at most, so an overflow is 2^41 ids away: start beside it
    // instead.
    std::uint64_t bits = ~0ULL;
    std::uint64_t clock = 1000;
    idem::uuid_v7_generator generator([&] { return clock; }, [&] { return bits; });
    const auto first = generator.next();
    const auto millisecond = [](const idem::uuid& id) {
        std::uint64_t value = 0;
        for (int i = 0; i < 6; ++i) value = value << 8 | id.bytes[static_cast<std::size_t>(i)];
        return value;
    };
    CHECK(millisecond(first) == 1000);
    CHECK((first.bytes[6] & 0x08) == 0);  // room to count: the counter's top bit is clear
    clock = 999;
    CHECK(millisecond(generator.next()) == 1000);
    clock = 1001;
    CHECK(millisecond(generator.next()) == 1001);
}

TEST_CASE("ids of many threads differ") {
    std::vector<std::vector<idem::uuid>> made(4);
    std::vector<std::thread> threads;
    for (auto& ids : made) {
        threads.emplace_back([&ids] {
            for (int i = 0; i < 10'000; ++i) ids.push_back(idem::make_uuid_v7());
        });
    }
    for (auto& thread : threads) thread.join();
    std::set<idem::uuid> all;
    for (const auto& ids : made) {
        CHECK(std::is_sorted(ids.begin(), ids.end()));
        all.insert(ids.begin(), ids.end());
    }
    CHECK(all.size() == 40'000);
}
