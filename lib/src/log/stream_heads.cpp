#include "log/stream_heads.hpp"

#include <cstring>
#include <utility>

#include "idem/limits.hpp"

namespace idem {
namespace {

constexpr std::size_t number_bytes = 8;
constexpr std::size_t behind_name = number_bytes + 1;
static_assert(limits::name_bytes_max <= 255, "the length of a name has one byte");

std::string_view name_of(std::string_view records, std::uint32_t end) noexcept {
    const auto length = static_cast<unsigned char>(records[end - 1]);
    return records.substr(end - behind_name - length, length);
}

}  // namespace

void name_table::clear() noexcept {
    slots_.clear();
    records_.clear();
    size_ = 0;
}

std::size_t name_table::slot_of(index::fingerprint key, std::string_view name) const noexcept {
    std::size_t at = first_slot(key);
    while (slots_[at].end != 0 &&
           (slots_[at].key != half(key) || name_of(records_, slots_[at].end) != name)) {
        at = (at + 1) & (slots_.size() - 1);
    }
    return at;
}

std::optional<std::uint64_t> name_table::find(index::fingerprint key,
                                              std::string_view name) const noexcept {
    if (slots_.empty()) return std::nullopt;
    const slot& s = slots_[slot_of(key, name)];
    if (s.end == 0) return std::nullopt;
    std::uint64_t number = 0;
    std::memcpy(&number, records_.data() + s.end - behind_name, number_bytes);
    return number;
}

void name_table::set(index::fingerprint key, std::string_view name, std::uint64_t number) {
    if (size_ * 2 >= slots_.size()) grow();
    slot& s = slots_[slot_of(key, name)];
    if (s.end == 0) {
        records_.append(name).append(number_bytes, '\0');
        records_.push_back(static_cast<char>(name.size()));
        s = {half(key), static_cast<std::uint32_t>(records_.size())};
        ++size_;
    }
    std::memcpy(records_.data() + s.end - behind_name, &number, number_bytes);
}

void name_table::grow() {
    std::vector<slot> before(slots_.empty() ? 64 : slots_.size() * 2);
    before.swap(slots_);
    for (const slot& s : before) {
        if (s.end == 0) continue;
        std::size_t at = s.key & (slots_.size() - 1);
        while (slots_[at].end != 0) at = (at + 1) & (slots_.size() - 1);
        slots_[at] = s;
    }
}

void stream_heads::begin(std::uint64_t head) {
    if (head != left_at_) {
        young_.clear();
        old_.clear();
    }
    left_at_ = none;
}

std::optional<std::uint64_t> stream_heads::find(index::fingerprint key,
                                                std::string_view stream) const noexcept {
    const auto found = young_.find(key, stream);
    return found ? found : old_.find(key, stream);
}

void stream_heads::set(index::fingerprint key, std::string_view stream,
                       std::uint64_t last_revision) {
    if (young_.bytes() >= bytes_max) {
        std::swap(young_, old_);
        young_.clear();
    }
    young_.set(key, stream, last_revision);
}

}  // namespace idem
