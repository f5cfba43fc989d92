// A projection with a row for each event and one for each stream, so that a rebuild has rows to
// load in several steps; each version has others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "idem/keyed_fold.hpp"

inline auto many_rows(std::uint32_t version) {
    return idem::keyed_fold<std::string, std::string>("rows", version)
        .on(
            "Happened",
            [](const idem::event_view& e) {
                return std::vector<std::string>{std::string(e.stream()), std::string(e.data())};
            },
            [version](std::string row, const idem::event_view& e) {
                row.resize(200, '.');
                row.replace(0, 24, std::to_string(version) + ":" + std::to_string(e.position()));
                return row;
            });
}
