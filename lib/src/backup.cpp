#include "backup.hpp"

#include <fmt/format.h>
#include <stdlib.h>

#include <cerrno>
#include <system_error>

#include "idem/error.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "log/catalog.hpp"

namespace idem {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_system(int code, const std::string& what) {
    throw error(code == ENOSPC ? errc::no_space : errc::io,
                fmt::format("{}: {}", what, std::generic_category().message(code)));
}

// A folder under a temporary name, removed unless it was moved to its place.
class unfinished_folder {
public:
    explicit unfinished_folder(const fs::path& target) {
        std::string name = target.string() + ".unfinished-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) {
            throw_system(errno, fmt::format("cannot make a folder beside {}", target.string()));
        }
        path_ = name;
    }
    ~unfinished_folder() {
        std::error_code ignored;
        if (!path_.empty()) fs::remove_all(path_, ignored);
    }
    unfinished_folder(const unfinished_folder&) = delete;
    unfinished_folder& operator=(const unfinished_folder&) = delete;

    const fs::path& path() const noexcept { return path_; }

    void move_to(const fs::path& target) {
        std::error_code failed;
        fs::rename(path_, target, failed);
        if (failed) {
            throw_system(failed.value(),
                         fmt::format("cannot move the copy to {}", target.string()));
        }
        path_.clear();
        storage::sync_folder(fs::absolute(target).parent_path());
    }

private:
    fs::path path_;
};

}  // namespace

void copy_store(const storage::environment& env, const fs::path& target) {
    if (fs::exists(target)) {
        throw error(errc::invalid_input,
                    fmt::format("{} exists; name a folder that does not", target.string()));
    }
    fs::path place = target;
    if (!place.has_filename()) place = place.parent_path();  // a trailing slash
    unfinished_folder copy(place);
    env.copy_to(copy.path());
    const verify_report report = verify(copy.path());
    if (!report.sound()) {
        throw error(errc::corrupt,
                    fmt::format("the copy of {} is not sound, so it was discarded: {} ({})",
                                env.folder().string(), report.findings.front().message,
                                report.findings.front().kind));
    }
    copy.move_to(place);
}

void restore(const fs::path& backup, const fs::path& folder) {
    storage::environment_options options;
    options.read_only = true;
    const auto env = storage::environment::open(backup, options);
    read_store_info(*env);  // says what is wrong better than the copy's verification would
    copy_store(*env, folder);
}

}  // namespace idem
