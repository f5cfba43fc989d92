// What the tests of erasure share: events of data subjects, and looks at the bytes on disk.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "idem/store.hpp"
#include "sample_events.hpp"

inline idem::event personal(std::uint64_t number, const std::string& subject) {
    idem::event e = numbered_event(number, "customer-" + subject);
    e.data_subject = subject;
    e.data = R"({"name":"Wilhelmina Nightingale","number":)" + std::to_string(number) + "}";
    return e;
}

inline std::string bytes_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

// The secrets of all slots of the file that have one.
inline std::vector<std::string> secrets(const std::filesystem::path& folder) {
    const std::string bytes = bytes_of(folder / "subjects.keys");
    std::vector<std::string> found;
    for (std::size_t at = 64; at + 64 <= bytes.size(); at += 64) {
        const std::string secret = bytes.substr(at + 24, 32);
        if (secret.find_first_not_of('\0') != std::string::npos) found.push_back(secret);
    }
    return found;
}

// The last data of each stream.
inline idem::projection last_data(const std::string& name = "last") {
    idem::projection p;
    p.name = name;
    p.apply = [](const idem::event_view& e, idem::state_table& table) {
        table.put(e.stream(), e.data());
    };
    return p;
}

inline std::string row_of(const idem::store& store, const std::string& stream) {
    return store.state("last").find(stream).row.value_or("");
}

inline constexpr auto personal_name = "Wilhelmina Nightingale";
