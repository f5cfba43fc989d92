// Deliveries to consumers and from sources, repeated and out of order, against a model of a few
// lines.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <set>

#include "idem/store.hpp"
#include "sample_events.hpp"
#include "scratch_folder.hpp"

using idem::consumer_batch;
using idem::consumer_outcome;
using idem::ingest_outcome;

namespace {

// A consumer of even numbers; events 1..20 are at the positions 1..20.
constexpr std::uint64_t events = 20;

void fill(idem::store& store) {
    std::vector<idem::event> batch;
    for (std::uint64_t n = 1; n <= events; ++n) {
        auto e = numbered_event(n);
        e.type = n % 2 == 0 ? "Even" : "Odd";
        batch.push_back(std::move(e));
    }
    store.append(batch);
    store.consumers().create("c", {.filter = {.types = {"Even"}}});
}

std::vector<std::uint64_t> evens_in(std::uint64_t above, std::uint64_t up_to) {
    std::vector<std::uint64_t> found;
    for (std::uint64_t n = above + 1; n <= up_to; ++n) {
        if (n % 2 == 0) found.push_back(n);
    }
    return found;
}

struct model {
    std::uint64_t checkpoint = 0;
    std::set<std::uint64_t> handled;

    // What is to be said of a delivery of everything in (after, to].
    consumer_outcome deliver(std::uint64_t after, std::uint64_t to) {
        if (to <= checkpoint) return consumer_outcome::duplicate;
        if (after < checkpoint && !evens_in(after, checkpoint).empty()) {
            return consumer_outcome::duplicate;
        }
        if (!evens_in(checkpoint, after).empty()) return consumer_outcome::gap;
        for (const auto n : evens_in(after, to)) RC_ASSERT(handled.insert(n).second);
        checkpoint = to;
        return consumer_outcome::accepted;
    }
};

}  // namespace

TEST_CASE("any deliveries in any order: each event is handled once, and none is passed over") {
    const bool holds = rc::check("deliveries to a consumer", [] {
        const scratch_folder folder;
        idem::store store(folder / "s.idem");
        fill(store);
        model expected;
        const auto steps = *rc::gen::inRange(1, 40);
        for (int i = 0; i < steps; ++i) {
            const auto to = *rc::gen::inRange<std::uint64_t>(1, events + 1);
            const auto after = *rc::gen::inRange<std::uint64_t>(0, to);
            const auto known = store.consumers().find("c");
            const auto verdict = store.consumers().advance(consumer_batch::between("c", after, to),
                                                           known->state + "x");
            const auto before = expected.checkpoint;
            RC_ASSERT(verdict.outcome == expected.deliver(after, to));
            RC_ASSERT(verdict.checkpoint == expected.checkpoint);
            if (verdict.outcome == consumer_outcome::gap) {
                RC_ASSERT(verdict.missing == evens_in(before, after));
            }
        }
        const auto info = store.consumers().find("c");
        RC_ASSERT(info->events == expected.handled.size());
        RC_ASSERT(info->state.size() == info->advances);
        RC_ASSERT(evens_in(0, expected.checkpoint).size() == expected.handled.size());
    });
    CHECK(holds);
}

TEST_CASE("batches of several readers, committed late, twice, or never, count each event once") {
    const bool holds = rc::check("batches that are held back", [] {
        const scratch_folder folder;
        idem::store store(folder / "s.idem");
        fill(store);
        std::vector<consumer_batch> held;
        const auto steps = *rc::gen::inRange(1, 60);
        std::uint64_t counted = 0;
        for (int i = 0; i < steps; ++i) {
            if (held.empty() || *rc::gen::arbitrary<bool>()) {
                held.push_back(store.consumers().next("c", *rc::gen::inRange<std::size_t>(1, 4)));
                continue;
            }
            const auto& batch = *rc::gen::elementOf(held);
            const auto before = store.consumers().find("c")->checkpoint;
            const auto state = std::to_string((batch.state.empty() ? 0 : std::stoull(batch.state)) +
                                              batch.events.size());
            const auto verdict = store.consumers().advance(batch, state);
            RC_ASSERT(verdict.accepted() == (batch.before == before && batch.covered > before));
            if (verdict.accepted()) counted += batch.events.size();
        }
        const auto info = store.consumers().find("c");
        RC_ASSERT((info->state.empty() ? 0 : std::stoull(info->state)) == counted);
        RC_ASSERT(evens_in(0, std::min(info->checkpoint, events)).size() == counted);
    });
    CHECK(holds);
}

TEST_CASE("a source that repeats and reorders is taken in once, and never backwards") {
    const bool holds = rc::check("deliveries of a source", [] {
        const scratch_folder folder;
        idem::store store(folder / "s.idem");
        std::optional<std::uint64_t> last;
        std::set<std::uint64_t> taken;
        const auto steps = *rc::gen::inRange(1, 40);
        for (int i = 0; i < steps; ++i) {
            const auto position = *rc::gen::inRange<std::uint64_t>(1, 12);
            const bool chained = *rc::gen::arbitrary<bool>();
            const auto e = numbered_event(position);
            idem::ingest_options options;
            if (chained) options.after = position - 1;
            const auto answer = store.consumers().ingest("s", position, std::span(&e, 1), options);
            auto outcome = ingest_outcome::accepted;
            if (last && position <= *last) {
                outcome =
                    taken.contains(position) ? ingest_outcome::duplicate : ingest_outcome::stale;
            } else if (chained && (!last || position - 1 > *last)) {
                outcome = ingest_outcome::gap;
            } else {
                last = position;
                RC_ASSERT(taken.insert(position).second);
            }
            RC_ASSERT(answer.outcome == outcome);
            RC_ASSERT(answer.last == last);
        }
        std::uint64_t in_the_log = 0;
        store.read({.stream = "stream"}, [&](const idem::event_view&) { ++in_the_log; });
        RC_ASSERT(in_the_log == taken.size());
    });
    CHECK(holds);
}
