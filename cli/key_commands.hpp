// What the commands about idempotency keys are asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "session.hpp"
#include "sweep.hpp"

namespace idem::cli {

struct once_options {
    std::string store;
    std::vector<std::string> files;  // none: no events
    std::string owner;
    std::string operation;
    std::string key;
    std::string request;  // a JSON object
    std::vector<std::string> leave_out;
    std::optional<std::string> result;
    std::optional<std::string> reject;
    std::optional<std::uint64_t> keep_s;
    std::optional<std::uint64_t> horizon_s;
};
int run(const once_options& options, session& s);

struct keys_list_options {
    std::string store;
    std::string state;
    std::string owner;
    std::string operation;
    std::optional<std::uint64_t> limit;
};
int run(const keys_list_options& options, session& s);

// One key: by its id, or by what its caller knows it by.
struct named_key {
    std::string store;
    std::string id;
    std::string owner;
    std::string operation;
    std::string key;
};

struct keys_show_options : named_key {};
int run(const keys_show_options& options, session& s);

struct keys_resume_options : named_key {
    std::string reason;
};
int run(const keys_resume_options& options, session& s);

struct keys_discard_options : named_key {
    std::string reason;
};
int run(const keys_discard_options& options, session& s);

struct keys_complete_options : named_key {
    std::string result;
};
int run(const keys_complete_options& options, session& s);

struct keys_sweep_options : sweep_extent {
    std::optional<std::uint64_t> result_bytes_max;
};
int run(const keys_sweep_options& options, session& s);

}  // namespace idem::cli
