// "NAME@VERSION" on the command line.
#pragma once

#include <cstdint>
#include <string>

namespace idem::cli {

struct version_name {
    std::string name;
    std::uint32_t version = 0;
};

// Throws invalid_input where it is not of that form.
version_name parse_version_name(const std::string& text);

}  // namespace idem::cli
