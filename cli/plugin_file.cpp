#include "plugin_file.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string_view>

#include "idem/error.hpp"
#include "idem/plugin.hpp"

namespace idem::cli {

std::vector<projection> load_plugin(const std::string& file_name) {
    std::error_code ignored;
    if (!std::filesystem::exists(file_name, ignored)) {
        throw error(errc::not_found, fmt::format("--plugin {}: there is no such file", file_name));
    }
    const auto refuse = [&](std::string_view why) {
        return error(errc::invalid_input, fmt::format("--plugin {}: {}", file_name, why));
    };
    // A name without a slash would be looked for in the system's folders.
    const std::string path = std::filesystem::absolute(file_name).string();
    const std::unique_ptr<void, int (*)(void*)> library(
        ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE), &::dlclose);
    if (!library) {
        const char* const why = ::dlerror();
        throw refuse(fmt::format("it cannot be loaded: {}", why ? why : "no reason is given"));
    }
    const auto* found = static_cast<const plugin*>(::dlsym(library.get(), "idem_plugin"));
    if (!found) {
        throw refuse("it is no plug-in of idem; build it with idem_add_projections() in CMake");
    }
    if (std::string_view(found->built_for) != plugin_abi()) {
        throw refuse(fmt::format("it was built for {}, and this is {}; build it again",
                                 found->built_for, plugin_abi()));
    }
    return found->projections();
}

}  // namespace idem::cli
