// Full and failing disks: nothing acknowledged is lost, and the error says what is known.
#include "failing_disk.hpp"

#include <doctest/doctest.h>

#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

namespace {

using failing_disk::failure;
using failing_disk::mode;
using idem::errc;

idem::error append_fails(idem::store& store, std::uint64_t number) {
    try {
        store.append(numbered_event(number));
    } catch (const idem::error& e) {
        return e;
    }
    FAIL("the append was acknowledged");
    return {errc::io, ""};
}

}  // namespace

TEST_CASE("a full disk is no_space; reads go on, and appends resume with room") {
    for (const mode m : {mode::full_in_one_page, mode::full_in_many_pages, mode::sync_fails}) {
        const scratch_folder folder;
        idem::store store(folder / "s.idem");
        store.append(numbered_event(1));
        {
            const failure failing(m);
            const auto fault = append_fails(store, 2);
            CHECK(fault.code() == errc::no_space);
            CHECK(std::string(fault.what()).find("s.idem") != std::string::npos);
            CHECK(failing_disk::refused() > 0);
            CHECK(store.head() == 1);
            CHECK(store.find(numbered_id(1)));
            CHECK_FALSE(store.find(numbered_id(2)));
            append_fails(store, 3);
        }
        const auto again = store.append({numbered_event(2), numbered_event(3)});
        REQUIRE(again.accepted());
        CHECK(again.receipts[0] == idem::receipt{numbered_id(2), idem::outcome::appended, 2, 1});
        CHECK(store.append(numbered_event(1)).outcome() == idem::outcome::duplicate);
        CHECK(idem::verify(folder / "s.idem").sound());
    }
}

TEST_CASE(
    "a commit that fails in its last write is outcome_unknown, until the store is opened again") {
    const scratch_folder folder;
    {
        idem::store store(folder / "s.idem");
        store.append(numbered_event(1));
        {
            const failure failing(mode::meta_page_fails);
            CHECK(append_fails(store, 2).code() == errc::outcome_unknown);
            CHECK(failing_disk::refused() > 0);
        }
        CHECK(append_fails(store, 2).code() == errc::outcome_unknown);  // this handle is done for
    }
    idem::store store(folder / "s.idem");
    const auto before = store.head();
    CHECK((before == 1 || before == 2));
    const auto answer = store.append(numbered_event(2)).outcome();
    CHECK(answer == (before == 2 ? idem::outcome::duplicate : idem::outcome::appended));
    CHECK(store.head() == 2);
    CHECK(idem::verify(folder / "s.idem").sound());
}

TEST_CASE("a full disk while a store is made leaves none") {
    const scratch_folder folder;
    {
        const failure failing(mode::full_in_one_page);
        CHECK_THROWS_AS(idem::store(folder / "s.idem"), idem::error);
    }
    CHECK(std::filesystem::is_empty(folder.path()));
    CHECK(idem::store(folder / "s.idem").head() == 0);
}

TEST_CASE("an inline projection and the log fail and resume together") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    const auto counts = idem::keyed_fold<std::string, std::uint64_t>("counts").on(
        "Happened", [](const idem::event_view& e) { return std::string(e.stream()); },
        [](std::uint64_t n, const idem::event_view&) { return n + 1; });
    store.run(counts, idem::projection_mode::inline_);
    store.append(numbered_event(1));
    {
        const failure failing(mode::full_in_one_page);
        append_fails(store, 2);
        append_fails(store, 3);
    }
    CHECK(store.state(counts).find("stream").row == 1);
    store.append({numbered_event(2), numbered_event(3)});
    CHECK(store.state(counts).find("stream").row == 3);
    CHECK(store.state(counts).digest() == store.replay(counts).digest());
}

#ifndef __SANITIZE_THREAD__  // see failing_disk.cpp
TEST_CASE("a map that is lost as it grows ends in an error, and the store opens again") {
    const scratch_folder folder;
    const auto fill = [&](std::uint64_t from) {
        idem::store store(folder / "s.idem", {.map_bytes = 1 << 20});
        const failure failing(mode::maps_no_file);
        std::uint64_t n = from;
        try {
            for (; n < from + 10'000; n += 100) store.append(numbered_batch(n, 100));
        } catch (const idem::error& e) {
            CHECK(e.code() == errc::map_full);
        }
        CHECK(failing_disk::refused() == 1);
        // It is known, and not found out by a signal.
        CHECK(append_fails(store, n).code() == errc::map_full);
        CHECK_THROWS_WITH_AS(store.head(), doctest::Contains("open the store again"), idem::error);
        CHECK_THROWS_AS(store.find(numbered_id(1)), idem::error);
        CHECK_THROWS_AS(store.backup(folder / "copy"), idem::error);
        CHECK_THROWS_AS(store.stats(), idem::error);
        return n;
    };
    const std::uint64_t acknowledged = fill(0);
    REQUIRE(acknowledged > 0);
    idem::store store(folder / "s.idem", {.map_bytes = 1 << 20});
    CHECK(store.head() == acknowledged);
    store.append(numbered_batch(acknowledged, 10'000));
    CHECK(idem::verify(folder / "s.idem").sound());
}
#endif
