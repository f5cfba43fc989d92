// Which event did it, and what its writer had seen.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "idem/convergent/bytes.hpp"
#include "idem/event.hpp"
#include "idem/uuid.hpp"

namespace idem {

// One event of one origin. No other event has it, unless two histories were written under one
// origin, which the store reports as a fork.
struct dot {
    uuid origin = {};
    std::uint64_t counter = 0;  // from 1

    friend constexpr auto operator<=>(const dot&, const dot&) = default;
};

// Where an update stands: the stamp and the id of its event. Marks are ordered by clock, origin and
// id; the same for everyone, and a writer's later event is greater than all that it had seen.
struct event_mark {
    std::uint64_t clock = 0;
    uuid origin = {};
    uuid id = {};
    std::uint64_t counter = 0;

    idem::dot dot() const noexcept { return {origin, counter}; }

    friend constexpr auto operator<=>(const event_mark&, const event_mark&) = default;
};

event_mark at(const event_view& e) noexcept;
event_mark at(const recorded_event& e) noexcept;

// For each origin the last of its events that is covered; all before it are covered too. A store
// takes in the events of each origin in their order, so whoever has read a row there has seen all
// that the row's version vector covers: it tells a writer's knowledge in one number for each origin
// (Parker et al. 1983; with the dot of the write itself a dotted version vector, Preguiça et al.
// 2012). A value.
class version_vector {
public:
    bool empty() const noexcept { return counters_.empty(); }
    const std::map<uuid, std::uint64_t>& counters() const noexcept { return counters_; }
    std::uint64_t counter_of(const uuid& origin) const noexcept;  // 0: none of it is covered

    bool covers(const dot& d) const noexcept { return d.counter <= counter_of(d.origin); }
    bool covers(const version_vector& other) const noexcept;

    void include(const dot& d);                 // and all before it; one of counter 0 is nothing
    void include(const version_vector& other);  // the least that covers both
    void drop_covered_by(const version_vector& other);  // origins that other reaches as far in

    // "ORIGIN:COUNTER,ORIGIN:COUNTER", in the order of the origins; "" where nothing is covered. To
    // be carried in the payload of an event. parse() takes any order, and throws invalid_input for
    // anything else, or beyond limits::context_bytes_max.
    static version_vector parse(std::string_view text);
    friend std::string to_string(const version_vector& vector);

    void encode(byte_writer& out) const;
    static version_vector decode(byte_reader& in);

    friend bool operator==(const version_vector&, const version_vector&) = default;

private:
    std::map<uuid, std::uint64_t> counters_;  // none is 0
};

std::string to_string(const version_vector& vector);

namespace detail {

// Throws invalid_input where it is of no event: its counter is 0.
void check_mark(const event_mark& mark);

// Is something there? It is while it has an addition that no remover had seen (add wins). Every
// origin's last addition, and the additions that removers had seen.
class presence {
public:
    void add(const dot& d);
    void remove(const version_vector& seen);
    bool present() const noexcept { return !added_.empty(); }
    bool blank() const noexcept { return added_.empty() && removed_.empty(); }
    const version_vector& observed() const noexcept { return added_; }

    void merge(const presence& other);
    void encode(byte_writer& out) const;
    static presence decode(byte_reader& in);

    friend bool operator==(const presence&, const presence&) = default;

private:
    version_vector added_;  // without those that removed_ covers
    version_vector removed_;
};

}  // namespace detail

}  // namespace idem
