#include "index/chunk.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.hpp"
#include "idem/error.hpp"

namespace idem::index {
namespace {

constexpr std::size_t header_bytes = 16;
constexpr std::size_t checksum_at = 8;
constexpr std::size_t block_bytes = 64;
constexpr std::size_t entries_per_block = 42;  // so 12 bits of the filter for each
constexpr int bits_per_key = 6;

// Keys are uniform but sorted by their high bits, so the filter uses another mix of them.
std::uint64_t mixed(fingerprint key) noexcept {
    key ^= key >> 32;
    key *= 0x9e3779b97f4a7c15ULL;
    return key ^ key >> 29;
}

std::uint32_t block_of(std::uint64_t mix, std::uint32_t blocks) noexcept {
    return static_cast<std::uint32_t>((mix >> 32) * blocks >> 32);
}

// The bit numbers within a block: nine bits of the mix for each.
template <class Visit>
void each_bit(std::uint64_t mix, Visit&& visit) {
    mix *= 0xbf58476d1ce4e5b9ULL;
    for (int i = 0; i < bits_per_key; ++i) visit(mix >> (9 * i + 10) & 511U);
}

template <class Number>
void store_number(char* to, const Number& number) {
    std::memcpy(to, &number, sizeof number);
}

}  // namespace

void encode_chunk(std::string& bytes, std::span<const entry> entries, std::uint64_t base) {
    const auto count = static_cast<std::uint32_t>(entries.size());
    const auto blocks =
        static_cast<std::uint32_t>((entries.size() + entries_per_block - 1) / entries_per_block);
    const std::size_t filter_bytes = std::size_t{blocks} * block_bytes;
    bytes.resize(header_bytes + filter_bytes + entries.size() * 12);
    store_number(bytes.data(), count);
    store_number(bytes.data() + sizeof count, blocks);
    char* const filter = bytes.data() + header_bytes;
    std::memset(filter, 0, filter_bytes);
    char* key = filter + filter_bytes;
    char* offset = key + entries.size() * sizeof(fingerprint);
    for (const entry& e : entries) {
        store_number(key, e.key);
        store_number(offset, static_cast<std::uint32_t>(e.position - base));
        key += sizeof(fingerprint);
        offset += sizeof(std::uint32_t);
        const std::uint64_t mix = mixed(e.key);
        char* const block = filter + block_of(mix, blocks) * block_bytes;
        each_bit(mix, [block](std::uint64_t bit) {
            block[bit / 8] =
                static_cast<char>(static_cast<unsigned char>(block[bit / 8]) | 1U << (bit % 8));
        });
    }
    store_number(bytes.data() + checksum_at,
                 hash::of_bytes(std::string_view(bytes).substr(header_bytes)));
}

chunk_view::chunk_view(std::string_view bytes) : bytes_(bytes) {
    if (bytes.size() >= header_bytes) {
        std::memcpy(&count_, bytes.data(), sizeof count_);
        std::memcpy(&blocks_, bytes.data() + sizeof count_, sizeof blocks_);
    }
    const std::size_t filter = std::size_t{blocks_} * block_bytes;
    if (count_ == 0 || blocks_ == 0 ||
        bytes.size() != header_bytes + filter + std::size_t{count_} * 12) {
        throw error(errc::corrupt,
                    fmt::format("a chunk of an index has {} bytes, which do not fit its {} "
                                "entries; run `idem verify`",
                                bytes.size(), count_));
    }
    keys_ = bytes.data() + header_bytes + filter;
    offsets_ = keys_ + std::size_t{count_} * sizeof(fingerprint);
}

bool chunk_view::checksum_holds() const noexcept {
    std::uint64_t checksum = 0;
    std::memcpy(&checksum, bytes_.data() + checksum_at, sizeof checksum);
    return checksum == hash::of_bytes(bytes_.substr(header_bytes));
}

const char* chunk_view::block(fingerprint key) const noexcept {
    return bytes_.data() + header_bytes + block_of(mixed(key), blocks_) * block_bytes;
}

bool chunk_view::may_contain(fingerprint key) const noexcept {
    const std::uint64_t mix = mixed(key);
    const char* const bits = bytes_.data() + header_bytes + block_of(mix, blocks_) * block_bytes;
    bool all = true;
    each_bit(mix, [&](std::uint64_t bit) {
        all = all && (static_cast<unsigned char>(bits[bit / 8]) >> (bit % 8) & 1U) != 0;
    });
    return all;
}

std::uint32_t chunk_view::guess(fingerprint wanted) const noexcept {
    const fingerprint first = key(0);
    const fingerprint last = key(count_ - 1);
    if (wanted <= first) return 0;
    if (wanted >= last) return count_ - 1;
    const double part = static_cast<double>(wanted - first) / static_cast<double>(last - first);
    return static_cast<std::uint32_t>(part * (count_ - 1));
}

std::uint32_t chunk_view::better_guess(fingerprint wanted) const noexcept {
    const std::uint32_t at = guess(wanted);
    const fingerprint there = key(at);
    const double spacing =
        static_cast<double>(key(count_ - 1) - key(0)) / static_cast<double>(count_);
    if (spacing <= 0) return at;
    const double off = wanted > there ? static_cast<double>(wanted - there) / spacing
                                      : -(static_cast<double>(there - wanted) / spacing);
    return static_cast<std::uint32_t>(std::clamp(at + off, 0.0, static_cast<double>(count_ - 1)));
}

// Keys are uniform, so a guess from the value is off by the root of their number, and a second one
// from there by less. Where they are not, as with many entries of one stream, the steps outwards
// from there and the binary search between them take over.
std::uint32_t chunk_view::lower_bound(fingerprint wanted,
                                      std::uint32_t wanted_offset) const noexcept {
    const auto less = [&](std::uint32_t i) {
        const fingerprint found = key(i);
        return found < wanted || (found == wanted && offset(i) < wanted_offset);
    };
    const std::uint32_t at = better_guess(wanted);
    std::uint32_t low = at;
    std::uint32_t high = at;
    std::uint32_t step = 8;
    if (less(at)) {
        for (; high < count_ && less(high); step *= 2) {
            low = high + 1;
            high = step < count_ - high ? high + step : count_;
        }
    } else {
        for (; low > 0 && !less(low - 1); step *= 2) {
            high = low - 1;
            low = step < low ? low - step : 0;
        }
    }
    while (low < high) {
        const std::uint32_t middle = low + (high - low) / 2;
        if (less(middle)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

}  // namespace idem::index
