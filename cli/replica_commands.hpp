// What the commands about events of other stores are asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "session.hpp"

namespace idem::cli {

struct accept_command_options {
    std::string store;
    std::vector<std::string> files;
    bool keep_forks = false;
};
int run(const accept_command_options& options, session& s);

struct classify_options {
    std::string store;
    std::vector<std::string> files;
};
int run(const classify_options& options, session& s);

struct parked_options {
    std::string store;
};
int run(const parked_options& options, session& s);

struct frontier_options {
    static constexpr std::uint64_t timeout_s_max = 24 * 60 * 60;
    static constexpr std::uint64_t timeout_s_unasked = 30;

    std::string store;
    std::string wait;  // a version vector; empty: none is waited for
    std::optional<std::uint64_t> timeout_s;
};
int run(const frontier_options& options, session& s);

}  // namespace idem::cli
