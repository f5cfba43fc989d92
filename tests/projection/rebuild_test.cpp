// New rows beside the old: who reads sees the one or the other.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "counts.hpp"
#include "scratch_folder.hpp"

namespace {

using idem::projection_mode;

// A store with 100 events and version 1 of the counts.
struct counted_store {
    counted_store() : store(folder / "s.idem") {
        append_some(store, 0, 100);
        store.run(counts(), projection_mode::manual);
        store.catch_up("counts");
    }
    idem::store reopen() const { return idem::store(folder / "s.idem"); }

    scratch_folder folder;
    idem::store store;
};

bool has_rebuild_folder(const idem::store& store) {
    for (const auto& entry : std::filesystem::directory_iterator(store.path())) {
        if (entry.path().filename().string().starts_with("rebuild-")) return true;
    }
    return false;
}

}  // namespace

TEST_CASE("another version rests as stale and the old rows are served, until it was rebuilt") {
    counted_store s;
    idem::store store = s.reopen();
    store.run(counts(2), projection_mode::manual);
    const auto before = store.find_projection("counts");
    REQUIRE(before);
    CHECK(before->version == 1);
    CHECK(before->stale == "the rows are of version 1, and version 2 is wanted");
    CHECK(store.state("counts").version() == 1);
    CHECK(store.state(counts(1)).find("s0").row == 15);
    CHECK(code_of([&] { store.state(counts(2)); }) == idem::errc::stale);
    CHECK(code_of([&] { store.catch_up("counts"); }) == idem::errc::stale);

    const auto result = store.rebuild(counts(2));
    CHECK(result.complete);
    CHECK(result.position == 100);
    CHECK(result.rows == 7);
    CHECK(result.replaced == 1);
    CHECK(result.digest == store.replay(counts(2)).digest());
    CHECK(store.state("counts").version() == 2);
    CHECK(store.state(counts(2)).find("s0").row == 30);
    CHECK(store.state(counts(1)).find("s0").row == 15);  // kept until it is dropped
    CHECK(store.find_projection("counts")->stale.empty());
    CHECK_FALSE(has_rebuild_folder(store));
    append_some(store, 100, 10);
    CHECK(store.catch_up("counts") == 110);  // what rested runs
    CHECK(store.projections().size() == 2);
}

TEST_CASE("rows of other code or other schema versions are stale, those of the same are not") {
    counted_store s;
    idem::store store = s.reopen();
    SUBCASE("the same") {
        store.run(counts(), projection_mode::manual);
        CHECK(store.find_projection("counts")->stale.empty());
    }
    SUBCASE("code") {
        store.run(counts(1, "abc"), projection_mode::manual);
        CHECK(store.find_projection("counts")->stale ==
              "the rows were made by unnamed code, and code 'abc' is here");
        const auto result = store.rebuild(counts(1, "abc"));
        CHECK(result.replaced == 1);
        CHECK(store.projections().size() == 1);
        CHECK(store.find_projection("counts")->code == "abc");
        CHECK(store.catch_up("counts") == 100);
    }
    SUBCASE("schema versions") {
        store.run(counts().reads("Numbered", 2), projection_mode::manual);
        CHECK(store.find_projection("counts")->stale ==
              "the rows were made with version 1 of 'Numbered', and version 2 is read");
    }
}

TEST_CASE(
    "a rebuild of the same version puts its rows in place of the old, for those who hold them") {
    counted_store s;
    const auto held = s.store.state("counts");
    const auto of_s1 = [&] { return idem::row_codec<std::uint64_t>::decode(*held.find("s1").row); };
    for (int n = 0; n < 3; ++n) {
        const auto result = s.store.rebuild(counts());
        CHECK(result.digest == held.digest());
        CHECK(of_s1() == 15 + static_cast<std::uint64_t>(n));
        CHECK(held.row_count() == 7);
        append_some(s.store, 100 + static_cast<std::uint64_t>(n) * 7, 7);
        CHECK(s.store.catch_up("counts") == 107 + static_cast<std::uint64_t>(n) * 7);
        CHECK(s.store.rebuild(counts()).position == 107 + static_cast<std::uint64_t>(n) * 7);
        CHECK(held.digest() == s.store.replay(counts()).digest());
        CHECK(held.row_count() == 7);
    }
}

TEST_CASE("readers see the old rows or the new, never none or both, while appends go on") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    append_some(store, 0, 20'000 / 10, 50);
    for (std::uint64_t i = 1; i < 10; ++i) append_some(store, i * 2000, 2000, 50);
    store.run(counts(), projection_mode::inline_);
    std::atomic<bool> done = false;
    std::atomic<std::uint64_t> wrong = 0;
    std::atomic<std::uint64_t> seen = 0;
    std::thread reader([&] {
        while (!done) {
            const auto rows = store.state("counts");
            const auto page = rows.rows();
            std::uint64_t sum = 0;
            for (const auto& [key, row] : page.rows) {
                sum += idem::row_codec<std::uint64_t>::decode(row);
            }
            wrong += sum != page.position * rows.version() || page.rows.size() != 50;
            ++seen;
        }
    });
    std::thread appender([&] {
        for (std::uint64_t i = 20'000; !done; i += 10) append_some(store, i, 10, 50);
    });
    idem::store other(folder / "s.idem");
    for (int n = 0; n < 6; ++n) {
        for (const std::uint32_t version : {1U, 2U}) CHECK(other.rebuild(counts(version)).complete);
    }
    done = true;
    reader.join();
    appender.join();
    CHECK(seen > 10);
    CHECK(wrong == 0);
    CHECK(other.state("counts").version() == 2);
    CHECK(other.rebuild(counts(2)).digest == other.replay(counts(2)).digest());
    CHECK(store.state(counts(1)).digest() == store.replay(counts(1)).digest());
}

TEST_CASE("a rebuild that was stopped goes on where it was, wherever that is") {
    counted_store s;
    for (std::uint64_t i = 1; i <= 30; ++i) append_some(s.store, 100 * i, 100, 20'000);
    for (const auto stop :
         {idem::rebuild_progress::phase::replay, idem::rebuild_progress::phase::load,
          idem::rebuild_progress::phase::catch_up}) {
        CAPTURE(to_string(stop));
        const auto partial = s.store.rebuild(
            counts(2), {.events_per_second_max = 20'000, .progress = [&](const auto& p) {
                            return p.now != stop || p.position == 0;
                        }});
        if (partial.complete) {
            // The rows are so few that they are loaded in one step.
            CHECK(stop == idem::rebuild_progress::phase::load);
            s.store.switch_projection("counts", 1);
            s.store.drop_projection("counts", 2);
            continue;
        }
        CHECK(s.store.state("counts").version() == 1);
        CHECK(code_of([&] { s.store.state("counts", 2); }) == idem::errc::stale);
    }
    append_some(s.store, 9000, 100);
    std::uint64_t first = ~0ULL;
    const auto result = s.store.rebuild(counts(2), {.progress = [&](const auto& p) {
                                            first = std::min(first, p.position);
                                            return true;
                                        }});
    CHECK(result.complete);
    CHECK(first >= 3100);  // not from the beginning
    CHECK(result.position == 3200);
    CHECK(result.digest == s.store.replay(counts(2)).digest());
}

TEST_CASE(
    "a rebuild stops at the first event that fails, names it, and leaves the old rows alone") {
    counted_store s;
    const auto before = s.store.state("counts").digest();
    auto broken = std::make_shared<bool>(true);
    const auto fold =
        idem::keyed_fold<std::string, std::uint64_t>("counts", 2)
            .on(
                "Numbered", [](const idem::event_view& e) { return std::string(e.stream()); },
                [broken](std::uint64_t n, const idem::event_view& e) {
                    if (*broken && e.position() == 42)
                        throw std::runtime_error("no answer to this");
                    return *broken ? n + 100 : n + 2;
                });
    try {
        s.store.rebuild(fold);
        FAIL("completed");
    } catch (const idem::error& e) {
        CHECK(e.code() == idem::errc::handler_failed);
        CHECK(e.place().position == 42);
        CHECK(std::string(e.what()).find("no answer to this") != std::string::npos);
        CHECK(std::string(e.what()).find(to_string(numbered_id(41))) != std::string::npos);
    }
    CHECK(s.store.state("counts").version() == 1);
    CHECK(s.store.state("counts").digest() == before);
    *broken = false;  // and nothing of what it did while it was broken is left
    CHECK(s.store.rebuild(fold).digest == s.store.replay(counts(2)).digest());
}

TEST_CASE("a row that no event explains is gone after a rebuild") {
    scratch_folder folder;
    idem::store store(folder / "s.idem");
    append_some(store, 0, 10);
    idem::projection p = counts();
    p.keys_of = nullptr;
    p.apply_row = nullptr;
    const auto honest = p.apply;
    p.apply = [honest](const idem::event_view& e, idem::state_table& table) {
        honest(e, table);
        table.put("by hand", "12345678");
    };
    store.run(p, projection_mode::manual);
    store.catch_up("counts");
    CHECK(store.state("counts").find("by hand").row);
    store.rebuild(counts());
    CHECK_FALSE(store.state("counts").find("by hand").row);
    CHECK(store.state("counts").digest() == store.replay(counts()).digest());
}

TEST_CASE("a rebuild touches no other projection") {
    counted_store s;
    const auto other = idem::keyed_fold<std::string, std::uint64_t>("other").on(
        "Numbered", [](const idem::event_view&) { return std::string("all"); },
        [](std::uint64_t n, const idem::event_view&) { return n + 1; });
    s.store.run(other, projection_mode::manual);
    s.store.catch_up("other");
    const auto before = *s.store.find_projection("other");
    append_some(s.store, 100, 10);
    s.store.rebuild(counts(2));
    const auto after = *s.store.find_projection("other");
    CHECK(after.position == before.position);
    CHECK(after.digest == before.digest);
    CHECK(after.version == before.version);
}

TEST_CASE("a version can be kept beside, switched to, switched back from and dropped") {
    counted_store s;
    const auto beside = s.store.rebuild(counts(2), {.make_current = false});
    CHECK(beside.complete);
    CHECK(s.store.state("counts").version() == 1);
    CHECK(s.store.state(counts(2)).find("s0").row == 30);
    append_some(s.store, 100, 7);
    s.store.switch_projection(counts(2));  // with the events since
    CHECK(s.store.state("counts").version() == 2);
    CHECK(s.store.state("counts").position() == 107);
    CHECK(code_of([&] { s.store.drop_projection("counts", 2); }) == idem::errc::invalid_input);
    s.store.switch_projection("counts", 1);
    CHECK(s.store.state("counts").version() == 1);
    s.store.drop_projection("counts", 2);
    CHECK(s.store.projections().size() == 1);
    CHECK(code_of([&] { s.store.switch_projection("counts", 2); }) == idem::errc::not_found);
    CHECK(s.store.rebuild(counts(2)).digest == s.store.replay(counts(2)).digest());
    s.store.drop_projection("counts", 1);
    s.store.drop_projection("counts", 2);  // the last one
    CHECK(s.store.projections().empty());
    CHECK_FALSE(s.store.find_projection("counts"));
}

TEST_CASE(
    "who switches back to code that cannot read the newest events gets its rows as they were") {
    counted_store s;
    const auto reads_first = counts(1).reads("Numbered", 1);
    const auto reads_second = counts(2)
                                  .reads("Numbered", 2)
                                  .upcast(idem::upcasters().add(
                                      "Numbered", 1, [](std::string_view data) { return data; }));
    s.store.rebuild(reads_first);
    s.store.rebuild(reads_second);
    auto newer = counted(100);
    newer.schema_version = 2;
    s.store.append({counted(101), newer});
    s.store.switch_projection(reads_first);
    const auto back = s.store.find_projection("counts").value();
    CHECK(back.version == 1);
    CHECK(back.position == 101);  // as far as it can read
    CHECK(back.failure.find("version 2 of 'Numbered'") != std::string::npos);
    s.store.switch_projection(reads_second);
    CHECK(s.store.state("counts").version() == 2);
    CHECK(s.store.state("counts").position() == 102);
}

TEST_CASE("appends go on where an inline projection was dropped or rebuilt by other code") {
    counted_store s;
    idem::store store = s.reopen();
    store.run(counts(), projection_mode::inline_);
    SUBCASE("dropped") {
        s.store.drop_projection("counts", 1);
    }
    SUBCASE("rebuilt") {
        s.store.rebuild(counts(1, "other"));
    }
    append_some(store, 100, 10);
    CHECK(store.head() == 110);
}

TEST_CASE("an inline projection that rests runs once another process has rebuilt it") {
    counted_store s;
    idem::store store = s.reopen();
    store.run(counts(2), projection_mode::inline_);
    append_some(store, 100, 1);
    CHECK(s.store.rebuild(counts(2)).complete);
    append_some(store, 101, 1);
    CHECK(store.wait_for("counts", 102));
    CHECK(store.state(counts(2)).digest() == store.replay(counts(2)).digest());
}

TEST_CASE("two rebuilds of one version at once: one is told that it is busy") {
    counted_store s;
    idem::store other = s.reopen();
    idem::errc told{};
    const auto result = s.store.rebuild(counts(2), {.progress = [&](const auto&) {
                                            told = code_of([&] { other.rebuild(counts(2)); });
                                            return true;
                                        }});
    CHECK(result.complete);
    CHECK(told == idem::errc::busy);
}

TEST_CASE("a forgotten version is found by a sample of rows") {
    counted_store s;
    CHECK(s.store.check_projection(counts()).empty());
    auto changed = idem::keyed_fold<std::string, std::uint64_t>("counts").on(
        "Numbered", [](const idem::event_view& e) { return std::string(e.stream()); },
        [](std::uint64_t n, const idem::event_view& e) {
            return n + (e.stream() == "s3" ? 2 : 1);
        });
    CHECK(s.store.check_projection(changed) == std::vector<std::string>{"s3"});
    CHECK(code_of([&] { s.store.check_projection(counts(2)); }) == idem::errc::not_found);
}

TEST_CASE("two states are compared row by row") {
    counted_store s;
    s.store.rebuild(counts(2));
    append_some(s.store, 1000, 1, 3000);  // a new row, of stream s1000
    idem::store store = s.reopen();
    store.run(counts(2), projection_mode::manual);
    store.catch_up("counts");
    std::vector<std::string> keys;
    const auto count = idem::diff(s.store.state("counts", 1), s.store.state("counts", 2),
                                  [&](const idem::row_difference& d) {
                                      keys.emplace_back(d.key);
                                      CHECK(d.after.has_value());
                                      CHECK(d.before.has_value() == (d.key != "s1000"));
                                      return true;
                                  });
    CHECK(count.added == 1);
    CHECK(count.changed == 7);
    CHECK(count.removed == 0);
    CHECK(keys.size() == 8);
    CHECK(keys[2] == "s1000");
    CHECK(idem::diff(s.store.state("counts"), s.store.state("counts")).none());
    const auto back = idem::diff(s.store.state("counts", 2), s.store.state("counts", 1));
    CHECK(back.removed == 1);
}
