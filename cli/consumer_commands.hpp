// What the commands about consumers and the inbox are asked for; see commands.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "session.hpp"

namespace idem::cli {

struct consumers_list_options {
    std::string store;
    bool sources = false;
};
int run(const consumers_list_options& options, session& s);

struct consumers_show_options {
    std::string store;
    std::string name;
};
int run(const consumers_show_options& options, session& s);

struct consumers_create_options {
    std::string store;
    std::string name;
    std::optional<std::string> stream;
    std::vector<std::string> types;
    std::vector<std::string> tags;
    std::optional<std::string> correlation;
    bool reserved = false;
    std::string from = "beginning";  // or end, or a position
    std::optional<std::uint64_t> limit;
};
int run(const consumers_create_options& options, session& s);

struct consumers_next_options {
    std::string store;
    std::string name;
    std::optional<std::uint64_t> limit;
    bool raw = false;
};
int run(const consumers_next_options& options, session& s);

struct consumers_advance_options {
    std::string store;
    std::string name;
    std::optional<std::uint64_t> to;
    std::optional<std::uint64_t> after;
    std::string state;  // a file, or - for standard input; empty: the state stays
};
int run(const consumers_advance_options& options, session& s);

struct consumers_reset_options {
    std::string store;
    std::string name;
    std::string to;  // a position or the id of an event
    std::string reason;
    std::string state;  // likewise
    bool source = false;
};
int run(const consumers_reset_options& options, session& s);

struct consumers_drop_options {
    std::string store;
    std::string name;
};
int run(const consumers_drop_options& options, session& s);

struct consumers_run_options {
    std::string store;
    std::string name;
    std::string exec;
    std::optional<std::uint64_t> lease_seconds;
    bool follow = false;
    bool raw = false;
};
int run(const consumers_run_options& options, session& s);

struct ingest_command_options {
    std::string store;
    std::string source;
    std::string position;
    std::vector<std::string> files;  // none: standard input
    std::optional<std::uint64_t> after;
};
int run(const ingest_command_options& options, session& s);

}  // namespace idem::cli
