#include "log/tag_rows.hpp"

#include <fmt/format.h>

#include <cstring>

#include "base/hash.hpp"
#include "idem/error.hpp"

namespace idem {
namespace {

constexpr std::size_t checksum_at = 8;
constexpr std::size_t checked_from = 16;
constexpr std::size_t head_bytes = 24;
constexpr std::size_t key_bytes = 8;
constexpr std::size_t offset_bytes = 4;

template <class Number>
Number load(const char* from) noexcept {
    Number number;
    std::memcpy(&number, from, sizeof number);
    return number;
}

template <class Number>
void store_at(char* to, Number number) noexcept {
    std::memcpy(to, &number, sizeof number);
}

error damaged(std::uint64_t ordinal, std::string_view how) {
    return error(errc::corrupt,
                 fmt::format("the row of tag {} in the table `tagged` {}; run `idem verify`, and "
                             "export the store and import it into a new one",
                             ordinal, how));
}

}  // namespace

void append_tag_row(storage::write_transaction& txn, storage::table rows, std::uint64_t first,
                    std::span<const index::entry> tags) {
    std::string bytes(head_bytes + tags.size() * (key_bytes + offset_bytes), '\0');
    const std::uint64_t base = tags.front().position;
    store_at(bytes.data(), static_cast<std::uint32_t>(tags.size()));
    store_at(bytes.data() + checked_from, base);
    char* key = bytes.data() + head_bytes;
    char* offset = key + tags.size() * key_bytes;
    for (const index::entry& tag : tags) {
        store_at(key, tag.key);
        store_at(offset, static_cast<std::uint32_t>(tag.position - base));
        key += key_bytes;
        offset += offset_bytes;
    }
    store_at(bytes.data() + checksum_at,
             hash::of_bytes(std::string_view(bytes).substr(checked_from)));
    const auto memory = txn.append(rows, first, bytes.size());
    std::memcpy(memory.data(), bytes.data(), bytes.size());
}

tag_row::tag_row(std::uint64_t first, std::string_view bytes) : bytes_(bytes), first_(first) {
    if (bytes.size() < head_bytes) throw damaged(first, "is too short");
    count_ = load<std::uint32_t>(bytes.data());
    base_ = load<std::uint64_t>(bytes.data() + checked_from);
    if (count_ == 0 || bytes.size() != head_bytes + count_ * (key_bytes + offset_bytes)) {
        throw damaged(first, "has not the size that it should");
    }
}

bool tag_row::checksum_holds() const noexcept {
    return load<std::uint64_t>(bytes_.data() + checksum_at) ==
           hash::of_bytes(bytes_.substr(checked_from));
}

index::fingerprint tag_row::key(std::uint64_t ordinal) const noexcept {
    return load<index::fingerprint>(bytes_.data() + head_bytes + (ordinal - first_) * key_bytes);
}

std::uint64_t tag_row::position(std::uint64_t ordinal) const noexcept {
    return base_ + load<std::uint32_t>(bytes_.data() + head_bytes + count_ * key_bytes +
                                       (ordinal - first_) * offset_bytes);
}

const tag_row& tag_rows::row_of(std::uint64_t ordinal) {
    if (row_.holds(ordinal)) return row_;
    auto entry = cursor_.seek(ordinal);
    if (!entry) {
        entry = cursor_.last();
    } else if (storage::integer_key(entry->first) > ordinal) {
        entry = cursor_.previous();
    }
    if (!entry) throw damaged(ordinal, "is missing");
    const tag_row found(storage::integer_key(entry->first), entry->second);
    if (!found.holds(ordinal)) throw damaged(ordinal, "is missing");
    return row_ = found;
}

std::vector<index::entry> tag_rows::read(std::uint64_t above, std::uint64_t up_to) {
    std::vector<index::entry> tags;
    for (std::uint64_t ordinal = above + 1; ordinal <= up_to;) {
        const tag_row& row = row_of(ordinal);
        if (!row.checksum_holds()) throw damaged(ordinal, "does not match its checksum");
        for (; row.holds(ordinal) && ordinal <= up_to; ++ordinal) {
            tags.push_back({row.key(ordinal), row.position(ordinal)});
        }
    }
    return tags;
}

std::optional<tag_row> tag_rows::last() {
    const auto entry = cursor_.last();
    if (!entry) return std::nullopt;
    return tag_row(storage::integer_key(entry->first), entry->second);
}

}  // namespace idem
