// What must hold of the store for a batch to be appended. All of it is checked in the write
// transaction of the append, so nothing can come between.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "idem/append.hpp"
#include "idem/keyed_fold.hpp"

namespace idem {

// Events of any of these types that carry all of these tags. At least one type or tag.
struct event_match {
    std::vector<std::string> types = {};  // empty: every type
    std::vector<std::string> tags = {};

    bool matches(const event_view& event) const noexcept;
};

// A batch with a condition is all-or-nothing. If every id of it is known it is `duplicate` whatever
// the condition says; then the streams are looked at, `unless`, and the rows.
struct append_condition {
    // Where streams must stand, whether the batch writes to them or only rests on them. Where one
    // does not: `wrong_revision`.
    std::vector<std::pair<std::string, expected_revision>> streams = {};

    // No event behind `after` may match any of these, or `condition_failed` names the newest that
    // does: an append condition of the Dynamic Consistency Boundary (dcb.events). `after` is the
    // position up to which the caller had read; beyond the head, nothing can fail it.
    std::vector<event_match> unless = {};
    std::uint64_t after = 0;

    // Rows of projections that run inline on this handle and must be as the caller read them, or
    // `condition_failed` names the projection and the key.
    struct row {
        std::string projection = {};
        std::string key = {};                   // encoded
        std::optional<std::string> value = {};  // encoded; nullopt: there is none
    };
    std::vector<row> rows = {};

    bool empty() const noexcept { return streams.empty() && unless.empty() && rows.empty(); }
};

// A row as it was read, for append_condition::rows.
template <class Key, class Row>
append_condition::row row_is(const keyed_fold<Key, Row>& fold, const Key& key,
                             const std::optional<Row>& value) {
    append_condition::row result{.projection = fold.name()};
    key_codec<Key>::encode(key, result.key);
    if (value) row_codec<Row>::encode(*value, result.value.emplace());
    return result;
}

}  // namespace idem
