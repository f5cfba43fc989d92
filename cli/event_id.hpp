// How people name an event on the command line.
#pragma once

#include <string>

#include "idem/uuid.hpp"

namespace idem::cli {

// The id itself, or the one that the store derives from a sender's id where `source` is given.
// Throws invalid_input.
uuid parse_id(const std::string& text, const std::string& source);

}  // namespace idem::cli
