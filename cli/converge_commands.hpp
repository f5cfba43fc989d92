// What `converge` is asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "session.hpp"

namespace idem::cli {

struct converge_options {
    std::string store;
    std::string name;  // a projection's name, or a file that defines one
    std::optional<std::uint64_t> seed;
    std::optional<std::uint64_t> schedules;
    std::optional<std::uint64_t> events;
    std::string order;       // in place of what the projection declares
    std::string schedule;    // a file: this scenario alone
    std::string save;        // a file for the scenario of the finding
    std::string test;        // a file for the test in C++
    bool with_data = false;  // events with a data subject too
};
int run(const converge_options& options, session& s);

}  // namespace idem::cli
