#include "log/block.hpp"

#include <cstring>

namespace idem {
namespace {

constexpr std::size_t fixed_bytes = 16;  // first, count, ordinal
constexpr std::size_t start_bytes = 4;   // of each record but the first

template <class Number>
Number read(const char* at) noexcept {
    Number number = 0;
    std::memcpy(&number, at, sizeof number);
    return number;
}
template <class Number>
void write(char* at, Number number) noexcept {
    std::memcpy(at, &number, sizeof number);
}

std::size_t head_bytes(std::size_t records) noexcept {
    return (fixed_bytes + start_bytes * (records - 1) + 7) / 8 * 8;
}

}  // namespace

std::size_t block_bytes(std::size_t records, std::size_t record_bytes) noexcept {
    return head_bytes(records) + record_bytes;
}

std::uint64_t records_in(std::uint64_t bytes) noexcept {
    constexpr std::uint64_t record_bytes_min = 100;  // a head alone has 80
    return bytes / record_bytes_min;
}

std::optional<block_view> block_view::open(std::string_view bytes) {
    if (bytes.size() < fixed_bytes) return std::nullopt;
    block_view block;
    block.bytes_ = bytes;
    block.first_ = read<std::uint64_t>(bytes.data());
    block.count_ = read<std::uint32_t>(bytes.data() + 8);
    block.ordinal_ = read<std::uint32_t>(bytes.data() + 12);
    const bool possible = block.first_ > 0 && block.count_ > 0 && bytes.size() % 8 == 0 &&
                          block.count_ <= 1 + (bytes.size() - fixed_bytes) / start_bytes &&
                          head_bytes(block.count_) <= bytes.size() &&
                          block.first_ + block.count_ > block.first_;
    return possible ? std::optional(block) : std::nullopt;
}

void block_view::prefetch(std::string_view bytes, std::uint64_t index) noexcept {
    __builtin_prefetch(bytes.data());
    const std::uint64_t start = fixed_bytes + start_bytes * index;
    if (start < bytes.size()) __builtin_prefetch(bytes.data() + start);
}

std::size_t block_view::start_of(std::uint32_t index) const noexcept {
    if (index == 0) return head_bytes(count_);
    if (index == count_) return bytes_.size();
    return read<std::uint32_t>(bytes_.data() + fixed_bytes + start_bytes * (index - 1));
}

std::string_view block_view::record(std::uint64_t position) const noexcept {
    const auto index = static_cast<std::uint32_t>(position - first_);
    const std::size_t start = start_of(index);
    const std::size_t end = start_of(index + 1);
    if (start > end || end > bytes_.size()) return {};
    return bytes_.substr(start, end - start);
}

block_writer::block_writer(std::span<char> memory, std::uint64_t first, std::uint32_t ordinal,
                           std::uint32_t count) noexcept
    : memory_(memory), at_(head_bytes(count)) {
    std::memset(memory.data(), 0, at_);
    write(memory.data(), first);
    write(memory.data() + 8, count);
    write(memory.data() + 12, ordinal);
}

void block_writer::add(std::string_view record) noexcept {
    if (added_ > 0) {
        write(memory_.data() + fixed_bytes + start_bytes * (added_ - 1),
              static_cast<std::uint32_t>(at_));
    }
    std::memcpy(memory_.data() + at_, record.data(), record.size());
    at_ += record.size();
    ++added_;
}

}  // namespace idem
