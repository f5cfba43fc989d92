#include "open_store.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "idem/error.hpp"

namespace idem::cli {
namespace {

store open_existing(const std::string& folder, bool read_only) {
    std::error_code ignored;
    if (!std::filesystem::exists(folder, ignored) && !ignored) {
        throw error(errc::not_found,
                    fmt::format("there is no store at {}; `idem append {}` and `idem import {}` make "
                                "one",
                                folder, folder, folder));
    }
    return store(folder, {.read_only = read_only, .create = false});
}

}  // namespace

store open_to_read(const std::string& folder) { return open_existing(folder, true); }
store open_to_write(const std::string& folder) { return open_existing(folder, false); }
store open_or_create(const std::string& folder) { return store(folder); }

}  // namespace idem::cli
