// Whether an event stands against an append condition.
#include <algorithm>

#include "idem/condition.hpp"
#include "idem/read.hpp"
#include "log/index.hpp"
#include "log/tag_walk.hpp"
#include "log/upkeep.hpp"

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

namespace {

// Where the tables of tags are not there yet, or cannot be made.
std::optional<std::uint64_t> newest_by_scan(record_cursor& records, std::uint64_t head,
                                            std::span<const event_match> any, std::uint64_t after) {
    for (std::uint64_t position = head; position > after; --position) {
        const event_view e = event_at(records, position);
        const auto stands_against = [&e](const event_match& m) { return m.matches(e); };
        if (std::any_of(any.begin(), any.end(), stands_against)) return position;
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> index_view::newest_match(std::span<const event_match> any,
                                                      std::uint64_t after) const {
    const std::uint64_t head = head_ + added_->ids.size();
    if (any.empty() || after >= head) return std::nullopt;
    if (!knows_tags_) return newest_by_scan(records_, head, any, after);
    std::uint64_t newest = after;
    for (const event_match& m : any) {
        newest = std::max(newest, m.tags.empty() ? newest_of_types(m.types)  //
                                                 : newest_tagged(m, newest));
    }
    return newest > after ? std::optional(newest) : std::nullopt;
}

std::uint64_t index_view::newest_of_types(std::span<const std::string> types) const {
    log_indexes& all = *tables_->indexes;
    std::uint64_t newest = 0;
    for (const std::string& type : types) {
        std::uint64_t last = added_->types.of(type);
        if (last == 0) {
            const std::scoped_lock lock(all.mutex);
            last = all.tags.types.of(type);
        }
        if (last == 0 && covered_.position > 0) last = head_in_table(*writer_, type);
        newest = std::max(newest, last);
    }
    return newest;
}

std::uint64_t index_view::newest_tagged(const event_match& match, std::uint64_t after) const {
    constexpr std::uint64_t behind_all = query{}.to;
    const std::uint64_t up_to = match.types.empty() ? behind_all : newest_of_types(match.types);
    if (up_to <= after) return 0;
    std::vector<index::fingerprint> keys;
    for (const std::string& tag : match.tags) keys.push_back(tables_->indexes->tags.of(tag));
    std::uint64_t newest = 0;
    walk_tags(tags(), added_, keys, direction::backwards, {behind_all, up_to}, after + 1,
              [&](std::uint64_t position) {
                  if (!match.matches(event_at(records_, position))) return true;
                  newest = position;
                  return false;
              });
    return newest;
}

}  // namespace idem
