// What the commands about effects are asked for; commands.hpp is about all others.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "session.hpp"
#include "sweep.hpp"

namespace idem::cli {

struct effects_list_options {
    std::string store;
    std::string state;
    std::string name;
    std::optional<std::uint64_t> limit;
};
int run(const effects_list_options& options, session& s);

struct effects_show_options {
    std::string store;
    std::string id;
};
int run(const effects_show_options& options, session& s);

// By a person: one type a command, as each is declared and run by its type.
struct effects_settle_options {
    std::string store;
    std::string id;
    std::string reason;
};
struct effects_resume_options : effects_settle_options {};
struct effects_discard_options : effects_settle_options {};
struct effects_compensate_options : effects_settle_options {};
struct effects_done_options : effects_settle_options {
    std::string result;
};
int run(const effects_resume_options& options, session& s);
int run(const effects_discard_options& options, session& s);
int run(const effects_compensate_options& options, session& s);
int run(const effects_done_options& options, session& s);

struct effects_sweep_options : sweep_extent {
    std::optional<std::uint64_t> keep_hours;
};
int run(const effects_sweep_options& options, session& s);

struct effects_stats_options {
    std::string store;
};
int run(const effects_stats_options& options, session& s);

struct effects_dispatch_options {
    std::string store;
    std::string program;
    std::string probe;
    std::vector<std::string> names;
    std::optional<std::uint64_t> limit;
    std::optional<std::uint64_t> lease_seconds;
    bool follow = false;
};
int run(const effects_dispatch_options& options, session& s);

}  // namespace idem::cli
