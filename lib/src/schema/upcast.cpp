#include "idem/upcast.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "idem/error.hpp"

namespace idem {

upcasters upcasters::add(std::string type, std::uint32_t from, function f) && {
    const std::string name = text::shown(type);
    const bool is_new = from > 0 && steps_[std::move(type)].emplace(from, std::move(f)).second;
    if (!is_new) {
        throw error(errc::invalid_input,
                    fmt::format("{} cannot have {} upcaster from version {}", name,
                                from == 0 ? "an" : "another", from),
                    {.field = "schema_version"});
    }
    return std::move(*this);
}

const upcasters::function* upcasters::find(std::string_view type,
                                           std::uint32_t from) const noexcept {
    const auto of_type = steps_.find(type);
    if (of_type == steps_.end()) return nullptr;
    const auto step = of_type->second.find(from);
    return step == of_type->second.end() ? nullptr : &step->second;
}

}  // namespace idem
