// Projections with the mistakes that the kit is there to find, each as an author would make it.
#pragma once

#include <chrono>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>

#include "idem/keyed_fold.hpp"

namespace wrong {

inline std::string stream_of(const idem::event_view& e) {
    return std::string(e.stream());
}

// The number in {"n":17}.
inline std::int64_t amount(const idem::event_view& e) {
    const std::string data(e.data());
    return std::strtoll(data.c_str() + data.find(':') + 1, nullptr, 10);
}

// The last to arrive wins, and it says that any order will do.
inline idem::projection last_arrival_wins() {
    return idem::keyed_fold<std::string, std::string>("last_arrival_wins")
        .on("Happened", stream_of,
            [](std::string, const idem::event_view& e) { return std::string(e.data()); })
        .commutative();
}

inline idem::projection reads_the_clock() {
    return idem::keyed_fold<std::string, std::int64_t>("reads_the_clock")
        .on("Happened", stream_of, [](std::int64_t, const idem::event_view&) -> std::int64_t {
            using days = std::chrono::duration<std::int64_t, std::ratio<86400>>;
            return std::chrono::floor<days>(std::chrono::system_clock::now().time_since_epoch())
                .count();
        });
}

inline idem::projection draws_random_numbers() {
    return idem::keyed_fold<std::string, std::uint32_t>("draws_random_numbers")
        .on("Happened", stream_of,
            [](std::uint32_t, const idem::event_view&) { return std::random_device{}(); });
}

inline idem::projection counts_globally() {
    return idem::keyed_fold<std::string, std::uint64_t>("counts_globally")
        .on("Happened", stream_of, [](std::uint64_t, const idem::event_view&) {
            static std::uint64_t calls = 0;
            return ++calls;
        });
}

// Right only in the first process that it lives in.
inline idem::projection knows_the_first_call() {
    return idem::keyed_fold<std::string, std::uint64_t>("knows_the_first_call")
        .on("Happened", stream_of, [](std::uint64_t n, const idem::event_view&) {
            static bool first = true;
            return n + (std::exchange(first, false) ? 2 : 1);
        });
}

// Sums of floating-point numbers round as they go.
inline idem::projection sums_floats() {
    return idem::keyed_fold<std::string, double>("sums_floats")
        .on(
            "Happened", [](const idem::event_view&) { return std::string("all"); },
            [](double sum, const idem::event_view& e) {
                return sum + 0.1 * static_cast<double>(amount(e));
            })
        .commutative();
}

// It rests on where the event stands, which is another place in another copy.
inline idem::projection adds_positions() {
    return idem::keyed_fold<std::string, std::uint64_t>("adds_positions")
        .on("Happened", stream_of,
            [](std::uint64_t sum, const idem::event_view& e) { return sum + e.position(); })
        .commutative();
}

// The upcaster numbers what it has seen.
inline idem::projection upcasts_by_a_counter() {
    idem::upcasters steps = idem::upcasters().add("Happened", 1, [](std::string_view) {
        static std::uint64_t calls = 0;
        thread_local std::string made;
        made = R"({"n":)" + std::to_string(++calls) + "}";
        return std::string_view(made);
    });
    return idem::keyed_fold<std::string, std::uint64_t>("upcasts_by_a_counter")
        .on("Happened", stream_of, [](std::uint64_t n, const idem::event_view&) { return n + 1; })
        .reads("Happened", 2)
        .upcast(std::move(steps));
}

// What it says of its rows is not what it does.
inline idem::projection names_other_rows() {
    idem::projection p;
    p.name = "names_other_rows";
    const auto count = [](idem::state_table::slot& slot) {
        slot.bytes.push_back('x');
        slot.present = slot.changed = true;
    };
    p.apply = [count](const idem::event_view& e, idem::state_table& table) {
        count(table.at(e.stream()));
        if (amount(e) % 10 == 0) count(table.at("tens"));
    };
    p.keys_of = [](const idem::event_view& e, idem::key_sink& sink) { sink.take(e.stream()); };
    p.apply_row = [count](const idem::event_view&, std::string_view,
                          idem::state_table::slot& slot) { count(slot); };
    return p;
}

// Keeps its counts in a table of its own, which no crash undoes and no replay begins anew.
inline idem::projection has_a_side_table() {
    const auto counts = std::make_shared<std::map<std::string, int, std::less<>>>();
    idem::projection p;
    p.name = "has_a_side_table";
    p.apply = [counts](const idem::event_view& e, idem::state_table& table) {
        table.put(e.stream(), std::to_string(++(*counts)[std::string(e.stream())]));
    };
    return p;
}

// Refuses what it has seen before, by a memory of its own.
inline idem::projection throws_on_duplicates() {
    const auto seen = std::make_shared<std::map<idem::uuid, bool>>();
    idem::projection p;
    p.name = "throws_on_duplicates";
    p.apply = [seen](const idem::event_view& e, idem::state_table& table) {
        if (!seen->emplace(e.id(), true).second) throw std::runtime_error("a duplicate");
        table.put(e.stream(), e.data());
    };
    return p;
}

// Any order, it says, and throws where an account is overdrawn on the way.
inline idem::projection refuses_overdrafts() {
    return idem::keyed_fold<std::string, std::int64_t>("refuses_overdrafts")
        .on("Happened", stream_of,
            [](std::int64_t sum, const idem::event_view& e) {
                if (sum + amount(e) < 0) throw std::runtime_error("overdrawn");
                return sum + amount(e);
            })
        .commutative();
}

}  // namespace wrong
