// The tables of origins and stamps: what verify makes of them, and the tokens of writes.
#include <doctest/doctest.h>

#include <string>

#include "causality/origin_rows.hpp"
#include "idem/sync.hpp"
#include "idem/verify.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"
#include "storage/storage.hpp"

namespace {

// Two stores, each with an event of its own, one that both appended, and all of the other's.
struct synced_stores {
    scratch_folder folder;
    idem::store a{folder / "a.idem"};
    idem::store b{folder / "b.idem"};

    synced_stores() {
        REQUIRE(a.append(numbered_batch(1, 3)).accepted());
        REQUIRE(b.append(numbered_batch(3, 3)).accepted());
        REQUIRE(idem::sync_stores(a, b).in_sync());
    }
    idem::uuid origin_of(const idem::store& s) const {
        for (const auto& o : const_cast<idem::store&>(s).replica().origins()) {
            if (o.own) return o.origin;
        }
        return {};
    }
    // Behind the back of the store.
    template <class Change>
    void change(std::string_view table, Change&& how) {
        const auto env = idem::storage::environment::open(a.path(), {});
        idem::storage::write(
            *env, [&](idem::storage::write_transaction& txn) { how(txn, txn.open_table(table)); });
    }
    std::string finding() const {
        const auto report = idem::verify(a.path());
        REQUIRE(report.findings.size() == 1);
        CHECK(report.findings[0].kind == "table_mismatch");
        return report.findings[0].message;
    }
};

}  // namespace

TEST_CASE("verify derives the origins and the stamps again") {
    synced_stores s;
    CHECK(idem::verify(s.a.path()).findings.empty());
    const auto b = s.origin_of(s.b);
    const auto shared = s.a.find(numbered_id(3))->position;
    SUBCASE("a counter that the log does not have") {
        s.change(idem::origins_table, [&](auto& txn, auto table) {
            txn.put(table, idem::origin_key(b), idem::write_origin_row({7, 1}));
        });
        CHECK(s.finding().find("is not what the events make of it") != std::string::npos);
    }
    SUBCASE("an origin that nothing came from") {
        const auto nobody = idem::make_uuid_v4();
        s.change(idem::origins_table, [&](auto& txn, auto table) {
            txn.put(table, idem::origin_key(nobody), idem::write_origin_row({1, 1}));
        });
        CHECK(s.finding().find("is explained by no event") != std::string::npos);
    }
    SUBCASE("a stamp that is lost") {
        s.change(idem::stamps_table,
                 [&](auto& txn, auto table) { CHECK(txn.erase(table, idem::stamps_key(shared))); });
        // The order index lacks nothing: it has the item of that stamp, which it now cannot
        // explain.
        bool told = false;
        for (const auto& f : idem::verify(s.a.path()).findings) {
            told = told || (f.kind == "table_mismatch" &&
                            f.message.find("stamps is missing") != std::string::npos);
        }
        CHECK(told);
    }
}

TEST_CASE("an append answers with what covers it, wherever its events were made first") {
    synced_stores s;
    const auto a = s.origin_of(s.a);
    const auto b = s.origin_of(s.b);
    const auto fresh = s.a.append(numbered_event(10)).frontier;
    CHECK(fresh.counter_of(a) == 4);
    CHECK_FALSE(s.b.replica().frontier().covers(fresh));
    REQUIRE(idem::sync_stores(s.a, s.b).in_sync());
    CHECK(s.b.replica().wait_for(fresh, std::chrono::seconds(0)));

    // All are known here, each by the stamp that it has in the log: the third by its own.
    const auto known = s.a.append(numbered_batch(1, 5));
    CHECK(known.outcome() == idem::outcome::duplicate);
    CHECK(known.frontier.counter_of(a) == 3);
    CHECK(known.frontier.counter_of(b) == 3);

    auto other = numbered_event(1);
    other.data = "{}";
    CHECK(s.a.append(other).frontier.empty());
}
