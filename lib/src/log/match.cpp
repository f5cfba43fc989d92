// Whether an event stands against an append condition.
#include <algorithm>

#include "idem/condition.hpp"
#include "idem/read.hpp"
#include "log/index.hpp"

namespace idem {
namespace {

bool is_of(const std::vector<std::string>& types, const event_view& e) noexcept {
    return types.empty() || std::find(types.begin(), types.end(), e.type()) != types.end();
}

bool carries(const std::vector<std::string>& tags, const event_view& e) noexcept {
    return std::all_of(tags.begin(), tags.end(),
                       [&e](const std::string& tag) { return e.has_tag(tag); });
}

}  // namespace

bool event_match::matches(const event_view& e) const noexcept {
    return is_of(types, e) && carries(tags, e);
}

bool query::matches(const event_view& e) const noexcept {
    if (stream && e.stream() != *stream) return false;
    if (e.revision() < from_revision) return false;
    if (!is_of(types, e) || !carries(tags, e)) return false;
    if (correlation_id && e.correlation_id() != *correlation_id) return false;
    if (since && e.time() < *since) return false;
    return !until || e.time() < *until;
}

std::optional<std::uint64_t> index_view::newest_match(std::span<const event_match> any,
                                                      std::uint64_t after) const {
    if (any.empty()) return std::nullopt;
    const std::uint64_t added = added_ != nullptr ? added_->ids.size() : 0;
    for (std::uint64_t position = head_ + added; position > after; --position) {
        const event_view e = event_at(records_, position);
        const auto stands_against = [&e](const event_match& m) { return m.matches(e); };
        if (std::any_of(any.begin(), any.end(), stands_against)) return position;
    }
    return std::nullopt;
}

}  // namespace idem
