// Projections from a shared library that idem_add_projections() made.
#pragma once

#include <string>
#include <vector>

#include "idem/projection.hpp"

namespace idem::cli {

// Throws not_found or invalid_input that says why the file cannot be used. The library stays loaded
// until the process ends, for the projections' code is in it.
std::vector<projection> load_plugin(const std::string& file_name);

}  // namespace idem::cli
