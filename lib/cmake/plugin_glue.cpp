// Compiled into each plug-in by idem_add_projections().
#include <idem/plugin.hpp>

std::vector<idem::projection> idem_projections();  // the user's

extern "C" __attribute__((visibility("default")))
const idem::plugin idem_plugin = {idem::plugin_abi(), &idem_projections};
