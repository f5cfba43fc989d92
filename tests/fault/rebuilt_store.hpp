// What must hold of a store whose rebuild was killed, wherever that was.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <cctype>
#include <filesystem>
#include <sstream>
#include <string>

#include "idem/store.hpp"
#include "many_rows_fold.hpp"
#include "sample_events.hpp"

// What is written outlives a kill wherever it is, so that it need not wait for a disk.
inline std::filesystem::path fast_folder() {
    const std::filesystem::path memory = "/dev/shm";
    return ::access(memory.c_str(), W_OK) == 0 ? memory : std::filesystem::temp_directory_path();
}

inline bool has_leftovers(const std::string& path) {
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
        if (entry.is_directory()) return true;
    }
    return false;
}

// Every version that is kept has the rows of a replay up to its checkpoint.
inline void check_whole(const idem::store& store) {
    for (const auto& kept : store.projections()) {
        CAPTURE(kept.version);
        const idem::projection fold = many_rows(kept.version);
        const auto rows = store.state(fold);
        const auto replayed = store.replay(fold, rows.position());
        CHECK(rows.digest() == replayed.digest());
        CHECK(idem::diff(rows, replayed).none());
    }
}

// Those that are told as appended, in lines of "NUMBER POSITION" among others, are there.
inline void check_acknowledged(const idem::store& store, const std::string& lines) {
    std::istringstream in(lines);
    std::uint64_t lost = 0;
    for (std::string line; std::getline(in, line);) {
        if (line.empty() || std::isdigit(static_cast<unsigned char>(line[0])) == 0) continue;
        std::istringstream words(line);
        std::uint64_t number = 0;
        std::uint64_t position = 0;
        words >> number >> position;
        const auto found = store.find(numbered_id(number));
        lost += !found || found->position != position;
    }
    CHECK(lost == 0);
}
