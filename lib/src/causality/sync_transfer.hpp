// A whole sync: compares, and has the events go over, in both directions.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "causality/sync_compare.hpp"
#include "causality/sync_events.hpp"

namespace idem::sync {

// What became of an event that came.
enum class verdict : std::uint8_t {
    accepted,
    noted,     // known; its stamps are known now
    fork,      // accepted, and its origin's counter is taken by another event
    parked,    // waits for what comes before it
    conflict,  // its id is known with other content; nothing was written
    refused,   // its stamp is too far ahead, or a schema rejects it; nothing was written
};
inline constexpr std::size_t verdict_kinds = 6;

// The events of one side.
class event_port {
public:
    virtual ~event_port() = default;
    // The event of an item, with those of its stamps whose clock is not behind the item's: then
    // no origin's counter gets ahead of what came before. Nullopt: its data is sealed under a key
    // that is not here.
    virtual std::optional<carried_event> load(const item_key& key) = 0;
    // On disk when it returns, so that a sync that is broken off goes on here. One for each event.
    virtual std::vector<verdict> take_in(std::span<const carried_event> events) = 0;
    // What became of an event that was pushed to the other side.
    virtual void pushed(const carried_event& /*e*/, verdict /*became*/) {}
};

// Events that went one way.
struct moved {
    std::uint64_t verdicts[verdict_kinds] = {};  // by verdict
    std::uint64_t skipped = 0;                   // sealed under a key that is not there

    void add(std::span<const verdict> given) noexcept;
    std::uint64_t of(verdict v) const noexcept { return verdicts[static_cast<std::size_t>(v)]; }
    std::uint64_t all() const noexcept;
};

struct transfer_result {
    moved received;
    moved sent;
    std::uint64_t rounds = 0;
    std::uint64_t bytes_out = 0;
    std::uint64_t bytes_in = 0;

    // Nothing remains that a person has to look at, nor was skipped.
    bool in_sync() const noexcept;
};

// Drives a sync. Throws invalid_input where the other side breaks the protocol, or sends what was
// not asked for; and what `send` and the port throw. What was taken in by then stays.
transfer_result run(const item_set& items, event_port& events, const exchange& send);

// Answers a message of the driving side. Throws invalid_input, and what the port throws.
std::string serve(const item_set& items, event_port& events, std::string_view message);

}  // namespace idem::sync
