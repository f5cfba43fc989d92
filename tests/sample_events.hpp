// Events for tests: the same number always gives the same id and content.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "idem/event.hpp"

inline idem::uuid numbered_id(std::uint64_t number) {
    return idem::make_uuid_from_source("test", std::to_string(number));
}

inline idem::event numbered_event(std::uint64_t number, const std::string& stream = "stream") {
    idem::event e;
    e.id = numbered_id(number);
    e.stream = stream;
    e.type = "Happened";
    e.data = R"({"number":)" + std::to_string(number) + "}";
    return e;
}

// In 400 streams.
inline std::vector<idem::event> numbered_batch(std::uint64_t first, std::uint64_t events) {
    std::vector<idem::event> batch;
    for (std::uint64_t i = first; i < first + events; ++i) {
        batch.push_back(numbered_event(i, "s" + std::to_string(i % 400)));
    }
    return batch;
}
