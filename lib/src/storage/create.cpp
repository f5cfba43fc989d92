// New environments: complete and on disk before they have their name.
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cerrno>

#include "storage/handles.hpp"

namespace idem::storage {
namespace {

namespace fs = std::filesystem;

// mkdtemp: a name that nobody else has.
fs::path make_unique_folder(const std::string& prefix) {
    std::string name = prefix + "XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw_fault(prefix, errno, "making a folder");
    return name;
}

class removed_at_end {
public:
    explicit removed_at_end(fs::path folder) : folder_(std::move(folder)) {}
    ~removed_at_end() {
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }
    removed_at_end(const removed_at_end&) = delete;
    removed_at_end& operator=(const removed_at_end&) = delete;

private:
    fs::path folder_;
};

fs::path without_trailing_slash(const fs::path& folder) {
    return folder.has_filename() ? folder : folder.parent_path();
}

}  // namespace

bool environment::create(const fs::path& folder, const environment_options& options,
                         const std::function<void(write_transaction&)>& fill) {
    const fs::path target = without_trailing_slash(folder);
    if (fs::exists(target / "data.mdb")) return false;
    const fs::path parent = fs::absolute(target).parent_path();
    if (!fs::is_directory(parent)) {
        throw error(errc::not_found,
                    fmt::format("cannot make {}: there is no folder {}; make it first",
                                target.string(), parent.string()));
    }
    if (!options.allow_network_file_system) refuse_network_file_system(parent);
    const fs::path temporary = make_unique_folder(target.string() + ".new-");
    const removed_at_end cleanup(temporary);
    ::chmod(temporary.c_str(), 0755);  // mkdtemp lets the owner in only
    {
        const auto env = environment::create_empty(temporary, options);
        write(*env, fill);
    }
    // Nobody has opened it yet, so its lock file is nobody's; the first to open makes its own.
    fs::remove(temporary / "lock.mdb");
    sync_folder(temporary);
    if (::rename(temporary.c_str(), target.c_str()) != 0) {
        const int code = errno;
        if (code == ENOTEMPTY || code == EEXIST) return false;  // another process was faster
        throw_fault(target, code, "making the store");
    }
    sync_folder(parent);
    return true;
}

std::shared_ptr<environment> environment::create_empty(const fs::path& folder,
                                                       const environment_options& options) {
    return std::make_shared<environment>(open_state(folder, options));
}

std::shared_ptr<environment> environment::scratch(const fs::path& parent, std::uint64_t map_bytes) {
    const fs::path folder = make_unique_folder((parent / "idem-scratch-").string());
    environment_options options;
    options.map_bytes = map_bytes;
    options.unsynced = true;
    options.allow_network_file_system = true;  // this process alone uses it
    auto state = open_state(folder, options);
    state->remove_folder = true;
    return std::make_shared<environment>(std::move(state));
}

}  // namespace idem::storage
