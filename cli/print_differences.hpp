// Rows that two states do not have alike.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "idem/state.hpp"
#include "session.hpp"
#include "table.hpp"

namespace idem::cli {

// One as it is shown: "added", "removed" or "changed", and the rows as JSON.
struct shown_difference {
    std::string change;
    std::string key;
    std::optional<std::string> before = {};
    std::optional<std::string> after = {};

    std::string to_json() const;
};
shown_difference show(const state& before, const state& after, const row_difference& d);

class difference_table {
public:
    explicit difference_table(session& s);
    void add(const shown_difference& d);
    void flush() { table_.flush(); }

private:
    table table_;
};

// Which of them are printed.
struct difference_choice {
    std::optional<std::string> key = {};
    std::optional<std::uint64_t> limit = {};
};

// Prints them, and at the end how many there are in all.
void print_differences(const state& before, const state& after, const difference_choice& choice,
                       session& s);

}  // namespace idem::cli
