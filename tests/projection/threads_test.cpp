// A replay on several threads leaves what a replay in order leaves: the same rows, the same digest,
// and the same failure on the same event.
#include <doctest/doctest.h>

#include <unistd.h>

#include <optional>
#include <random>
#include <vector>

#include "idem/keyed_fold.hpp"
#include "idem/limits.hpp"
#include "idem/store.hpp"
#include "sample_events.hpp"
#include "scarce_system.hpp"
#include "scratch_folder.hpp"
#include "storage/child_process.hpp"

namespace {

constexpr std::uint64_t events = 40'000;  // more than a round of a few threads

std::uint64_t number_of(const idem::event_view& e) {
    return std::stoull(std::string(e.data().substr(10)));  // {"number":17}
}

// Order matters to its rows, which come and go; an event touches none, one or several, and some
// touch one twice.
idem::projection chain(std::uint64_t fails_at = ~0ULL) {
    return idem::keyed_fold<std::string, std::string>("chain").on(
        "Happened",
        [](const idem::event_view& e) {
            std::vector<std::string> keys;
            const std::uint64_t n = number_of(e);
            for (std::uint64_t i = 0; i < n % 4; ++i)
                keys.push_back(std::to_string(n * (i + 1) % 701));
            if (n % 10 == 7) keys.push_back(keys.back());
            return keys;
        },
        [fails_at](std::string row, const std::string& key,
                   const idem::event_view& e) -> std::optional<std::string> {
            const std::uint64_t n = number_of(e);
            if (n == fails_at) throw std::runtime_error("so it is");
            if ((n + key.size()) % 13 == 0) return std::nullopt;
            row += std::to_string(e.position() % 10);
            if (row.size() > 40) row.erase(0, 30);
            return row;
        });
}

idem::projection in_order(idem::projection p) {
    p.keys_of = nullptr;
    p.apply_row = nullptr;
    return p;
}

struct sample {
    sample() {
        idem::store store(path);
        std::vector<idem::event> batch;
        for (std::uint64_t i = 0; i < events; ++i) {
            batch.push_back(numbered_event(i, "s" + std::to_string(i % 50)));
            if (batch.size() < 10'000) continue;
            store.append(batch);
            batch.clear();
        }
    }
    scratch_folder folder;
    std::filesystem::path path = folder / "s.idem";
};

// Another process, which makes the map of a store several times as large when it is told to.
class grower {
public:
    explicit grower(const std::filesystem::path& path)
        : pipe_(), child_([&] { return run(path); }) {
        ::close(pipe_.ends[0]);
    }
    void grow() {
        REQUIRE(::write(pipe_.ends[1], "", 1) == 1);
        CHECK(end() == 0);
    }
    int end() {
        ::close(pipe_.ends[1]);
        return child_.wait();
    }

private:
    struct pipe {
        pipe() { REQUIRE(::pipe(ends) == 0); }
        int ends[2];
    };

    int run(const std::filesystem::path& path) const {
        ::close(pipe_.ends[1]);
        char told = 0;
        if (::read(pipe_.ends[0], &told, 1) == 0) return 0;
        idem::store store(path, {.map_bytes = 64 << 20});
        std::vector<idem::event> batch;
        for (std::uint64_t i = 0; i < 50; ++i) {
            batch.push_back(numbered_event(events + i));
            batch.back().data = '"' + std::string(100'000, 'x') + '"';
        }
        store.append(batch);
        return 0;
    }

    pipe pipe_;
    child_process child_;
};

}  // namespace

TEST_CASE("any number of threads leaves the same rows") {
    const sample s;
    const idem::store store(s.path);
    const auto expected = store.replay(in_order(chain()));
    CHECK(expected.row_count() > 100);
    for (const unsigned threads : {1U, 2U, 3U, 7U}) {
        CAPTURE(threads);
        const idem::store many(s.path, {.replay_threads = threads});
        CHECK(many.replay(chain()).digest() == expected.digest());
        CHECK(many.replay(chain(), 12'345).digest() ==
              store.replay(in_order(chain()), 12'345).digest());
    }
}

TEST_CASE("threads that the system does not grant are done without") {
    const sample s;
    const idem::store store(s.path, {.replay_threads = 7});
    const auto expected = store.replay(in_order(chain())).digest();
    for (const int granted : {0, 1, 4}) {
        CAPTURE(granted);
        const scarce_system::thread_limit limit(granted);
        CHECK(store.replay(chain()).digest() == expected);
        CHECK(limit.refused() > 0);
    }
}

TEST_CASE("a replay goes on, whenever another process makes the map larger") {
    bool happened = true;
    int transactions = 0;
    while (happened) {
        ++transactions;
        CAPTURE(transactions);
        const scratch_folder folder;
        const auto path = folder / "s.idem";
        {
            idem::store store(path, {.map_bytes = 1 << 20});
            store.append(numbered_batch(0, 500));
        }
        grower other(path);
        const idem::store store(path, {.map_bytes = 1 << 20, .replay_threads = 5});
        std::optional<scarce_system::before_transaction> act;
        act.emplace(transactions, [&] { other.grow(); });
        const auto digest = store.replay(chain(), 500).digest();
        happened = act->happened();
        act.reset();
        if (!happened) CHECK(other.end() == 0);
        CHECK(digest == store.replay(in_order(chain()), 500).digest());
    }
    CHECK(transactions > 5);
}

TEST_CASE("threads go on from rows that are kept, and from one another") {
    const sample s;
    {
        idem::store one(s.path, {.replay_threads = 1});
        one.run(chain(), idem::projection_mode::manual);
        CHECK(one.catch_up("chain") == events);
        one.append(numbered_event(events + 2));
    }
    idem::store three(s.path, {.replay_threads = 3});
    three.run(chain(), idem::projection_mode::manual);
    for (std::uint64_t i = 0; i < 30; ++i) three.append(numbered_event(events + 100 + i));
    CHECK(three.catch_up("chain") == events + 31);
    CHECK(three.state("chain").digest() == three.replay(in_order(chain())).digest());
}

TEST_CASE("a failure stops threads before the event that failed, with everything before it done") {
    const sample s;
    for (const std::uint64_t position : {1ULL, 5000ULL, 16'384ULL, 16'385ULL, 39'998ULL}) {
        CAPTURE(position);
        const std::uint64_t number = (position - 1) % 4 == 0 ? position : position - 1;
        const scratch_folder copies;
        std::string said[2];
        std::uint64_t reached[2];
        idem::state_digest digests[2];
        for (const int i : {0, 1}) {
            const auto path = copies / std::to_string(i);
            idem::store(s.path).backup(path);
            idem::store store(path, {.replay_threads = 3});
            const idem::projection p = chain(number);
            store.run(i == 0 ? p : in_order(p), idem::projection_mode::manual);
            try {
                store.catch_up("chain");
            } catch (const idem::error& e) {
                said[i] = e.what();
            }
            reached[i] = store.find_projection("chain")->position;
            digests[i] = store.state("chain").digest();
        }
        CHECK(said[0].find("so it is") != std::string::npos);
        CHECK(said[0] == said[1]);
        CHECK(reached[0] == reached[1]);
        CHECK(digests[0] == digests[1]);
    }
}

TEST_CASE("an event may ask for so many rows and no more, on one thread or on many") {
    const scratch_folder folder;
    idem::store store(folder / "s.idem");
    store.append(numbered_event(1));
    for (const std::size_t rows :
         {idem::limits::rows_per_event_max, idem::limits::rows_per_event_max + 1}) {
        const idem::projection p = idem::keyed_fold<std::uint64_t, std::uint64_t>("many").on(
            "Happened",
            [rows](const idem::event_view&) {
                std::vector<std::uint64_t> keys(rows);
                for (std::size_t i = 0; i < rows; ++i) keys[i] = i;
                return keys;
            },
            [](std::uint64_t n, const idem::event_view&) { return n + 1; });
        for (const auto& one : {p, in_order(p)}) {
            if (rows > idem::limits::rows_per_event_max) {
                CHECK_THROWS_WITH_AS(store.replay(one), doctest::Contains("the limit is 10000"),
                                     idem::error);
            } else {
                CHECK(store.replay(one).row_count() == rows);
            }
        }
    }
}
