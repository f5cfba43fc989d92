#include "idem/convergent/version_vector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"

namespace idem {
namespace {

constexpr std::size_t uuid_text_bytes = 36;

[[noreturn]] void refuse(std::string_view what, std::string_view why) {
    throw error(errc::invalid_input,
                fmt::format("{} is no version vector: {}; give the text that to_string() made of "
                            "what was observed, ORIGIN:COUNTER,ORIGIN:COUNTER",
                            text::shown(what), why));
}

dot parse_dot(std::string_view item) {
    if (item.size() < uuid_text_bytes + 2 || item[uuid_text_bytes] != ':') {
        refuse(item, "it is not ORIGIN:COUNTER");
    }
    const auto origin = uuid::parse(item.substr(0, uuid_text_bytes));
    if (!origin) refuse(item, "its origin is no UUID");
    const std::string_view number = item.substr(uuid_text_bytes + 1);
    std::uint64_t counter = 0;
    const auto [end, fault] =
        std::from_chars(number.data(), number.data() + number.size(), counter);
    if (fault != std::errc() || end != number.data() + number.size() || counter == 0) {
        refuse(item, "its counter is not a number from 1 to 2^64 - 1");
    }
    return {*origin, counter};
}

}  // namespace

event_mark at(const event_view& e) noexcept {
    const stamp s = e.stamp();
    return {s.clock, s.origin, e.id(), s.counter};
}

event_mark at(const recorded_event& e) noexcept {
    return {e.stamp.clock, e.stamp.origin, e.id, e.stamp.counter};
}

std::uint64_t version_vector::counter_of(const uuid& origin) const noexcept {
    const auto found = counters_.find(origin);
    return found == counters_.end() ? 0 : found->second;
}

bool version_vector::covers(const version_vector& other) const noexcept {
    return std::all_of(other.counters_.begin(), other.counters_.end(),
                       [this](const auto& c) { return c.second <= counter_of(c.first); });
}

void version_vector::include(const dot& d) {
    if (d.counter == 0) return;
    auto& counter = counters_[d.origin];
    counter = std::max(counter, d.counter);
}

void version_vector::include(const version_vector& other) {
    for (const auto& [origin, counter] : other.counters_) include(dot{origin, counter});
}

void version_vector::drop_covered_by(const version_vector& other) {
    std::erase_if(counters_, [&other](const auto& c) {
        return other.covers(dot{c.first, c.second});
    });
}

version_vector version_vector::parse(std::string_view text) {
    if (text.size() > limits::context_bytes_max) {
        refuse(text, fmt::format("it has {} bytes, and may have {}", text.size(),
                                 limits::context_bytes_max));
    }
    version_vector vector;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(','), text.size());
        const dot d = parse_dot(text.substr(0, end));
        if (vector.counter_of(d.origin) != 0) refuse(text, "an origin comes twice");
        vector.include(d);
        if (end + 1 == text.size()) refuse(text, "it ends with a comma");
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return vector;
}

std::string to_string(const version_vector& vector) {
    std::string out;
    for (const auto& [origin, counter] : vector.counters_) {
        out += fmt::format("{}{}:{}", out.empty() ? "" : ",", to_string(origin), counter);
    }
    return out;
}

void version_vector::encode(byte_writer& out) const {
    out.number(counters_.size());
    for (const auto& [origin, counter] : counters_) {
        out.identifier(origin);
        out.number(counter);
    }
}

version_vector version_vector::decode(byte_reader& in) {
    constexpr std::size_t item_bytes_min = 17;
    version_vector vector;
    for (std::size_t left = in.count(item_bytes_min); left > 0; --left) {
        const uuid origin = in.identifier();
        const std::uint64_t counter = in.number();
        if (counter == 0) in.damaged("a counter is 0");
        if (!vector.empty() && origin <= vector.counters_.rbegin()->first) {
            in.damaged("origins are not in their order");
        }
        vector.counters_.emplace_hint(vector.counters_.end(), origin, counter);
    }
    return vector;
}

namespace detail {

void check_mark(const event_mark& mark) {
    if (mark.counter != 0) return;
    throw error(errc::invalid_input,
                "an update is of no event: its mark has the counter 0; give at(e) of an event "
                "that was read from a store");
}

void presence::add(const dot& d) {
    if (!removed_.covers(d)) added_.include(d);
}

void presence::remove(const version_vector& seen) {
    removed_.include(seen);
    added_.drop_covered_by(removed_);
}

void presence::merge(const presence& other) {
    added_.include(other.added_);
    remove(other.removed_);
}

void presence::encode(byte_writer& out) const {
    added_.encode(out);
    removed_.encode(out);
}

presence presence::decode(byte_reader& in) {
    presence p;
    p.added_ = version_vector::decode(in);
    p.removed_ = version_vector::decode(in);
    if (p.blank()) in.damaged("an element was never added nor removed");
    for (const auto& [origin, counter] : p.added_.counters()) {
        if (p.removed_.covers(dot{origin, counter})) in.damaged("an addition was removed");
    }
    return p;
}

}  // namespace detail

}  // namespace idem
