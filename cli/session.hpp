// What every command is given beside its own options.
#pragma once

#include <unistd.h>

#include <string_view>
#include <vector>

#include "idem/projection.hpp"
#include "output.hpp"

namespace idem::cli {

struct session {
    output out{STDOUT_FILENO};
    bool json = false;        // one JSON object a line, asked for or because nobody looks
    bool json_asked = false;  // by --json
    bool colour = false;
    std::vector<projection> projections = {};  // of the application and of plug-ins

    // One line for people, on standard error. What was written to `out` before comes before it.
    void tell(std::string_view message);
};

bool is_terminal(int descriptor) noexcept;
std::size_t terminal_width();  // of standard output, in columns; COLUMNS comes first

}  // namespace idem::cli
