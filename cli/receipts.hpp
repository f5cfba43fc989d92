// How the answer for one event is told.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "idem/append.hpp"
#include "idem/event.hpp"
#include "session.hpp"

namespace idem::cli {

struct told_receipt {
    uuid id = {};
    idem::outcome outcome = outcome::appended;
    std::optional<std::uint64_t> position = {};  // of the first append; absent: nowhere in the log
    std::string stream = {};
    std::optional<std::uint64_t> revision = {};
    std::optional<std::string> field = {};    // id_conflict: what differs
    std::optional<std::uint64_t> match = {};  // condition_failed: the newest event that matches
    std::optional<std::string> detail = {};
};

// One for each event of a batch, accepted or rejected.
std::vector<told_receipt> receipts_of(std::span<const event> batch, const append_result& result);

void print(session& s, const told_receipt& receipt);

}  // namespace idem::cli
