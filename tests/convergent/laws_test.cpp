// The laws of convergent values: whatever order updates come in, however often, and however rows
// are merged, the row is the one that the events mean, byte by byte.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdlib>

#include "base/json.hpp"
#include "history.hpp"

namespace {

// 500 cases each, unless RC_PARAMS says otherwise. rapidcheck reads it at the first check.
const bool cases_are_set = setenv("RC_PARAMS", "max_success=500", 0) == 0;

struct random_history {
    random_history()
        : seed(*rc::gen::arbitrary<std::uint64_t>()),
          made(make_history(seed, *rc::gen::inRange<std::size_t>(0, 40))),
          random(seed + 1) {
        RC_LOG() << "seed " << seed << "\n";
    }

    std::uint64_t seed;
    history made;
    random_source random;
};

// These events in any order, some of them again and again.
std::vector<std::size_t> delivery_of(const std::set<std::size_t>& events, random_source& random) {
    std::vector<std::size_t> order(events.begin(), events.end());
    for (std::size_t n = events.size(); n > 0; --n) {
        if (random() % 3 == 0) order.push_back(order[random() % events.size()]);
    }
    std::shuffle(order.begin(), order.end(), random);
    return order;
}

note merged(note a, const note& b) {
    idem::merge(a, b);
    return a;
}

void merge_all(std::set<std::size_t>& into, const std::set<std::size_t>& from) {
    into.insert(from.begin(), from.end());
}

// Counters rely on it that a dot names one event.
note without_counters(note row) {
    row.views = {};
    row.likes = {};
    row.lines = {};
    return row;
}

}  // namespace

TEST_CASE("a replica that reads its row reads what the events mean") {
    REQUIRE(cases_are_set);
    CHECK(rc::check("all replicas, when all was heard", [] {
        random_history h;
        const auto all = all_of(h.made);
        note together;
        for (const note& row : h.made.replicas) idem::merge(together, row);
        RC_ASSERT(read(together) == expect(h.made, all));
        RC_ASSERT(together == fold(h.made, all));
    }));
}

TEST_CASE("any order and any repetition of any events gives one row, byte by byte") {
    CHECK(rc::check("permuted and doubled", [] {
        random_history h;
        const auto some = some_of(h.made, h.random);
        note row;
        for (const std::size_t place : delivery_of(some, h.random)) {
            apply(row, h.made.events[place]);
        }
        const note plain = fold(h.made, some);
        RC_ASSERT(read(row) == expect(h.made, some));
        RC_ASSERT(row == plain);
        RC_ASSERT(bytes_of(row) == bytes_of(plain));
    }));
}

TEST_CASE("a merge is the row of both sets of events: idempotent, commutative, associative") {
    CHECK(rc::check("a join", [] {
        random_history h;
        auto of_a = some_of(h.made, h.random);
        const auto of_b = some_of(h.made, h.random);
        const auto of_c = some_of(h.made, h.random);
        const note a = fold(h.made, of_a);
        const note b = fold(h.made, of_b);
        const note c = fold(h.made, of_c);
        RC_ASSERT(merged(a, a) == a);
        RC_ASSERT(merged(a, note{}) == a);
        RC_ASSERT(merged(note{}, a) == a);
        RC_ASSERT(merged(a, b) == merged(b, a));
        RC_ASSERT(merged(merged(a, b), c) == merged(a, merged(b, c)));
        RC_ASSERT(merged(merged(a, b), b) == merged(a, b));
        merge_all(of_a, of_b);
        RC_ASSERT(merged(a, b) == fold(h.made, of_a));
        RC_ASSERT(bytes_of(merged(a, b)) == bytes_of(fold(h.made, of_a)));
    }));
}

TEST_CASE("updates and merges mix in any order") {
    CHECK(rc::check("mixed", [] {
        random_history h;
        auto seen = some_of(h.made, h.random);
        note row = fold(h.made, seen);
        for (int step = 0; step < 4; ++step) {
            const auto more = some_of(h.made, h.random);
            if (step % 2 == 0) {
                idem::merge(row, fold(h.made, more));
            } else {
                for (const std::size_t p : delivery_of(more, h.random))
                    apply(row, h.made.events[p]);
            }
            merge_all(seen, more);
            RC_ASSERT(row == fold(h.made, seen));
        }
    }));
}

TEST_CASE("two histories under one origin: all but counters still merge alike everywhere") {
    CHECK(rc::check("forks", [] {
        random_history one;
        random_history other;
        const note a = without_counters(fold(one.made, some_of(one.made, one.random)));
        const note b = without_counters(fold(other.made, some_of(other.made, other.random)));
        const note c = without_counters(fold(one.made, all_of(one.made)));
        RC_ASSERT(merged(a, b) == merged(b, a));
        RC_ASSERT(merged(merged(a, b), c) == merged(a, merged(b, c)));
        RC_ASSERT(merged(merged(a, b), a) == merged(a, b));
    }));
}

TEST_CASE("rows are equal exactly where their bytes are, and come back from them") {
    CHECK(rc::check("bytes", [] {
        random_history h;
        const note a = fold(h.made, some_of(h.made, h.random));
        const note b = fold(h.made, some_of(h.made, h.random));
        RC_ASSERT((a == b) == (bytes_of(a) == bytes_of(b)));
        const note back = idem::row_codec<note>::decode(bytes_of(a));
        RC_ASSERT(back == a);
        RC_ASSERT(bytes_of(back) == bytes_of(a));
        RC_ASSERT(!idem::json::check(idem::to_json(a)));
        RC_ASSERT(idem::to_json(back) == idem::to_json(a));
    }));
}

TEST_CASE("what a counter settles stays in its total, and repeats of it change nothing") {
    CHECK(rc::check("settled", [] {
        random_history h;
        const auto all = all_of(h.made);
        note row = fold(h.made, all);
        const note plain = row;
        idem::version_vector frontier;
        for (const std::size_t place : all) {
            if (h.random() % 2 == 0) frontier.include(h.made.events[place].mark.dot());
        }
        for (const auto& [origin, counter] : frontier.counters()) {
            row.likes.settle({origin, counter});
            row.views.settle({origin, counter});
        }
        const note settled = row;
        RC_ASSERT(bytes_of(row).size() <= bytes_of(plain).size() + 48 * frontier.counters().size());
        for (const std::size_t place : delivery_of(all, h.random)) apply(row, h.made.events[place]);
        RC_ASSERT(row == settled);
        const note part = fold(h.made, some_of(h.made, h.random));
        RC_ASSERT(merged(settled, part) == settled);
        RC_ASSERT(merged(part, settled) == settled);
        RC_ASSERT(read(settled) == read(plain));
        RC_ASSERT(idem::row_codec<note>::decode(bytes_of(settled)) == settled);
    }));
}

TEST_CASE("knowledge is ordered: exactly one relation holds, and joining is lawful") {
    CHECK(rc::check("version vectors", [] {
        const auto any = [] {
            idem::version_vector v;
            for (const int origin : *rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 5))) {
                idem::uuid of{};
                of.bytes[15] = static_cast<std::uint8_t>(origin);
                v.include(idem::dot{of, *rc::gen::inRange<std::uint64_t>(0, 4)});
            }
            return v;
        };
        const auto joined = [](idem::version_vector a, const idem::version_vector& b) {
            a.include(b);
            return a;
        };
        const auto a = any();
        const auto b = any();
        const auto c = any();
        RC_ASSERT((a.covers(b) && b.covers(a)) == (a == b));
        RC_ASSERT(joined(a, a) == a);
        RC_ASSERT(joined(a, b) == joined(b, a));
        RC_ASSERT(joined(joined(a, b), c) == joined(a, joined(b, c)));
        RC_ASSERT(joined(a, b).covers(a));
        RC_ASSERT(a.covers(b) == (joined(a, b) == a));
        RC_ASSERT(idem::version_vector::parse(to_string(a)) == a);
    }));
}
