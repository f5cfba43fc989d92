// Blocks: the values of the log.
#include "log/block.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <numeric>
#include <string>
#include <vector>

namespace {

std::string block_of(std::uint64_t first, std::uint32_t ordinal,
                     const std::vector<std::string>& records) {
    std::size_t bytes = 0;
    for (const auto& r : records) bytes += r.size();
    std::string memory(idem::block_bytes(records.size(), bytes), '?');
    idem::block_writer block({memory.data(), memory.size()}, first, ordinal,
                             static_cast<std::uint32_t>(records.size()));
    for (const auto& r : records) block.add(r);
    return memory;
}

std::size_t cut(std::size_t records, std::size_t bytes) {
    return idem::records_of_next_block(records, 4096, [bytes](std::size_t) { return bytes; });
}

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
    std::uint32_t number = 0;
    std::memcpy(&number, bytes.data() + at, sizeof number);
    return number;
}

}  // namespace

TEST_CASE("a block gives back its records, each at a multiple of 8") {
    for (const std::size_t count : {1U, 2U, 3U, 4U, 197U}) {
        CAPTURE(count);
        std::vector<std::string> records;
        for (std::size_t i = 0; i < count; ++i) {
            records.emplace_back(8 * (i % 5 + 1), static_cast<char>('a' + i % 26));
        }
        const std::string bytes = block_of(70, 9, records);
        const auto block = idem::block_view::open(bytes);
        REQUIRE(block);
        CHECK(block->first() == 70);
        CHECK(block->size() == count);
        CHECK(block->last() == 69 + count);
        CHECK(block->ordinal() == 9);
        CHECK_FALSE(block->holds(69));
        CHECK_FALSE(block->holds(70 + count));
        for (std::size_t i = 0; i < count; ++i) {
            CHECK(block->holds(70 + i));
            const auto record = block->record(70 + i);
            CHECK(record == records[i]);
            CHECK((record.data() - bytes.data()) % 8 == 0);
        }
    }
}

TEST_CASE("what is no block is refused, and no record lies outside its block") {
    const std::string sound = block_of(1, 1, {"aaaaaaaa", "bbbbbbbb", "cccccccc"});
    CHECK_FALSE(idem::block_view::open(""));
    CHECK_FALSE(idem::block_view::open(sound.substr(0, 15)));
    CHECK_FALSE(idem::block_view::open(sound.substr(0, 20)));
    CHECK_FALSE(idem::block_view::open(std::string(64, '\0')));
    CHECK_FALSE(idem::block_view::open(std::string(64, '\xff')));
    for (std::size_t at = 0; at < 24; ++at) {
        for (const int value : {0, 1, 7, 0x7f, 0x80, 0xff}) {
            std::string bytes = sound;
            bytes[at] = static_cast<char>(value);
            const auto block = idem::block_view::open(bytes);
            if (!block) continue;
            for (std::uint64_t i = 0; i < std::min<std::uint64_t>(block->size(), 100); ++i) {
                const auto record = block->record(block->first() + i);
                if (record.empty()) continue;
                CHECK(record.data() >= bytes.data());
                CHECK(record.data() + record.size() <= bytes.data() + bytes.size());
            }
        }
    }
    CHECK(number_at(sound, 8) == 3);  // as FORMAT.md has it
    CHECK(number_at(sound, 12) == 1);
    CHECK(number_at(sound, 16) == 32);
    CHECK(number_at(sound, 20) == 40);
}

TEST_CASE("blocks fill their pages, or share them") {
    CHECK(cut(1, 352) == 1);
    CHECK(cut(5, 352) == 1);       // too few for a page
    CHECK(cut(1000, 352) == 184);  // 16 pages
    CHECK(cut(12, 352) == 11);     // 1 page
    CHECK(cut(10, 1 << 20) == 1);
    for (const std::size_t bytes : {104U, 352U, 800U, 1504U, 2104U, 4104U, 30000U}) {
        CAPTURE(bytes);
        std::size_t pages = 0;
        std::size_t rest = 1000;
        while (rest > 0) {
            const std::size_t n = cut(rest, bytes);
            REQUIRE(n > 0);
            if (n == 1 && bytes < 2000) break;
            pages += (idem::block_bytes(n, n * bytes) + 16 + 4095) / 4096;
            rest -= n;
        }
        CHECK(pages * 4096 * 3 <= (1000 - rest) * bytes * 4);
    }
}
