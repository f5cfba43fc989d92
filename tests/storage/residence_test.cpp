// A long walk, and many searches, keep little of the file mapped.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "scratch_folder.hpp"
#include "storage/cursor.hpp"
#include "storage/storage.hpp"

namespace {

namespace storage = idem::storage;

constexpr std::uint64_t rows = 48 << 10;
constexpr std::uint64_t row_bytes = 2 << 10;  // so 96 MiB in all
constexpr std::uint64_t mebibyte = 1 << 20;

// Bytes of files that this process has mapped and touched.
std::uint64_t mapped_bytes() {
    std::ifstream status("/proc/self/status");
    std::string word;
    while (status >> word) {
        std::uint64_t kibibytes = 0;
        if (word == "RssFile:" && status >> kibibytes) return kibibytes << 10;
    }
    FAIL("no RssFile in /proc/self/status");
    return 0;
}

std::shared_ptr<storage::environment> filled(const scratch_folder& folder) {
    auto env = storage::environment::scratch(folder.path());
    const std::string row(row_bytes, 'r');
    storage::write(*env, [&](storage::write_transaction& txn) {
        const auto table = txn.open_table("t", storage::key_order::integer);
        for (std::uint64_t i = 0; i < rows; ++i) txn.put(table, i, row);
    });
    return env;
}

}  // namespace

TEST_CASE("a walk over a large table keeps little of it mapped, even within one transaction") {
    const scratch_folder folder;
    const auto env = filled(folder);
    const auto table = *env->find_table("t", storage::key_order::integer);
    const std::uint64_t before = mapped_bytes();
    std::uint64_t most = 0;
    std::uint64_t walked = 0;
    const storage::read_transaction txn(*env);
    storage::cursor cursor(txn, table);
    for (auto row = cursor.first(); row; row = cursor.next()) {
        walked += row->second.back() == 'r' ? 1 : 0;
        if (walked % 1024 == 0) most = std::max(most, mapped_bytes());
    }
    CHECK(walked == rows);
    CHECK(most < before + 64 * mebibyte);
}

TEST_CASE("searches all over a large table keep little of it mapped") {
    const scratch_folder folder;
    const auto env = filled(folder);
    const auto table = *env->find_table("t", storage::key_order::integer);
    const std::uint64_t before = mapped_bytes();
    std::uint64_t most = 0;
    std::mt19937_64 random(1);
    for (int i = 0; i < 20'000; ++i) {
        const storage::read_transaction txn(*env);
        CHECK(txn.get(table, random() % rows)->back() == 'r');
        if (i % 256 == 0) most = std::max(most, mapped_bytes());
    }
    CHECK(most < before + 64 * mebibyte);
}

TEST_CASE("what was given back is read again, also after the map has grown") {
    const scratch_folder folder;
    auto env = storage::environment::scratch(folder.path(), 16 * mebibyte);
    const std::string row(row_bytes, 'r');
    for (std::uint64_t part = 0; part < 8; ++part) {
        storage::write(*env, [&](storage::write_transaction& txn) {
            const auto table = txn.open_table("t", storage::key_order::integer);
            for (std::uint64_t i = 0; i < rows / 8; ++i) {
                txn.put(table, part * rows / 8 + i, row);
            }
        });
        const storage::read_transaction txn(*env);
        storage::cursor cursor(txn, *env->find_table("t", storage::key_order::integer));
        std::uint64_t intact = 0;
        for (auto found = cursor.first(); found; found = cursor.next()) {
            intact += found->second == row ? 1 : 0;
        }
        CHECK(intact == (part + 1) * rows / 8);
    }
}
