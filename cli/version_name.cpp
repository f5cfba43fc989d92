#include "version_name.hpp"

#include <fmt/format.h>

#include <charconv>

#include "idem/error.hpp"

namespace idem::cli {

version_name parse_version_name(const std::string& text) {
    version_name parsed;
    const auto at = text.rfind('@');
    if (at != std::string::npos && at > 0) {
        parsed.name = text.substr(0, at);
        const char* const end = text.data() + text.size();
        const auto [stop, fault] = std::from_chars(text.data() + at + 1, end, parsed.version);
        if (fault == std::errc() && stop == end && parsed.version > 0) return parsed;
    }
    throw error(errc::invalid_input,
                fmt::format("{} names no version of a projection; write NAME@VERSION, as in "
                            "accounts@2; `idem projections` lists them",
                            text));
}

}  // namespace idem::cli
