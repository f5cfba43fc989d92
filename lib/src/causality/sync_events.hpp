// Events on their way from store to store (schemas/sync.fbs).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "idem/event.hpp"
#include "log/order_item.hpp"

namespace idem::sync {

// An event with all its stamps. Position and revision are those of the store that has it, and are
// not carried.
struct carried_event {
    recorded_event event;
    std::vector<other_stamp> others = {};

    std::size_t bytes() const noexcept;  // about
    // The items that it stands for, computed from what it says.
    std::vector<item_key> keys() const;
};

struct carried_events {
    std::vector<carried_event> events = {};
    std::uint64_t skipped = 0;
};

// A FlatBuffer, for an offset in a message that is a multiple of 8.
std::string encode_events(const carried_events& carried);

// Throws invalid_input where the bytes are none of these, an event breaks a rule that an append
// would hold it to, or texts are shared so that they stand for more than the message has bytes.
carried_events decode_events(std::string_view bytes);

}  // namespace idem::sync
