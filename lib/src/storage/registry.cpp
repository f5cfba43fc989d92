#include "storage/registry.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <tuple>

namespace idem::storage {
namespace {

// A forked child inherits the entries of its parent, which are not its own.
using file_key = std::tuple<pid_t, dev_t, ino_t>;

struct registry {
    std::mutex mutex;
    std::condition_variable closed;
    std::map<file_key, std::weak_ptr<environment>> open;
};

// Never destroyed: environments may be closed by the destructors of other statics.
registry& the_registry() {
    static auto* const instance = new registry;
    return *instance;
}

file_key key_of(const std::filesystem::path& folder) {
    struct stat info {};
    if (::stat((folder / "data.mdb").c_str(), &info) == 0) {
        if (info.st_size == 0) {
            throw error(
                errc::not_a_store,
                fmt::format("{}: data.mdb is empty; restore a sound backup", folder.string()));
        }
        return {::getpid(), info.st_dev, info.st_ino};
    }
    const int code = errno;
    if (code == ENOENT && std::filesystem::is_directory(folder)) {
        throw error(errc::not_a_store,
                    fmt::format("{} is a folder without a store in it (no data.mdb); name another",
                                folder.string()));
    }
    throw_fault(folder, code, "opening the store");
}

// Closes under the registry's lock, so that nobody opens the file again before it is closed.
struct close_registered {
    file_key key;
    void operator()(environment* env) const noexcept {
        registry& all = the_registry();
        const std::scoped_lock lock(all.mutex);
        delete env;
        all.open.erase(key);
        all.closed.notify_all();
    }
};

}  // namespace

std::shared_ptr<environment> open_shared(const std::filesystem::path& folder,
                                         const environment_options& options) {
    const file_key key = key_of(folder);
    registry& all = the_registry();
    std::unique_lock lock(all.mutex);
    for (;;) {
        const auto found = all.open.find(key);
        if (found == all.open.end()) break;
        if (auto env = found->second.lock()) {
            lock.unlock();  // the last owner's deleter takes it
            if (env->read_only() && !options.read_only) {
                throw error(errc::busy,
                            fmt::format("{} is open in this process for reading only; close that "
                                        "first, or open it for writing there",
                                        folder.string()));
            }
            return env;
        }
        all.closed.wait(lock);  // its last owner is just closing it
    }
    auto env = std::make_unique<environment>(open_state(folder, options));
    std::shared_ptr<environment> shared(env.release(), close_registered{key});
    try {
        all.open.emplace(key, shared);
    } catch (...) {
        lock.unlock();
        throw;
    }
    return shared;
}

}  // namespace idem::storage
