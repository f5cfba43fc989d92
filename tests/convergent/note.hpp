// A row of every kind of convergent value.
#pragma once

#include <cstdint>
#include <string>
#include <tuple>

#include "idem/convergent.hpp"

// What stands under a key of a map.
struct order_line {
    idem::lww_register<std::int32_t> amount;
    idem::grow_counter changes;

    static constexpr auto members() {
        return std::tuple(idem::field("amount", &order_line::amount),
                          idem::field("changes", &order_line::changes));
    }
    friend bool operator==(const order_line&, const order_line&) = default;
};

struct note {
    idem::lww_register<std::string> title;
    idem::mv_register<std::string> text;
    idem::or_set<std::string> labels;
    idem::grow_counter views;
    idem::pn_counter likes;
    idem::max_value<std::int64_t> longest;
    idem::min_value<std::uint8_t> rank;
    idem::or_map<std::string, order_line> lines;

    static constexpr auto members() {
        return std::tuple(idem::field("title", &note::title), idem::field("text", &note::text),
                          idem::field("labels", &note::labels), idem::field("views", &note::views),
                          idem::field("likes", &note::likes),
                          idem::field("longest", &note::longest), idem::field("rank", &note::rank),
                          idem::field("lines", &note::lines));
    }
    friend bool operator==(const note&, const note&) = default;
};

static_assert(idem::convergent<note> && idem::convergent<idem::or_map<int, note>>);
static_assert(!idem::convergent<std::string> && !idem::element<double>);
