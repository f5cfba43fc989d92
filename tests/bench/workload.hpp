// What is appended: event number i of a workload is a function of i alone, so every subject gets
// the same events, and any of them can be made again as a duplicate.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "idem/event.hpp"

namespace bench {

struct workload {
    int version = 4;  // of the ids: 4 or 7
    std::uint64_t events = 1'000'000;
    std::uint64_t batch = 1000;
    unsigned writers = 1;
    unsigned duplicates = 0;  // of a hundred events, repeat an earlier one
    std::uint64_t payload = 128;
    std::uint64_t streams = 1000;
};

void make_event(const workload& w, std::uint64_t number, idem::event& e);
// The events numbered first .. first + batch - 1, or earlier ones in place of some.
void make_batch(const workload& w, std::uint64_t first, std::vector<idem::event>& batch);

// Which event is given at a place of the workload: that of its number, or an earlier one.
std::uint64_t number_given(const workload& w, std::uint64_t place) noexcept;

// So many events as CloudEvents lines, with JSON data.
void print_lines(const workload& w, std::FILE* out);

// A well mixed function of a number.
std::uint64_t mixed(std::uint64_t number) noexcept;

}  // namespace bench
