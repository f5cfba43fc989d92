#include <idem/plugin.hpp>

static std::vector<idem::projection> never_called() {
    return {};
}

extern "C" {
extern const idem::plugin idem_plugin;
const idem::plugin idem_plugin = {"idem 0.0.1, libstdc++ with C++11 strings", &never_called};
}
