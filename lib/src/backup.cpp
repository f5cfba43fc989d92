#include "backup.hpp"

#include <fmt/format.h>

#include "idem/error.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "log/catalog.hpp"
#include "storage/key_file.hpp"
#include "storage/unfinished_folder.hpp"

namespace idem {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_exists(const fs::path& target) {
    throw error(errc::invalid_input,
                fmt::format("{} exists; name a folder that does not", target.string()));
}

}  // namespace

void copy_store(const storage::environment& env, const fs::path& target, bool with_keys) {
    if (fs::exists(target)) throw_exists(target);
    storage::unfinished_folder copy(target);
    env.copy_to(copy.path());
    if (with_keys) storage::copy_keys(env.folder(), copy.path());  // later: all that is asked for
    const verify_report report = verify(copy.path());
    if (!report.sound()) {
        throw error(errc::corrupt,
                    fmt::format("the copy of {} is not sound, so it was discarded: {} ({})",
                                env.folder().string(), report.findings.front().message,
                                report.findings.front().kind));
    }
    if (!copy.move_to_target()) throw_exists(target);
}

void restore(const fs::path& backup, const fs::path& folder) {
    storage::environment_options options;
    options.read_only = true;
    const auto env = storage::environment::open(backup, options);
    read_store_info(*env);           // says what is wrong better than the copy's verification would
    copy_store(*env, folder, true);  // if there are any
}

}  // namespace idem
