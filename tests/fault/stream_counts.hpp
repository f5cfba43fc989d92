// A consumer whose state counts the events of each stream, and which appends an event of a fresh id
// for each event that it is given: work done twice would show in both.
#pragma once

#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "idem/consumers.hpp"
#include "sample_events.hpp"

using stream_counts = std::map<std::string, std::uint64_t>;

inline stream_counts parse_counts(const std::string& state) {
    stream_counts counts;
    std::istringstream in(state);
    std::string stream;
    for (std::uint64_t count = 0; in >> stream >> count;) counts[stream] = count;
    return counts;
}

inline std::string count_streams(const idem::consumer_batch& batch,
                                 std::vector<idem::event>& produced) {
    stream_counts counts = parse_counts(batch.state);
    for (const auto& e : batch.events) {
        ++counts[e.stream];
        idem::event made;
        made.stream = "made";
        made.type = "Counted";
        made.causation_id = to_string(e.id);
        produced.push_back(std::move(made));
    }
    std::string state;
    for (const auto& [stream, count] : counts) state += stream + " " + std::to_string(count) + "\n";
    return state;
}

inline idem::consumer_options counting_options() {
    return {.filter = {.types = {"Happened"}}, .limit = 13};
}
