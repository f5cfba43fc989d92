#include "backup.hpp"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "idem/error.hpp"
#include "idem/store.hpp"
#include "idem/verify.hpp"
#include "log/catalog.hpp"
#include "log/subjects.hpp"
#include "projection/forget_rows.hpp"
#include "storage/key_file.hpp"
#include "storage/unfinished_folder.hpp"

namespace idem {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void throw_exists(const fs::path& target) {
    throw error(errc::invalid_input,
                fmt::format("{} exists; name a folder that does not", target.string()));
}

bool has_sealed(storage::environment& env) {
    const auto table = env.find_table(subject_rows::table_name);
    if (!table) return false;
    const storage::read_transaction txn(env);
    return subject_rows::next_slot(txn, *table) > 1;
}

using storage::unfinished_folder;

// What was sealed is readable in what was folded from it. Emptied pages keep their bytes, so this
// copies once more, and compaction leaves them out.
std::unique_ptr<unfinished_folder> without_rows(std::unique_ptr<unfinished_folder> copy,
                                                const fs::path& target) {
    storage::environment_options options;
    options.unsynced = true;
    const auto env = storage::environment::open(copy->path(), options);
    if (!has_sealed(*env)) return copy;
    forget_all_rows(*env);
    auto second = std::make_unique<unfinished_folder>(target);
    env->copy_to(second->path());
    return second;
}

}  // namespace

void copy_store(const storage::environment& env, const fs::path& target, bool with_keys) {
    if (fs::exists(target)) throw_exists(target);
    auto copy = std::make_unique<unfinished_folder>(target);
    env.copy_to(copy->path());
    if (with_keys) {
        storage::copy_keys(env.folder(), copy->path());  // later: all that is asked for
    } else {
        copy = without_rows(std::move(copy), target);
    }
    const verify_report report = verify(copy->path());
    if (!report.sound()) {
        throw error(errc::corrupt,
                    fmt::format("the copy of {} is not sound, so it was discarded: {} ({})",
                                env.folder().string(), report.findings.front().message,
                                report.findings.front().kind));
    }
    if (!copy->move_to_target()) throw_exists(target);
}

void restore(const fs::path& backup, const fs::path& folder) {
    storage::environment_options options;
    options.read_only = true;
    const auto env = storage::environment::open(backup, options);
    read_store_info(*env);           // says what is wrong better than the copy's verification would
    copy_store(*env, folder, true);  // if there are any
}

}  // namespace idem
