#include "index/run.hpp"

#include <fmt/format.h>

#include <cstring>
#include <limits>

#include "base/hash.hpp"
#include "idem/error.hpp"

namespace idem::index {
namespace {

constexpr std::size_t checksum_bytes = 8;
constexpr std::size_t directory_entry_bytes = 12;

error damaged(const run_info& info, std::string_view what) {
    return error(errc::corrupt,
                 fmt::format("{} an index, of its run of positions {} to {}; run `idem verify`, "
                             "and export the store and import it into a new one",
                             what, info.first, info.last),
                 {.position = info.first});
}

template <class Number>
Number load(const char* from) noexcept {
    Number number;
    std::memcpy(&number, from, sizeof number);
    return number;
}

bool directory_checksum_holds(std::string_view bytes) noexcept {
    return bytes.size() > checksum_bytes &&
           load<std::uint64_t>(bytes.data()) == hash::of_bytes(bytes.substr(checksum_bytes));
}

}  // namespace

run::run(const storage::transaction& txn, storage::table t, const run_info& info, checksums mode)
    : txn_(&txn), table_(t), info_(info), mode_(mode) {
    if (info.chunks > 1) {
        const auto found = txn.peek(t, row_key(info.number, directory_row));
        if (!found || found->size() != checksum_bytes + directory_entry_bytes * info.chunks) {
            throw damaged(info, "the directory is missing in");
        }
        if (mode == checksums::checked && !directory_checksum_holds(*found)) {
            throw damaged(info, "the directory is damaged in");
        }
        directory_ = *found;
    }
    chunks_.resize(info.chunks);
}

fingerprint run::first_key(std::uint32_t chunk) const noexcept {
    return load<fingerprint>(directory_.data() + checksum_bytes + chunk * sizeof(fingerprint));
}

std::uint32_t run::first_offset(std::uint32_t chunk) const noexcept {
    return load<std::uint32_t>(directory_.data() + checksum_bytes +
                               info_.chunks * sizeof(fingerprint) + chunk * sizeof(std::uint32_t));
}

const chunk_view& run::chunk(std::uint32_t number) const {
    chunk_view& view = chunks_[number];
    if (view.size() == 0) {
        const auto found = txn_->peek(table_, row_key(info_.number, number));
        if (!found) throw damaged(info_, "a chunk is missing in");
        const chunk_view c(*found);
        if (mode_ == checksums::checked && !c.checksum_holds()) {
            throw damaged(info_, "a chunk is damaged in");
        }
        view = c;
    }
    return view;
}

std::uint32_t run::chunk_of(fingerprint key) const noexcept {
    if (info_.chunks == 1) return 0;
    // Keys are uniform, so this is right or next to it, except where one key fills many chunks.
    using wide = unsigned __int128;
    auto guess = static_cast<std::uint32_t>(static_cast<wide>(key) * info_.chunks >> 64);
    const std::uint32_t last = info_.chunks - 1;
    const auto fits = [&] {
        return (guess == 0 || first_key(guess) <= key) &&
               (guess == last || first_key(guess + 1) > key);
    };
    if (fits()) return guess;
    if (guess > 0 && first_key(guess) > key) {
        --guess;
    } else {
        ++guess;
    }
    if (fits()) return guess;
    std::uint32_t low = 0;
    std::uint32_t high = last;
    while (low < high) {
        const std::uint32_t middle = low + (high - low + 1) / 2;
        if (first_key(middle) <= key) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

run::place run::lower_bound(const entry& wanted) const {
    if (wanted.position > info_.last) {
        if (wanted.key == std::numeric_limits<fingerprint>::max()) return {info_.chunks, 0};
        return lower_bound({wanted.key + 1, 0});
    }
    const auto offset = static_cast<std::uint32_t>(
        wanted.position < info_.first ? 0 : wanted.position - info_.first);
    std::uint32_t low = 0;  // the last chunk whose first entry is less; else the first of all
    std::uint32_t high = info_.chunks - 1;
    while (low < high) {
        const std::uint32_t middle = low + (high - low + 1) / 2;
        const fingerprint first = first_key(middle);
        if (first < wanted.key || (first == wanted.key && first_offset(middle) < offset)) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    place p{low, chunk(low).lower_bound(wanted.key, offset)};
    if (p.index == chunk(low).size()) p = {low + 1, 0};
    return p;
}

entry run::at(const place& p) const {
    const chunk_view& c = chunk(p.chunk);
    return {c.key(p.index), position(c, p.index)};
}

void run::advance(place& p) const {
    if (++p.index == chunk(p.chunk).size()) p = {p.chunk + 1, 0};
}

bool run::retreat(place& p) const {
    if (p.index > 0) {
        --p.index;
    } else if (p.chunk > 0) {
        --p.chunk;
        p.index = chunk(p.chunk).size() - 1;
    } else {
        return false;
    }
    return true;
}

std::string encode_directory(std::span<const entry> firsts, std::uint64_t base) {
    std::string bytes(checksum_bytes, '\0');
    for (const entry& e : firsts) {
        bytes.append(reinterpret_cast<const char*>(&e.key), sizeof e.key);
    }
    for (const entry& e : firsts) {
        const auto offset = static_cast<std::uint32_t>(e.position - base);
        bytes.append(reinterpret_cast<const char*>(&offset), sizeof offset);
    }
    const std::uint64_t checksum = hash::of_bytes(std::string_view(bytes).substr(checksum_bytes));
    std::memcpy(bytes.data(), &checksum, sizeof checksum);
    return bytes;
}

std::optional<std::vector<entry>> decode_directory(std::string_view bytes, std::uint64_t base) {
    if (!directory_checksum_holds(bytes)) return std::nullopt;
    bytes.remove_prefix(checksum_bytes);
    if (bytes.size() % directory_entry_bytes != 0) return std::nullopt;
    std::vector<entry> firsts(bytes.size() / directory_entry_bytes);
    const char* const offsets = bytes.data() + firsts.size() * sizeof(fingerprint);
    for (std::size_t i = 0; i < firsts.size(); ++i) {
        firsts[i].key = load<fingerprint>(bytes.data() + i * sizeof(fingerprint));
        firsts[i].position = base + load<std::uint32_t>(offsets + i * sizeof(std::uint32_t));
    }
    return firsts;
}

}  // namespace idem::index
