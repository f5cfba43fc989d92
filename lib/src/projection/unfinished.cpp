// Rebuilds that have not come to their end: their folders, and their entries in the catalog.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/hash.hpp"
#include "idem/error.hpp"
#include "log/catalog.hpp"
#include "projection/rebuild.hpp"

namespace idem {
namespace {

constexpr std::string_view folder_prefix = "rebuild-";

// NAME@VERSION of the folder's name, where it is told whole.
std::optional<unfinished_rebuild> parse_folder_name(const std::string& folder) {
    const auto end = folder.rfind('-');
    const auto at = folder.rfind('@', end);
    if (!folder.starts_with(folder_prefix) || at == std::string::npos ||
        at < folder_prefix.size()) {
        return std::nullopt;
    }
    unfinished_rebuild found;
    found.name = folder.substr(folder_prefix.size(), at - folder_prefix.size());
    const auto [stop, fault] =
        std::from_chars(folder.data() + at + 1, folder.data() + end, found.version);
    if (fault != std::errc() || stop != folder.data() + end) return std::nullopt;
    if (rebuild_folder_name(found.name, found.version) != folder) return std::nullopt;
    return found;
}

}  // namespace

std::string rebuild_folder_name(std::string_view name, std::uint32_t version) {
    constexpr std::size_t shown_max = 64;
    const std::string full = versioned(name, version);
    return fmt::format("{}{}-{:016x}", folder_prefix, full.substr(0, shown_max),
                       hash::of_bytes(full));
}

void remove_abandoned_rebuilds(const std::filesystem::path& store) {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(store)) {
        if (parse_folder_name(entry.path().filename())) found.push_back(entry.path());
    }
    constexpr int attempts_max = 10;
    for (const auto& folder : found) {
        std::error_code failed;
        for (int attempt = 0; attempt < attempts_max; ++attempt) {
            failed.clear();
            const auto lock = storage::folder_lock::take(folder);
            if (!lock) break;  // somebody is at it, who begins anew
            std::filesystem::remove_all(folder, failed);
            if (failed != std::errc::directory_not_empty) break;  // else one began there meanwhile
        }
        if (!failed) continue;
        throw error(errc::io, fmt::format("{}: an unfinished rebuild, which may hold data that was "
                                          "erased, cannot be removed: {}; remove it by hand",
                                          folder.string(), failed.message()));
    }
}

std::vector<unfinished_rebuild> unfinished_rebuilds(const std::filesystem::path& store) {
    storage::environment_options read_only;
    read_only.read_only = true;
    const auto env = storage::environment::open(store, read_only);
    std::vector<unfinished_rebuild> found;
    if (const auto catalog = env->find_table(catalog_name)) {
        const storage::read_transaction txn(*env);
        for (const auto& r : list_rebuilds(txn, *catalog)) {
            const auto position = r.loading ? std::nullopt : std::optional(r.checkpoint);
            found.push_back({r.name(), r.version(), position});
        }
    }
    for (const auto& entry : std::filesystem::directory_iterator(env->folder())) {
        auto rebuild = parse_folder_name(entry.path().filename());
        const auto is_same = [&](const unfinished_rebuild& other) {
            return other.name == rebuild->name && other.version == rebuild->version;
        };
        if (rebuild && std::none_of(found.begin(), found.end(), is_same)) {
            found.push_back(*std::move(rebuild));
        }
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
        return std::pair(std::string_view(a.name), a.version) <
               std::pair(std::string_view(b.name), b.version);
    });
    return found;
}

std::string_view to_string(rebuild_progress::phase value) noexcept {
    switch (value) {
        case rebuild_progress::phase::replay:
            return "replay";
        case rebuild_progress::phase::load:
            return "load";
        case rebuild_progress::phase::catch_up:
            return "catch_up";
        case rebuild_progress::phase::swap:
            return "swap";
    }
    return "unknown";
}

}  // namespace idem
