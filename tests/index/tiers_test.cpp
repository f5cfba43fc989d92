// The whole index over small chunks: compared with what it should hold after every step.
#include <chrono>
#include <future>

#include "small_index.hpp"

namespace {

using idem::index::chains;
using idem::index::fingerprint;
using idem::index::view;

constexpr std::uint32_t chunk_entries = small_index::chunk_entries;

// A few keys with many positions, many with one, and the extreme ones.
fingerprint draw(std::mt19937_64& random) {
    switch (random() % 8) {
        case 0:
            return 0;
        case 1:
            return ~0ULL;
        case 2:
        case 3:
            return (random() % 5) << 60;
        default:
            return random();
    }
}

}  // namespace

TEST_CASE("an index holds what was added, at every size and over several levels") {
    for (const std::uint32_t phase : {0U, chunk_entries / 2}) {
        for (const std::uint64_t seed : {1U, 2U, 3U}) {
            CAPTURE(phase);
            CAPTURE(seed);
            std::mt19937_64 random(seed);
            small_index index(phase);
            while (index.head() < 64 * chunk_entries) {
                // Batches of one, of some, and longer than a run.
                const std::uint64_t size =
                    random() % 20 == 0 ? 3 * chunk_entries + random() % 100 : 1 + random() % 40;
                std::vector<fingerprint> keys(size);
                std::generate(keys.begin(), keys.end(), [&] { return draw(random); });
                index.append(keys);
                if (random() % 10 == 0) index.start_again();
                if (random() % 8 == 0) index.check(random);
            }
            index.check(random);
            CHECK(index.levels() >= 2);
        }
    }
}

TEST_CASE("one key that fills whole chunks is found at both ends") {
    std::mt19937_64 random(5);
    small_index index(0);
    for (int i = 0; i < 40; ++i) {
        std::vector<fingerprint> keys(chunk_entries, 42);
        keys.front() = random();
        index.append(keys);
    }
    index.check(random);
}

TEST_CASE("an index stays small: few runs, no level overfull, nothing dead for long") {
    std::mt19937_64 random(6);
    small_index index(0);
    std::size_t most_runs = 0;
    std::size_t most_dead = 0;
    for (int i = 0; i < 256 * 16; ++i) {
        std::vector<fingerprint> keys(chunk_entries / 16);
        std::generate(keys.begin(), keys.end(), [&] { return random(); });
        index.append(keys);
        most_runs = std::max(most_runs, index.contents().runs.size());
        most_dead = std::max(most_dead, index.contents().dead.size());
    }
    CHECK(index.levels() == 3);
    CHECK(most_runs <= 4 * 8);  // of four levels, each with less than two merges
    CHECK(most_dead <= 16);
    index.check(random);
}

TEST_CASE("a reader of an old snapshot gets its own answers, however far the writer has gone") {
    std::mt19937_64 random(9);
    small_index index(0);
    const auto grow = [&](int runs) {
        for (int i = 0; i < runs; ++i) {
            std::vector<fingerprint> keys(chunk_entries);
            std::generate(keys.begin(), keys.end(), [&] { return draw(random); });
            index.append(keys);
        }
    };
    grow(5);
    std::vector<fingerprint> some(10);
    std::generate(some.begin(), some.end(), [&] { return draw(random); });
    index.append(some);
    const std::uint64_t head = index.head();
    const idem::storage::read_transaction old(index.env());
    grow(30);
    const view known(old, index.table(), index.recent(), head, index.from_log());
    index.check_view(known, head, random);
}

TEST_CASE("a visitor may wait for a writer of the tail: it is called under no lock") {
    small_index index(0);
    index.append(std::vector<fingerprint>(chunk_entries * 3 / 2, 42));
    const idem::storage::read_transaction txn(index.env());
    const view known(txn, index.table(), index.recent(), index.head(), index.from_log());
    std::vector<std::uint64_t> visited;
    const auto visit = [&](std::uint64_t position) {
        visited.push_back(position);
        const auto written = std::async(std::launch::async, [&] { index.recent().drop_old(); });
        return written.wait_for(std::chrono::seconds(10)) == std::future_status::ready;
    };
    known.backwards(42, ~0ULL, visit);
    REQUIRE(visited.size() == index.head());
    CHECK(std::is_sorted(visited.rbegin(), visited.rend()));
    visited.clear();
    known.forwards(42, 1, visit);
    CHECK(visited.size() == index.head());
}

TEST_CASE("what a transaction added is not there when it fails") {
    std::mt19937_64 random(11);
    small_index index(0);
    std::vector<fingerprint> keys(chunk_entries * 5);
    std::generate(keys.begin(), keys.end(), [&] { return random(); });
    index.append(keys);
    const auto before = index.contents().runs.size();
    chains added;
    for (std::uint32_t i = 0; i < 3 * chunk_entries; ++i) added.push(random());
    try {
        idem::storage::write(index.env(), [&](auto& txn) {
            auto m = idem::index::read_manifest(txn, index.table());
            idem::index::keep_up(txn, index.table(), m, index.recent(), added, index.head(),
                                 index.head() + added.size());
            throw 1;
        });
    } catch (int) {
    }
    CHECK(index.contents().runs.size() == before);
    index.check(random);
    index.append(keys);
    index.check(random);
}
