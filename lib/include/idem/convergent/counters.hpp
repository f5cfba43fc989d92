// Counters in which each event counts once, however often it comes and in whatever order.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "idem/convergent/version_vector.hpp"

namespace idem {

namespace detail {

// A sum of steps, each of one event, which is known by its dot. A dot names an event as its id
// does, for no origin counts two events alike; and dots have an order, so a sum need not list them
// all: for each origin it keeps the sum of all steps up to a counter, and only those beyond a gap
// one by one, each 2 bytes or more. What is kept up to a counter is nested, so of two the longer is
// the join.
class dotted_sum {
public:
    // Of 128 bits: no number of steps of 64 bits overflows it.
    struct wide_sum {
        std::uint64_t low = 0;
        std::uint64_t high = 0;  // two's complement

        friend bool operator==(const wide_sum&, const wide_sum&) = default;
    };

    void add(const dot& d, std::int64_t step);
    void settle(const dot& last);
    void merge(const dotted_sum& other);
    wide_sum total() const noexcept;

    void encode(byte_writer& out) const;
    static dotted_sum decode(byte_reader& in, bool may_fall);

    friend bool operator==(const dotted_sum&, const dotted_sum&) = default;

private:
    struct share {                  // of one origin
        std::uint64_t through = 0;  // all steps up to it are in `sum`
        wide_sum sum = {};
        std::map<std::uint64_t, std::int64_t> later;  // steps beyond a gap, by counter

        void fold_in_what_follows();
        void move_through(std::uint64_t counter);
        friend bool operator==(const share&, const share&) = default;
    };
    static share decode_share(byte_reader& in, bool may_fall);

    std::map<uuid, share> shares_;  // none without a step
};

std::string to_string(const dotted_sum::wide_sum& sum);  // in decimal

}  // namespace detail

// Counts up. One event changes a counter by one step; of several steps of one event the first
// counts. Inside a projection of a store, where each event is applied once, a plain integer
// converges too, in 8 bytes: these are for rows that are merged, or folded from events that may
// come again.
class grow_counter {
public:
    void add(std::uint64_t step, const event_mark& mark);  // a step of at most 2^63 - 1

    std::uint64_t value() const;  // throws invalid_input where it is beyond 64 bits

    // Declares that no event of that origin up to the mark's counter will come any more, but as a
    // repeat: what was kept of each is added up, and takes no more room. The row's total is the
    // same, its bytes are others, and an event of before that has not come yet no longer counts. So
    // call it in a fold in canonical order, at an event that names the frontier of its writer, or
    // in no fold at all.
    void settle(const dot& last) { sum_.settle(last); }

    void merge(const grow_counter& other) { sum_.merge(other.sum_); }
    void encode(byte_writer& out) const;
    static grow_counter decode(byte_reader& in);
    std::string to_json() const;

    friend bool operator==(const grow_counter&, const grow_counter&) = default;

private:
    detail::dotted_sum sum_;
};

// Counts up and down. Otherwise like a grow_counter.
class pn_counter {
public:
    void add(std::int64_t step, const event_mark& mark);

    std::int64_t value() const;  // throws invalid_input where it is beyond 64 bits
    void settle(const dot& last) { sum_.settle(last); }

    void merge(const pn_counter& other) { sum_.merge(other.sum_); }
    void encode(byte_writer& out) const;
    static pn_counter decode(byte_reader& in);
    std::string to_json() const;

    friend bool operator==(const pn_counter&, const pn_counter&) = default;

private:
    detail::dotted_sum sum_;
};

}  // namespace idem
