// A projection retold event by event.
#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>

#include "counts.hpp"
#include "scratch_folder.hpp"

namespace {

using rows_by_key = std::map<std::string, std::string, std::less<>>;

// Adds to the row of the stream, deletes it at every fifth event, and leaves it alone at others.
auto coming_and_going() {
    return idem::keyed_fold<std::string, std::uint64_t>("rows").on(
        "Numbered",
        [](const idem::event_view& e) {
            return std::vector<std::string>{std::string(e.stream()), "all", "never"};
        },
        [](std::uint64_t n, const std::string& key, const idem::event_view& e) {
            if (key == "never") return std::optional<std::uint64_t>();
            if (key == "all") return std::optional<std::uint64_t>(n + 1);
            if (e.position() % 5 == 0) return std::optional<std::uint64_t>();
            return std::optional<std::uint64_t>(e.position() % 3 == 0 ? n : n + e.position());
        });
}

rows_by_key rows_of(const idem::state& s) {
    rows_by_key rows;
    s.for_each([&](std::string_view key, std::string_view row) { rows.emplace(key, row); });
    return rows;
}

}  // namespace

TEST_CASE("a trace tells of exactly the rows that each event has changed, from any start") {
    CHECK(rc::check("trace", [] {
        const scratch_folder folder;
        idem::store store(folder / "s.idem");
        const auto events = *rc::gen::inRange<std::uint64_t>(1, 40);
        append_some(store, 0, events, *rc::gen::inRange<std::uint64_t>(1, 6));
        store.append(numbered_event(1'000'000));  // of a type that is not handled
        const idem::projection fold = coming_and_going();
        if (*rc::gen::arbitrary<bool>()) {
            store.keep_checkpoint(fold, *rc::gen::inRange<std::uint64_t>(1, events + 1));
        }
        const auto from = *rc::gen::inRange<std::uint64_t>(0, events + 3);
        const auto head = store.head();
        rows_by_key rows;
        std::uint64_t position = std::min(from, head);
        bool started = false;
        store.trace(fold, from, [&](const idem::event_view* e, const auto& changes) {
            if (e && !started) RC_ASSERT(rows == rows_of(store.replay(fold, from)));
            started = started || e;
            if (e) RC_ASSERT(e->position() == ++position);
            for (const auto& d : changes) {
                const auto found = rows.find(d.key);
                RC_ASSERT((found == rows.end()) == !d.before.has_value());
                if (d.before) RC_ASSERT(found->second == *d.before);
                RC_ASSERT(d.before != d.after);
                if (d.after) {
                    rows[std::string(d.key)] = *d.after;
                } else {
                    rows.erase(found);
                }
            }
            if (e) {
                const auto at = position;
                RC_ASSERT(e->type() == "Numbered" || changes.empty());
                if (at % 7 == 0 || at == head) RC_ASSERT(rows == rows_of(store.replay(fold, at)));
            }
            return true;
        });
        RC_ASSERT(position == head);
        RC_ASSERT(rows == rows_of(store.replay(fold)));
    }));
}

TEST_CASE("a trace stops where it is told to, and leaves the store as it was") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    append_some(store, 0, 3000, 2500);
    std::vector<std::uint64_t> told;
    store.trace(counts(), 2990, [&](const idem::event_view* e, const auto&) {
        if (e) told.push_back(e->position());
        return !e || e->position() < 2993;
    });
    CHECK(told == std::vector<std::uint64_t>{2991, 2992, 2993});
    std::size_t parts = 0;
    std::size_t rows = 0;
    store.trace(counts(), 2990, [&](const idem::event_view* e, const auto& changes) {
        CHECK(e == nullptr);
        rows += changes.size();
        return ++parts < 2;
    });
    CHECK(parts == 2);
    CHECK(rows == 2000);
    CHECK(store.projections().empty());
    CHECK(store.checkpoints().empty());
}

TEST_CASE("a trace over an event that fails tells of those before, then of the failure") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    append_some(store, 0, 10);
    const auto fold = idem::keyed_fold<std::string, std::uint64_t>("rows").on(
        "Numbered", [](const idem::event_view& e) { return std::string(e.stream()); },
        [](std::uint64_t n, const idem::event_view& e) {
            if (e.position() == 6) throw std::runtime_error("no");
            return n + 1;
        });
    std::uint64_t last = 0;
    CHECK(code_of([&] {
              store.trace(fold, 0, [&](const idem::event_view* e, const auto&) {
                  if (e) last = e->position();
                  return true;
              });
          }) == idem::errc::handler_failed);
    CHECK(last == 5);
}
