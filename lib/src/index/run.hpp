// One sorted run, as it stands in a transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "index/chunk.hpp"
#include "index/manifest.hpp"

namespace idem::index {

// Chunks are looked up when they are first needed, and their place is kept: a run that has been
// committed is never written again, and its pages are not used anew while a transaction sees them.
class run {
public:
    // Merges check: an entry that they lose is lost. To look one up, a whole chunk would be read.
    enum class checksums : std::uint8_t { checked, left_alone };

    // Throws corrupt where its directory is missing or does not fit.
    run(const storage::transaction& txn, storage::table t, const run_info& info,
        checksums mode = checksums::left_alone);

    const run_info& info() const noexcept { return info_; }

    struct place {
        std::uint32_t chunk = 0;  // past the last: the end
        std::uint32_t index = 0;
        friend bool operator==(const place&, const place&) = default;
    };
    // The first entry that is not less.
    place lower_bound(const entry& wanted) const;
    bool at_end(const place& p) const noexcept { return p.chunk >= info_.chunks; }
    entry at(const place& p) const;
    void advance(place& p) const;
    bool retreat(place& p) const;  // false: it was the first

    // The only chunk in which the newest entry of a key can be.
    std::uint32_t chunk_of(fingerprint key) const noexcept;
    const chunk_view& chunk(std::uint32_t number) const;
    std::uint64_t position(const chunk_view& c, std::uint32_t index) const noexcept {
        return info_.first + c.offset(index);
    }

private:
    // Of the first entry of each chunk.
    fingerprint first_key(std::uint32_t chunk) const noexcept;
    std::uint32_t first_offset(std::uint32_t chunk) const noexcept;

    const storage::transaction* txn_;
    storage::table table_;
    run_info info_;
    checksums mode_;
    std::string_view directory_;  // empty where there is one chunk
    mutable std::vector<chunk_view> chunks_;
};

// The directory: XXH3-64 of the rest; the key of each chunk's first entry, 8 bytes; its offset, 4.
std::string encode_directory(std::span<const entry> firsts, std::uint64_t base);
// Nothing where it does not match its checksum.
std::optional<std::vector<entry>> decode_directory(std::string_view bytes, std::uint64_t base);

}  // namespace idem::index
