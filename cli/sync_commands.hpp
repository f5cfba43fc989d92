// What the commands of sync are asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "session.hpp"

namespace idem::cli {

struct sync_command_options {
    std::string store;
    std::string other;  // a store
    std::string with;   // or a command that answers
    std::optional<std::uint64_t> timeout;
};
int run(const sync_command_options& options, session& s);

struct serve_sync_options {
    std::string store;
    std::optional<std::uint64_t> timeout;
};
int run(const serve_sync_options& options, session& s);

}  // namespace idem::cli
