// Histories of several replicas that write and hear from each other, and what was known to whom.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "note.hpp"

using random_source = std::mt19937_64;

enum class change : std::uint8_t {
    title,
    text,
    add_label,
    remove_label,
    view,
    like,
    longest,
    rank,
    change_line,
    remove_line,
};
inline constexpr std::uint64_t changes_count = 10;

// One change, with what its event carries for it.
struct update {
    change what = change::title;
    std::string text = {};        // a title, a label, a key
    std::int64_t number = 0;      // a step, an amount
    idem::version_vector seen{};  // of what is removed or written over
    // What that stands for, worked out without version vectors: the events, by their place in the
    // history, whose additions the writer saw standing, or whose writes were known to it or to the
    // writers of those it knew.
    std::set<std::size_t> covers = {};
};

// One event: at most one update of a kind that an event may do once, any number of others.
struct written_event {
    idem::event_mark mark;
    std::vector<update> updates;
};

// As a projection's handler would.
void apply(note& row, const written_event& e);

// Every event in the order of writing, and the row that each replica came to have.
struct history {
    std::vector<written_event> events;
    std::vector<note> replicas;
};

// Up to `steps` writes and deliveries among one to four replicas. A replica takes the events of
// each origin in their order, as stores do, and those of different origins in any.
history make_history(std::uint64_t seed, std::size_t steps);

// The row as it must be when these events have been applied, worked out from who knew what.
struct expected_row {
    std::string title;
    std::multiset<std::string> texts;
    std::vector<std::string> labels;
    std::uint64_t views = 0;
    std::int64_t likes = 0;
    std::optional<std::int64_t> longest;
    std::optional<std::uint8_t> rank;
    std::map<std::string, std::pair<std::int32_t, std::uint64_t>> lines;  // amount, changes

    friend bool operator==(const expected_row&, const expected_row&) = default;
};
expected_row expect(const history& h, const std::set<std::size_t>& applied);
expected_row read(const note& row);

// Rows of these events, each once, in their order.
note fold(const history& h, const std::set<std::size_t>& applied);
std::set<std::size_t> all_of(const history& h);
std::set<std::size_t> some_of(const history& h, random_source& random);

std::string bytes_of(const note& row);
