// A merge under way stands in the table long before anybody reads it: what happens to it there must
// not become what everybody reads.
#include "index/merge.hpp"

#include <functional>
#include <string>

#include "idem/error.hpp"
#include "small_index.hpp"

namespace {

using idem::index::manifest;
using idem::index::row_key;
using idem::index::run_info;
using idem::storage::write_transaction;

constexpr std::uint32_t chunk_entries = small_index::chunk_entries;
constexpr std::uint32_t step = chunk_entries / 16;

// Steps on until the manifest is so.
void grow_until(small_index& index, std::mt19937_64& random,
                const std::function<bool(const manifest&)>& enough) {
    while (!enough(index.contents())) {
        std::vector<idem::index::fingerprint> keys(step);
        std::generate(keys.begin(), keys.end(), [&] { return random(); });
        index.append(keys);
    }
}

// As damage does, behind the back of the index.
void change_row(const small_index& index, std::uint64_t key,
                const std::function<void(std::string&)>& change) {
    idem::storage::write(index.env(), [&](write_transaction& txn) {
        std::string row(txn.peek(index.table(), key).value());
        change(row);
        if (row.empty()) {
            txn.erase(index.table(), key);
        } else {
            txn.put(index.table(), key, row);
        }
    });
}

std::vector<idem::index::fault> faults_of(const small_index& index) {
    const idem::storage::read_transaction txn(index.env());
    return idem::index::check(txn, index.table(), 10);
}

const std::pair<const char*, std::function<void(std::string&)>> damages[] = {
    {"a bit of a fingerprint", [](std::string& row) { row[row.size() / 2] ^= 1; }},
    {"a bit of the last fingerprint",
     [](std::string& row) { row[row.size() - 4 * chunk_entries - 1] ^= 16; }},
    {"a bit of an offset", [](std::string& row) { row.back() ^= 1; }},
    {"the filter", [](std::string& row) { row[16] ^= 1; }},
    {"the number of entries", [](std::string& row) { row[0] ^= 1; }},
    {"cut short", [](std::string& row) { row.resize(row.size() - 8); }},
    {"gone", [](std::string& row) { row.clear(); }},
};

// Chunks of a merge that is written.
std::size_t checked(const small_index& index, const run_info& merge) {
    const idem::storage::read_transaction txn(index.env());
    const auto row = txn.peek(index.table(), row_key(merge.number, idem::index::directory_row));
    return row ? (row->size() - 8) / 12 : 0;
}

bool under_way(const manifest& m, std::uint32_t level, std::uint32_t chunks) {
    return !m.merges.empty() && m.merges[0].level == level && m.merges[0].chunks >= chunks;
}

}  // namespace

TEST_CASE("a chunk that is damaged amid a merge is told of, and the merge is done again") {
    for (const auto& [name, damage] : damages) {
        for (const std::uint32_t chunk : {0U, 2U}) {
            CAPTURE(name);
            CAPTURE(chunk);
            std::mt19937_64 random(chunk + 1);
            small_index index(0);
            grow_until(index, random, [](const manifest& m) { return under_way(m, 1, 3); });
            const run_info merge = index.contents().merges.at(0);
            change_row(index, row_key(merge.number, chunk), damage);
            REQUIRE(faults_of(index).size() == 1);
            CHECK(faults_of(index)[0].of_merge);

            grow_until(index, random, [](const manifest& m) { return m.runs[0].level == 1; });
            CHECK(index.contents().runs[0].number != merge.number);
            index.check(random);
        }
    }
}

TEST_CASE("what was written of a merge that began again is erased") {
    std::mt19937_64 random(3);
    small_index index(0);
    grow_until(index, random, [](const manifest& m) { return under_way(m, 1, 2); });
    const run_info merge = index.contents().merges.at(0);
    change_row(index, row_key(merge.number, 1), [](std::string& row) { row.clear(); });
    grow_until(index, random,
               [](const manifest& m) { return m.runs[0].level == 1 && m.dead.empty(); });
    const idem::storage::read_transaction txn(index.env());
    const manifest m = index.contents();
    std::size_t rows = 1;  // the manifest
    for (const run_info& r : m.runs) rows += r.chunks + (r.chunks > 1 ? 1 : 0);
    for (const run_info& r : m.merges) rows += r.chunks;
    CHECK(txn.stats(index.table()).entries == rows);
}

TEST_CASE("a large merge is checked in steps, and each finds what happened since it was written") {
    // Of level 3: 64 chunks, checked in four steps.
    for (const std::uint32_t steps : {0U, 1U, 3U}) {
        for (const bool in_directory : {false, true}) {
            if (in_directory && steps == 0) continue;
            CAPTURE(steps);
            CAPTURE(in_directory);
            std::mt19937_64 random(steps + 7);
            small_index index(0);
            grow_until(index, random, [](const manifest& m) {
                return !m.merges.empty() && m.merges.back().chunks == 64;
            });
            const run_info merge = index.contents().merges.back();
            grow_until(index, random,
                       [&](const manifest&) { return checked(index, merge) >= 16 * steps; });
            REQUIRE(checked(index, merge) == 16 * steps);
            CHECK(faults_of(index).empty());
            const auto row = in_directory ? idem::index::directory_row : 60;
            change_row(index, row_key(merge.number, row), [](std::string& r) { r.back() ^= 1; });
            CHECK(faults_of(index).size() == 1);
            grow_until(index, random, [](const manifest& m) { return m.runs[0].level == 3; });
            CHECK(index.contents().runs[0].number != merge.number);
            index.check(random);
        }
    }
}

TEST_CASE("a merge refuses a damaged source, and loses nothing of what is sound") {
    for (const auto& [name, damage] : damages) {
        CAPTURE(name);
        std::mt19937_64 random(5);
        small_index index(0);
        grow_until(index, random, [](const manifest& m) { return m.runs.size() == 3; });
        const auto key = row_key(index.contents().runs[1].number, 0);
        std::string sound;
        change_row(index, key, [&](std::string& row) { sound = row; });
        change_row(index, key, damage);
        const auto merged = [](const manifest& m) { return m.runs[0].level == 1; };
        CHECK_THROWS_WITH_AS(grow_until(index, random, merged), doctest::Contains("idem verify"),
                             idem::error);
        CHECK(faults_of(index).size() == 1);

        idem::storage::write(index.env(),
                             [&](write_transaction& txn) { txn.put(index.table(), key, sound); });
        grow_until(index, random, merged);
        index.check(random);
    }
}
