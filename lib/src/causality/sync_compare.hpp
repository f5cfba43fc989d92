// Finds what each of two sets of items lacks (range-based set reconciliation, Meyer 2023): ranges
// whose sums agree are left alone, others are split until they are short enough to be listed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "causality/sync_message.hpp"
#include "log/order_rows.hpp"

namespace idem::sync {

// The items of one side. It may grow between two calls.
class item_set {
public:
    virtual ~item_set() = default;
    virtual item_range add_up(const item_key& low, const item_key& high) const = 0;
    virtual std::vector<order_rows::part> split(const item_key& low, const item_key& high,
                                                std::uint64_t part_items) const = 0;
    // The first of them, at most so many.
    virtual std::vector<item_key> list(const item_key& low, const item_key& high,
                                       std::size_t max) const = 0;
};

// Answers a message that asks, from this side's items alone. Throws invalid_input.
std::string answer(const item_set& here, std::string_view message);

// What comes out, in the order of the clocks, each once.
class differences {
public:
    virtual ~differences() = default;
    virtual void here_only(const item_key& key) = 0;
    virtual void there_only(const listed_item& item) = 0;
    // Nothing of this range is here, and so many items are there, as the other side says.
    virtual void there_only(const item_key& low, const item_key& high, std::uint64_t count) = 0;
};

struct compare_result {
    std::uint64_t rounds = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t bytes_in = 0;
};

// Sends a message and returns the answer to it.
using exchange = std::function<std::string(const std::string& message)>;

// Asks until every difference is told of. Memory stays within some thousand ranges, however many
// differences there are. Throws invalid_input for an answer that is malformed, or makes no
// progress; and what `send` and `found` throw.
compare_result compare(const item_set& here, const exchange& send, differences& found);

}  // namespace idem::sync
