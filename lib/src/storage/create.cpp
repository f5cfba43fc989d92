// New environments: complete and on disk before they have their name.
#include "storage/handles.hpp"

namespace idem::storage {
namespace fs = std::filesystem;

bool environment::create(const fs::path& folder, const environment_options& options,
                         const std::function<void(write_transaction&)>& fill) {
    if (fs::exists(folder / "data.mdb")) return false;
    unfinished_folder fresh(folder);
    if (!options.allow_network_file_system) refuse_network_file_system(fresh.path());
    {
        environment env(open_state(fresh.path(), options));
        write(env, fill);
    }
    // Nobody has opened it yet, so its lock file is nobody's; the first to open makes its own.
    fs::remove(fresh.path() / "lock.mdb");
    return fresh.move_to_target();
}

std::shared_ptr<environment> environment::scratch(const fs::path& parent, std::uint64_t map_bytes) {
    environment_options options;
    options.map_bytes = map_bytes;
    options.unsynced = true;
    options.allow_network_file_system = true;  // this process alone uses it
    auto folder = std::make_unique<unfinished_folder>(parent / "idem-scratch");
    auto state = open_state(folder->path(), options);
    state->scratch = std::move(folder);
    return std::make_shared<environment>(std::move(state));
}

}  // namespace idem::storage
