#include "open_store.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "idem/error.hpp"

namespace idem::cli {

void require_store(const std::string& folder) {
    std::error_code ignored;
    if (!std::filesystem::exists(folder, ignored) && !ignored) {
        throw error(
            errc::not_found,
            fmt::format("there is no store at {}; `idem append {}` and `idem import {}` make "
                        "one",
                        folder, folder, folder));
    }
}

store open_to_read(const std::string& folder) {
    require_store(folder);
    return store(folder, {.read_only = true, .create = false});
}

store open_to_write(const std::string& folder) {
    require_store(folder);
    return store(folder, {.create = false});
}

store open_or_create(const std::string& folder) {
    return store(folder);
}

store_to_fill::store_to_fill(std::string folder) : folder_(std::move(folder)) {
    std::error_code ignored;
    if (std::filesystem::exists(folder_, ignored) || ignored) get();
}

store& store_to_fill::get() {
    if (!store_) store_.emplace(folder_);
    return *store_;
}

}  // namespace idem::cli
