// Declaring effects: what one may be, and the event that says so.
#include <fmt/format.h>

#include <algorithm>

#include "base/json_object.hpp"
#include "base/text.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idempotency/effect_fold.hpp"

namespace idem {
namespace {

constexpr std::chrono::milliseconds longest = std::chrono::hours(24 * 366 * 10);
constexpr std::uint32_t most_attempts = 1'000'000;

[[noreturn]] void refuse(const char* field, const std::string& why) {
    throw error(errc::invalid_input, fmt::format("the effect's {} {}", field, why),
                {.field = field});
}

void check_text(const char* field, std::string_view text) {
    if (text.size() > limits::name_bytes_max) {
        refuse(field,
               fmt::format("has {} bytes; the limit is {}", text.size(), limits::name_bytes_max));
    }
    if (text::invalid_utf8(text)) refuse(field, "is not UTF-8");
    if (text::has_control(text)) refuse(field, "has control characters");
}

void check_time(const char* field, std::chrono::milliseconds time) {
    if (time.count() >= 0 && time <= longest) return;
    refuse(field, fmt::format("is {} ms; give 0 to {}, ten years", time.count(), longest.count()));
}

void check(const effect& e) {
    if (e.name.empty()) refuse("name", "is empty");
    check_text("name", e.name);
    check_text("content_type", e.content_type);
    check_text("order_key", e.order_key);
    if (to_string(e.delivery).empty()) refuse("delivery", "is none that there is");
    if (e.payload.size() > limits::result_bytes_max) {
        refuse("payload", fmt::format("has {} bytes; the limit is {}: keep large ones elsewhere "
                                      "and declare a reference",
                                      e.payload.size(), limits::result_bytes_max));
    }
    if (e.attempts_max == 0 || e.attempts_max > most_attempts) {
        refuse("attempts_max", fmt::format("is {}; give 1 to {}", e.attempts_max, most_attempts));
    }
    check_time("backoff_first", e.backoff_first);
    check_time("backoff_max", e.backoff_max);
    check_time("delay", e.delay);
}

std::uint64_t count_of(std::chrono::milliseconds time) {
    return static_cast<std::uint64_t>(time.count());
}

}  // namespace

std::string_view to_string(delivery value) noexcept {
    switch (value) {
        case delivery::at_least_once:
            return "at_least_once";
        case delivery::at_most_once:
            return "at_most_once";
        case delivery::probe_then_retry:
            return "probe_then_retry";
    }
    return {};
}

uuid effect_id(const uuid& event, std::string_view name, std::uint32_t index) {
    return make_uuid_from_source("idem:effect:" + to_string(event),
                                 fmt::format("{}#{}", name, index));
}

event declare_effect(const uuid& event_id, const effect& e, std::uint32_t index, timestamp now) {
    check(e);
    json::object_writer data;
    data.text("event", to_string(event_id)).text("name", e.name).number("index", index);
    data.bytes("payload", e.payload).text("content_type", e.content_type);
    if (!e.order_key.empty()) data.text("order_key", e.order_key);
    data.text("delivery", to_string(e.delivery)).number("attempts_max", e.attempts_max);
    data.number("backoff_first", count_of(e.backoff_first));
    data.number("backoff_max", count_of(e.backoff_max)).number("delay", count_of(e.delay));
    event declared;
    declared.id = effect_id(event_id, e.name, index);
    declared.stream = effects_stream;
    declared.type = "idem.EffectDeclared";
    declared.data = data.str();
    declared.time = now;
    declared.correlation_id = to_string(declared.id);
    declared.causation_id = to_string(event_id);
    return declared;
}

}  // namespace idem
