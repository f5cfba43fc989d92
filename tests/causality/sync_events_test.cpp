// Events come out of a message as they went in, or are refused.
#include "causality/sync_events.hpp"

#include <doctest/doctest.h>

#include <random>

#include "idem/error.hpp"
#include "log/record.hpp"
#include "sample_events.hpp"

namespace {

using namespace idem;

sync::carried_events some(std::uint64_t events) {
    sync::carried_events all;
    for (std::uint64_t i = 0; i < events; ++i) {
        sync::carried_event carried;
        static_cast<event&>(carried.event) = numbered_event(i);
        carried.event.tags = {"a", "b:" + std::to_string(i)};
        carried.event.metadata = {{"trace", std::to_string(i)}};
        carried.event.time = timestamp(std::chrono::nanoseconds(77 + i));
        carried.event.stamp = {i + 1, numbered_id(99), i + 1};
        if (i % 3 == 0) carried.event.data_subject = "ann";
        if (i % 6 == 0) {
            carried.event.erased = true;
            carried.event.data.clear();
        }
        if (i % 4 == 0) {
            other_stamp other{{i + 5, numbered_id(98), i + 2}, {}};
            other.content.fill(static_cast<std::uint8_t>(i));
            carried.others = {other};
        }
        all.events.push_back(carried);
    }
    all.skipped = 3;
    return all;
}

}  // namespace

TEST_CASE("events come out of a message as they went in, and stand for the same items") {
    const auto sent = some(50);
    const std::string bytes = sync::encode_events(sent);
    const auto got = sync::decode_events(bytes);
    CHECK(got.skipped == 3);
    REQUIRE(got.events.size() == sent.events.size());
    for (std::size_t i = 0; i < got.events.size(); ++i) {
        CHECK(got.events[i].event == sent.events[i].event);
        CHECK(got.events[i].others == sent.events[i].others);
        const auto keys = got.events[i].keys();
        CHECK(keys == sent.events[i].keys());
        CHECK(keys.size() == 1 + sent.events[i].others.size());
        auto changed = got.events[i];
        changed.event.stream += "x";
        CHECK(changed.keys().front() != keys.front());
        changed = got.events[i];
        ++changed.event.stamp.counter;
        CHECK(changed.keys().front() != keys.front());
        changed = got.events[i];
        changed.event.metadata.clear();  // no content
        CHECK(changed.keys().front() == keys.front());
    }
}

TEST_CASE("events that are changed on their way are refused, or stand for other items") {
    std::mt19937_64 random(11);
    const auto sent = some(8);
    const std::string bytes = sync::encode_events(sent);
    int refused = 0;
    for (int run = 0; run < 20'000; ++run) {
        std::string changed = bytes;
        for (int i = 0, n = 1 + static_cast<int>(random() % 3); i < n; ++i) {
            changed[random() % changed.size()] ^= static_cast<char>(1 << random() % 8);
        }
        if (random() % 8 == 0) changed.resize(random() % changed.size());
        try {
            for (const auto& e : sync::decode_events(changed).events) e.keys();
        } catch (const error& e) {
            CHECK(e.code() == errc::invalid_input);
            ++refused;
        }
    }
    CHECK(refused > 2000);
}
