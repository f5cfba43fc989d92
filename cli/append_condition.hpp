// An append condition as the command line writes it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "idem/condition.hpp"

namespace idem::cli {

// any, no_stream, stream_exists or a number. Throws invalid_input, which names the option.
expected_revision parse_revision(const std::string& option, const std::string& text);

// STREAM=REVISION, at the last `=`.
std::pair<std::string, expected_revision> parse_stream_revision(const std::string& text);

// [{"types":["Some"],"tags":["baz:foos"]}, ...]: at least one, of which each has a type or a tag.
std::vector<event_match> parse_unless(const std::string& text);

}  // namespace idem::cli
