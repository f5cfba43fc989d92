// What is to be done outside of the store because an event was appended: an e-mail, a call, a
// message. It is declared in the same commit as its event, and carried out later
// (idem/effects.hpp).
// Payloads and results stand in the clear in the log, and are not erased: no personal data.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "idem/uuid.hpp"

namespace idem {

// What is done where nobody knows whether an attempt was carried out: its lease was over without an
// answer, as after a crash, or the handler threw.
enum class delivery : std::uint8_t {
    at_least_once = 1,    // again, with the same key, by which the other side is to know it
    at_most_once = 2,     // never again by itself: it is `unknown` until a person settles it
    probe_then_retry = 3  // the dispatcher's probe is asked whether it was carried out
};
std::string_view to_string(delivery value) noexcept;  // "at_most_once"

struct effect {
    std::string name;          // the kind of it: what handlers are chosen by; as an event's type
    std::string payload = {};  // any bytes, up to limits::result_bytes_max
    std::string content_type = "application/json";
    // Effects of one key go out one after the other, in the order of the log: one that is dead or
    // unknown holds up those behind it until a person settles it. Empty: on its own.
    std::string order_key = {};
    idem::delivery delivery = delivery::at_least_once;
    std::uint32_t attempts_max = 10;  // then it is dead: a dead letter
    // After the first failure, twice as long after each further one, up to the greatest.
    std::chrono::milliseconds backoff_first = std::chrono::seconds(1);
    std::chrono::milliseconds backoff_max = std::chrono::hours(1);
    std::chrono::milliseconds delay{0};  // before it is due
};

// The id of an effect, which is also its key: UUIDv5 of the event that it is declared with, its
// name, and how many of that name the event had before. So it is the same wherever it is declared
// again.
uuid effect_id(const uuid& event, std::string_view name, std::uint32_t index = 0);

}  // namespace idem
