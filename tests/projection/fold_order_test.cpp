// The order that a projection declares, and the store's notes to itself, which none is shown.
#include <doctest/doctest.h>

#include "foreign_events.hpp"

namespace {

// Of every type, so that nothing is left out for its type.
idem::projection of_all(idem::fold_order order) {
    idem::projection p = idem::keyed_fold<std::string, std::uint64_t>("all").on(
        "Numbered", [](const idem::event_view& e) { return std::string(e.stream()); },
        [](std::uint64_t n, const idem::event_view&) { return n + 1; });
    p.types.clear();
    p.keys_of = [](const idem::event_view& e, idem::key_sink& to) { to.take(e.stream()); };
    p.apply_row = [](const idem::event_view&, std::string_view, idem::state_table::slot& row) {
        row.bytes += '+';
        row.present = row.changed = true;
    };
    p.apply = [](const idem::event_view& e, idem::state_table& table) {
        table.put(e.stream(), std::string(table.find(e.stream()).value_or("")) + '+');
    };
    p.order = order;
    return p;
}

void check_streams(const idem::state& rows, std::uint64_t head) {
    CHECK(rows.position() == head);
    std::size_t touches = 0;
    rows.for_each([&](std::string_view key, std::string_view row) {
        CHECK_FALSE(key.starts_with('$'));
        touches += row.size();
    });
    CHECK(touches == 40);
}

}  // namespace

TEST_CASE("notes of the stream $local reach no projection, on whichever way it is folded") {
    std::mt19937_64 random(1);
    wall_clock_ms = 2'000'000;
    const auto events = foreign_history(random, 40, 3);
    for (const auto order : {idem::fold_order::arrival, idem::fold_order::canonical}) {
        for (const auto mode : {idem::projection_mode::inline_, idem::projection_mode::background,
                                idem::projection_mode::manual}) {
            const auto p = of_all(order);
            const scratch_folder folder;
            idem::store store(folder / "s.idem", told_time());
            store.run(p, mode);
            for (const auto& batch : deal(events, random)) accept_all(store, batch);
            CHECK(store.at(store.head())->stream == "$local");
            if (mode == idem::projection_mode::manual) store.catch_up("all");
            REQUIRE(store.wait_for("all", store.head(), std::chrono::seconds(60)));
            check_streams(store.state("all"), store.head());
            check_streams(store.replay(p), store.head());
            store.rebuild(p);
            check_streams(store.state("all"), store.head());
            std::uint64_t told = 0;
            store.trace(p, 0, [&](const idem::event_view* e, const auto&) {
                told += e ? 1 : 0;
                return true;
            });
            CHECK(told == 40);
        }
    }
}

TEST_CASE("the declared order is kept, and to commute makes no other rows") {
    const scratch_folder folder;
    std::string fingerprint;
    {
        idem::store store(folder / "s.idem");
        store.run(of_all(idem::fold_order::arrival), idem::projection_mode::inline_);
        store.append(numbered_event(1));
        fingerprint = store.find_projection("all")->fingerprint;
    }
    idem::store store(folder / "s.idem");
    CHECK(store.why_stale(of_all(idem::fold_order::commutative)).empty());
    CHECK_FALSE(store.why_stale(of_all(idem::fold_order::canonical)).empty());
    store.run(of_all(idem::fold_order::commutative), idem::projection_mode::inline_);
    const auto info = store.find_projection("all");
    CHECK(info->order == idem::fold_order::commutative);
    CHECK(info->fingerprint == fingerprint);
    CHECK(info->rows == 1);
}
