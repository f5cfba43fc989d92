// Rows as they were, kept for looks at the past: a shorter way, never another answer.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <set>

#include "counts.hpp"
#include "scratch_folder.hpp"
#include "storage/cursor.hpp"
#include "storage/storage.hpp"

namespace {

namespace storage = idem::storage;

// Which events a projection is given shows whether it began at a checkpoint.
struct watched_counts {
    std::shared_ptr<std::set<std::uint64_t>> seen = std::make_shared<std::set<std::uint64_t>>();
    idem::projection fold;

    explicit watched_counts(const idem::projection& p = counts()) : fold(p) {
        fold.keys_of = nullptr;
        fold.apply_row = nullptr;
        fold.apply = [seen = seen, apply = fold.apply](const idem::event_view& e,
                                                       idem::state_table& table) {
            seen->insert(e.position());
            apply(e, table);
        };
    }
    // The first event that a look at `position` replays; 0: none.
    std::uint64_t first_replayed(idem::store& store, std::uint64_t position) {
        const auto expected = store.replay(fold, position).digest();
        seen->clear();
        const auto rows = store.state_at(fold, position);
        CHECK(rows.digest() == expected);
        CHECK(rows.position() == std::min(position, store.head()));
        return seen->empty() ? 0 : *seen->begin();
    }
};

struct long_store {
    long_store() : store(folder / "s.idem") { append_some(store, 0, 1000); }

    std::vector<std::uint64_t> positions() const {
        std::vector<std::uint64_t> found;
        for (const auto& c : store.checkpoints()) found.push_back(c.position);
        std::sort(found.begin(), found.end());
        return found;
    }
    // Changes the environment under the store.
    void damage(const char* table, const std::string& begins,
                const std::function<void(storage::write_transaction&, storage::table,
                                         const std::string& key, std::string row)>& how) {
        const auto env = storage::environment::open(folder / "s.idem", {});
        const auto in = env->find_table(table).value();
        storage::write(*env, [&](storage::write_transaction& txn) {
            std::string key;
            std::string row;
            {
                storage::cursor cursor(txn, in);
                const auto found = cursor.seek(begins);
                REQUIRE(found);
                key = found->first;
                row = found->second;
            }
            how(txn, in, key, row);
        });
    }
    std::uint64_t rows_kept() const {
        const auto env = storage::environment::open(folder / "s.idem", {});
        const auto kept = env->find_table("checkpoints");
        if (!kept) return 0;
        const storage::read_transaction txn(*env);
        return txn.stats(*kept).entries;
    }

    scratch_folder folder;
    idem::store store;
};

const std::string first_row(1, '\0');
const std::string first_id("\0\0\0\1", 4);

}  // namespace

TEST_CASE("rows at any position are those of a replay, with whatever checkpoints there are") {
    CHECK(rc::check("checkpoints", [] {
        const scratch_folder folder;
        idem::store store(folder / "s.idem");
        const auto events = *rc::gen::inRange<std::uint64_t>(1, 300);
        append_some(store, 0, events, *rc::gen::inRange<std::uint64_t>(1, 50));
        const int steps = *rc::gen::inRange(1, 25);
        for (int i = 0; i < steps; ++i) {
            const auto position = *rc::gen::inRange<std::uint64_t>(0, events + 3);
            if (*rc::gen::arbitrary<bool>()) {
                store.keep_checkpoint(counts(), position);
            } else {
                const auto rows = store.state_at(counts(), position);
                const auto replayed = store.replay(idem::projection(counts()), position);
                RC_ASSERT(rows.digest() == replayed.digest());
                RC_ASSERT(rows.position() == replayed.position());
                RC_ASSERT(idem::diff(rows, replayed).none());
            }
            RC_ASSERT(store.checkpoints().size() <= 8U);
        }
    }));
}

TEST_CASE("a look at the past begins at the nearest checkpoint before it") {
    long_store s;
    watched_counts p;
    CHECK(s.store.keep_checkpoint(p.fold, 300));
    CHECK(s.store.keep_checkpoint(p.fold, 600));
    CHECK(s.store.keep_checkpoint(p.fold, 600));  // once more: it is kept
    CHECK(p.first_replayed(s.store, 299) == 1);
    CHECK(p.first_replayed(s.store, 300) == 0);
    CHECK(p.first_replayed(s.store, 301) == 301);
    CHECK(p.first_replayed(s.store, 950) == 601);
    CHECK(p.first_replayed(s.store, idem::store::last_position) == 601);
    CHECK(s.store.checkpoints().at(0).rows == 7);
    idem::store again(s.folder / "s.idem");
    CHECK(p.first_replayed(again, 950) == 601);
}

TEST_CASE("of more than eight the one goes whose neighbours are nearest, the new one among them") {
    long_store s;
    for (const std::uint64_t at : {100, 200, 300, 310, 500, 600, 700, 800}) {
        REQUIRE(s.store.keep_checkpoint(counts(), at));
    }
    CHECK(s.store.keep_checkpoint(counts(), 900));
    CHECK(s.positions() == std::vector<std::uint64_t>{100, 200, 310, 500, 600, 700, 800, 900});
    CHECK(s.store.keep_checkpoint(counts(), 805));
    CHECK(s.positions() == std::vector<std::uint64_t>{100, 200, 310, 500, 600, 700, 805, 900});
    CHECK(s.rows_kept() == 8 * 7);
    watched_counts p;
    for (std::uint64_t at = 0; at <= 1000; at += 50) p.first_replayed(s.store, at);
}

TEST_CASE("checkpoints of other code or another definition are not used, and go first") {
    long_store s;
    watched_counts p;
    REQUIRE(s.store.keep_checkpoint(p.fold, 500));
    watched_counts other(counts(1, "abc"));
    CHECK(other.first_replayed(s.store, 600) == 1);
    watched_counts defined;
    defined.fold.definition = "{}";
    CHECK(defined.first_replayed(s.store, 600) == 1);
    watched_counts later(counts(2));
    CHECK(later.first_replayed(s.store, 600) == 1);
    CHECK(p.first_replayed(s.store, 600) == 501);
    REQUIRE(s.store.keep_checkpoint(other.fold, 400));
    CHECK(s.positions() == std::vector<std::uint64_t>{400});
    CHECK(s.rows_kept() == 7);
}

TEST_CASE("a damaged checkpoint is never believed") {
    long_store s;
    watched_counts p;
    REQUIRE(s.store.keep_checkpoint(p.fold, 500));
    SUBCASE("a row changed") {
        s.damage("checkpoints", first_row, [](auto& txn, auto table, auto& key, auto row) {
            ++row[0];
            txn.put(table, key, row);
        });
    }
    SUBCASE("a row missing") {
        s.damage("checkpoints", first_row,
                 [](auto& txn, auto table, auto& key, auto) { txn.erase(table, key); });
    }
    SUBCASE("a row too many") {
        s.damage("checkpoints", first_row, [](auto& txn, auto table, auto&, auto row) {
            txn.put(table, first_id + "t", row);
        });
    }
    SUBCASE("all rows missing") {
        s.damage("checkpoints", first_row,
                 [](auto& txn, auto table, auto&, auto) { txn.clear_table(table); });
    }
    SUBCASE("the entry is garbage") {
        s.damage("catalog", "checkpoint/", [](auto& txn, auto table, auto& key, auto) {
            txn.put(table, key, "this was never an entry of the catalog");
        });
    }
    SUBCASE("the entry is empty") {
        s.damage("catalog", "checkpoint/",
                 [](auto& txn, auto table, auto& key, auto) { txn.put(table, key, ""); });
    }
    SUBCASE("any bit of the entry") {
        std::string sound;
        s.damage("catalog", "checkpoint/",
                 [&](auto&, auto, auto&, auto row) { sound = std::move(row); });
        for (std::size_t bit = 0; bit < sound.size() * 8; ++bit) {
            CAPTURE(bit);
            s.damage("catalog", "checkpoint/", [&](auto& txn, auto table, auto& key, auto) {
                std::string row = sound;
                row[bit / 8] = static_cast<char>(row[bit / 8] ^ (1 << bit % 8));
                txn.put(table, key, row);
            });
            REQUIRE(s.store.state_at(p.fold, 600).digest() == s.store.replay(p.fold, 600).digest());
            REQUIRE(s.store.state_at(p.fold, 450).digest() == s.store.replay(p.fold, 450).digest());
        }
        return;
    }
    CHECK(p.first_replayed(s.store, 600) == 1);
    s.store.keep_checkpoint(p.fold, 550);
    CHECK(p.first_replayed(s.store, 600) == 551);
}

TEST_CASE("what a crash has left of a checkpoint is cleared by the next one") {
    long_store s;
    const auto env = storage::environment::open(s.folder / "s.idem", {});
    storage::write(*env, [&](storage::write_transaction& txn) {
        const auto kept = txn.open_table("checkpoints");
        txn.put(kept, first_id + "row", "left behind");
        txn.put(kept, std::string("\0\0\0\7", 4) + "row", "left behind");
        txn.put(txn.open_table("catalog"), "checkpoint/counts@1/9", "garbage");
    });
    CHECK(s.store.checkpoints().empty());
    REQUIRE(s.store.keep_checkpoint(counts(), 500));
    CHECK(s.rows_kept() == 7);
    CHECK(s.store.checkpoints().size() == 1);
    const storage::read_transaction txn(*env);
    CHECK_FALSE(txn.get(env->find_table("catalog").value(), "checkpoint/counts@1/9"));
}

TEST_CASE("checkpoints go with their version, and with no other's") {
    long_store s;
    auto none = idem::projection(counts());  // a projection that never has a row
    none.name = "none";
    none.types = {"Nothing"};
    none.keys_of = nullptr;
    none.apply_row = nullptr;
    for (const auto& p : {none, idem::projection(counts(1))}) {
        s.store.run(p, idem::projection_mode::manual);
        s.store.catch_up(p.name);
    }
    REQUIRE(s.store.keep_checkpoint(none, 500));
    REQUIRE(s.store.keep_checkpoint(counts(1), 400));
    s.store.rebuild(counts(2));
    REQUIRE(s.store.keep_checkpoint(counts(2), 600));
    CHECK(s.rows_kept() == 14);
    s.store.drop_projection("none", 1);
    CHECK(s.rows_kept() == 14);
    watched_counts p;
    CHECK(p.first_replayed(s.store, 500) == 401);
    s.store.drop_projection("counts", 1);
    CHECK(s.positions() == std::vector<std::uint64_t>{600});
    CHECK(s.rows_kept() == 7);
}
