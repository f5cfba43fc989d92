// The seeds of tests that make schedules at random.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <vector>

// Some fixed seeds and one more, which a failure shows. IDEM_TEST_SEED gives a single one, and
// IDEM_SCHEDULES how many there are.
inline std::vector<std::uint64_t> seeds(std::uint64_t count) {
    if (const char* const given = std::getenv("IDEM_TEST_SEED")) {
        return {std::strtoull(given, nullptr, 10)};
    }
    if (const char* const wanted = std::getenv("IDEM_SCHEDULES")) {
        count = std::strtoull(wanted, nullptr, 10);
    }
    std::vector<std::uint64_t> all;
    for (std::uint64_t i = 1; i < count; ++i) all.push_back(i);
    all.push_back(std::random_device{}());
    return all;
}
