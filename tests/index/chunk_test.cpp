#include "index/chunk.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "idem/error.hpp"

namespace {

using idem::index::chunk_view;
using idem::index::entry;

std::vector<entry> uniform_entries(std::uint32_t count, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::vector<entry> entries;
    for (std::uint32_t i = 0; i < count; ++i) entries.push_back({random(), 1000 + i});
    std::sort(entries.begin(), entries.end());
    return entries;
}

std::string encoded(const std::vector<entry>& entries) {
    std::string bytes;
    idem::index::encode_chunk(bytes, entries, 1000);
    return bytes;
}

void check_finds_all(const std::vector<entry>& entries) {
    const std::string bytes = encoded(entries);
    const chunk_view chunk(bytes);
    REQUIRE(chunk.size() == entries.size());
    CHECK(chunk.checksum_holds());
    std::uint32_t wrong = 0;
    for (std::uint32_t i = 0; i < entries.size(); ++i) {
        const auto at = std::lower_bound(entries.begin(), entries.end(), entry{entries[i].key, 0});
        const bool found = chunk.may_contain(entries[i].key) && chunk.key(i) == entries[i].key &&
                           chunk.offset(i) == entries[i].position - 1000 &&
                           chunk.lower_bound(entries[i].key) == at - entries.begin();
        wrong += found ? 0 : 1;
    }
    CHECK(wrong == 0);
    std::mt19937_64 random(99);
    for (int i = 0; i < 1000; ++i) {
        const std::uint64_t key = random();
        const auto at = std::lower_bound(entries.begin(), entries.end(), entry{key, 0});
        CHECK(chunk.lower_bound(key) == at - entries.begin());
    }
    CHECK(chunk.lower_bound(0) == 0);
}

}  // namespace

TEST_CASE("a chunk finds each of its entries, of any number") {
    for (const std::uint32_t count : {1U, 2U, 3U, 41U, 42U, 43U, 1000U, 65'536U}) {
        CAPTURE(count);
        check_finds_all(uniform_entries(count, count));
    }
}

TEST_CASE("keys need not be uniform: one stream, few streams, neighbours") {
    std::vector<entry> entries;
    for (std::uint64_t i = 0; i < 10'000; ++i) entries.push_back({42, 1000 + i});
    check_finds_all(entries);
    std::mt19937_64 random(7);
    for (entry& e : entries) e.key = random() % 3 * 0x4000000000000000ULL;
    std::sort(entries.begin(), entries.end());
    check_finds_all(entries);
    for (entry& e : entries) e.key = random() % 100'000;
    entries.back().key = ~0ULL;
    std::sort(entries.begin(), entries.end());
    check_finds_all(entries);
}

TEST_CASE("the filter lets hardly anything through that is not there") {
    const std::string bytes = encoded(uniform_entries(65'536, 1));
    const chunk_view chunk(bytes);
    std::mt19937_64 random(2);
    constexpr int asked = 100'000;
    int passed = 0;
    for (int i = 0; i < asked; ++i) passed += chunk.may_contain(random()) ? 1 : 0;
    CHECK(passed < asked / 100);
    CHECK(bytes.size() < 65'536 * 14);
}

TEST_CASE("a chunk whose size does not fit is refused, and a changed one does not hold") {
    std::string bytes = encoded(uniform_entries(100, 1));
    for (std::size_t size = 0; size < bytes.size(); size += 7) {
        CHECK_THROWS_AS(chunk_view(std::string_view(bytes).substr(0, size)), idem::error);
    }
    for (std::size_t at = 16; at < bytes.size(); at += 13) {
        std::string changed = bytes;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        CHECK_FALSE(chunk_view(changed).checksum_holds());
    }
}
