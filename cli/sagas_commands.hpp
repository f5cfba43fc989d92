// What the commands about sagas are asked for, and the commands themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "command_builder.hpp"
#include "sweep.hpp"

namespace idem::cli {

struct sagas_options {
    std::string store;
    std::string state;  // empty: all
    std::string name;   // of the definition; empty: all
    std::optional<std::uint64_t> limit;
};
int run(const sagas_options& options, session& s);

struct sagas_show_options {
    std::string store;
    std::string saga;
};
int run(const sagas_show_options& options, session& s);

struct sagas_resume_options {
    std::string store;
    std::string saga;
    std::string reason;
};
int run(const sagas_resume_options& options, session& s);

struct sagas_skip_options {
    std::string store;
    std::string saga;
    std::string reason;
    std::string step;  // empty: whichever it is at
};
int run(const sagas_skip_options& options, session& s);

struct sagas_abort_options {
    std::string store;
    std::string saga;
    std::string reason;
};
int run(const sagas_abort_options& options, session& s);

struct sagas_sweep_options : sweep_extent {
    std::optional<std::uint64_t> keep_hours;
};
int run(const sagas_sweep_options& options, session& s);

void declare_saga_commands(command_builder& to);

}  // namespace idem::cli
