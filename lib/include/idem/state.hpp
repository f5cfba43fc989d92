// Reading a projection's rows. Every read tells the position that it reflects.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "idem/codec.hpp"
#include "idem/event.hpp"

namespace idem {

// A fingerprint of a set of rows: the same rows give the same digest, in whatever order and number
// of steps they came about. It is the sum modulo 2^64, in two lanes, of the XXH3-128 hash of each
// row; it detects differences and damage, not forgery.
struct state_digest {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    friend bool operator==(const state_digest&, const state_digest&) = default;
};
std::string to_string(const state_digest& digest);  // 32 hexadecimal digits

template <class Row>
struct reading {
    std::optional<Row> row;
    std::uint64_t position = 0;
};

struct row_page {
    std::vector<std::pair<std::string, std::string>> rows;  // encoded key and row, in key order
    std::uint64_t position = 0;
    bool more = false;             // rows follow after the last one
    std::uint64_t generation = 0;  // another where a rebuild has put other rows in place
};

// The rows of one version of one projection, kept by the store or replayed into a scratch table
// that lives as long as this object. Keys and rows are bytes; fold_state is the typed front. Any
// thread.
class state {
public:
    const std::string& name() const noexcept;
    std::uint32_t version() const noexcept;
    key_kind keys() const noexcept;

    std::uint64_t position() const;  // the checkpoint: every event up to it has been applied
    std::uint64_t row_count() const;
    state_digest digest() const;  // kept up to date with each commit; costs one lookup

    reading<std::string> find(std::string_view key) const;

    // Rows from `first` (inclusive, or exclusive when `after`) in key order, at most `limit` of
    // them and about a megabyte. Each page reflects one position; two pages may reflect two.
    row_page rows(std::string_view first = {}, std::size_t limit = 1000, bool after = false) const;

    // The page that follows one with `more`. Throws busy as for_each().
    row_page rows_after(const row_page& page) const;

    // Every row, page after page. A concurrent commit between two pages shows in the later one; the
    // position of the last page is returned. Throws busy where a rebuild has put others in place
    // meanwhile: read again.
    std::uint64_t for_each(
        const std::function<void(std::string_view key, std::string_view row)>& visit) const;

    // A row as JSON: by the projection's own printer, as text or JSON where it is such, else
    // base64.
    std::string row_to_json(std::string_view row) const;

    struct source;  // lib/src/projection
    explicit state(std::shared_ptr<const source> from) noexcept : source_(std::move(from)) {}

private:
    std::shared_ptr<const source> source_;
};

// A row that two states do not have alike. The views live as long as the call that got it.
struct row_difference {
    std::string_view key;
    std::optional<std::string_view> before;  // nullopt: the row was added
    std::optional<std::string_view> after;   // nullopt: the row was removed
};

// False: stop. Events come by position, of a canonical projection too: a late one changes what was
// told before.
using visit_trace =
    std::function<bool(const event_view* event, std::span<const row_difference> rows)>;

struct difference_count {
    std::uint64_t added = 0;
    std::uint64_t removed = 0;
    std::uint64_t changed = 0;
    std::uint64_t same = 0;

    bool none() const noexcept { return added + removed + changed == 0; }
};

// Compares all rows, in key order; `visit` is told of each difference, and may return false to
// stop. Throws invalid_input where the two have keys of different kinds.
difference_count diff(const state& before, const state& after,
                      const std::function<bool(const row_difference&)>& visit = {});

template <class Key, class Row>
class fold_state {
public:
    explicit fold_state(state rows) noexcept : rows_(std::move(rows)) {}

    reading<Row> find(const Key& key) const {
        std::string encoded;
        key_codec<Key>::encode(key, encoded);
        const auto found = rows_.find(encoded);
        reading<Row> result{std::nullopt, found.position};
        if (found.row) result.row = row_codec<Row>::decode(*found.row);
        return result;
    }

    std::uint64_t for_each(const std::function<void(const Key&, const Row&)>& visit) const {
        return rows_.for_each([&](std::string_view key, std::string_view row) {
            visit(key_codec<Key>::decode(key), row_codec<Row>::decode(row));
        });
    }

    std::uint64_t position() const { return rows_.position(); }
    std::uint64_t row_count() const { return rows_.row_count(); }
    state_digest digest() const { return rows_.digest(); }

private:
    state rows_;
};

}  // namespace idem
