// Random parts of JSON projections, and what becomes of events under them.
#pragma once

#include <rapidcheck.h>

#include <string>
#include <vector>

#include "idem/store.hpp"
#include "json_projection.hpp"
#include "scratch_folder.hpp"

inline std::string random_element(const std::vector<std::string>& of) {
    return *rc::gen::elementOf(of);
}

// Any operation that takes a value, on any of these fields and values.
inline std::string random_operation(const std::vector<std::string>& fields,
                                    const std::vector<std::string>& values) {
    const std::string rest =
        "\"" + random_element(fields) + R"(","value":")" + random_element(values) + "\"";
    switch (*rc::gen::inRange(0, 6)) {
        case 0:
            return R"({"add":)" + rest + "}";
        case 1:
            return R"({"add":)" + rest + R"(,"real":true})";
        case 2:
            return R"({"max":)" + rest + "}";
        case 3:
            return R"({"min":)" + rest + R"(,"real":true})";
        case 4:
            return R"({"insert":)" + rest + "}";
        default:
            return R"({"set":)" + rest + "}";
    }
}

// The digest, or the word for an error: a sum of texts fails in every order and spelling.
inline std::string digest_of(const std::vector<idem::event>& events, const idem::projection& fold,
                             unsigned threads = 1) {
    const scratch_folder scratch;
    idem::store store(scratch / "s.idem", {.map_bytes = 64 << 20, .replay_threads = threads});
    store.append(events);
    try {
        return to_string(store.replay(fold).digest());
    } catch (const idem::error& e) {
        return std::string(to_string(e.code()));
    }
}
