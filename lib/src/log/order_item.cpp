#include "log/order_item.hpp"

#include <cstring>

#include "log/record.hpp"

namespace idem {
namespace {

constexpr std::string_view content_kind = "idem content 1";
constexpr std::string_view stamp_kind = "idem stamp 1";

template <class Number>
void put_number(std::string& to, Number number) {
    to.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void put_text(std::string& to, std::string_view text) {
    put_number(to, static_cast<std::uint64_t>(text.size()));
    to += text;
}

class none final : public stamp_notes {
public:
    void each_in(const event_view&, const visit_stamp&) const override {}
    std::vector<other_stamp> of(const storage::transaction&, std::uint64_t) const override {
        return {};
    }
};

}  // namespace

void item_sum::add(const item_sum& other) noexcept {
    low += other.low;
    high += other.high + (low < other.low ? 1 : 0);
}

void item_sum::add(const item_hash& hash) noexcept {
    item_sum other;
    std::memcpy(&other.low, hash.data(), sizeof other.low);
    std::memcpy(&other.high, hash.data() + sizeof other.low, sizeof other.high);
    add(other);
}

const sha256::digest& content_hasher::of(const event_view& e) {
    bytes_.assign(content_kind);
    const uuid id = e.id();
    bytes_.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
    put_text(bytes_, e.stream());
    put_text(bytes_, e.type());
    put_number(bytes_, e.schema_version());
    put_text(bytes_, e.content_type());
    put_number(bytes_, static_cast<std::uint64_t>(e.tag_count()));
    for (std::size_t i = 0; i < e.tag_count(); ++i) put_text(bytes_, e.tag(i));
    put_text(bytes_, e.data_subject());
    if (e.data_subject().empty()) put_text(bytes_, e.data());
    return result_ = sha256::of(bytes_);
}

item_hash hash_of_item(const sha256::digest& content, const stamp& s) noexcept {
    std::array<char, stamp_kind.size() + 2 * sizeof(std::uint64_t) + sizeof(uuid::bytes) +
                         sizeof(sha256::digest)>
        bytes;
    char* to = bytes.data();
    const auto put = [&to](const void* from, std::size_t size) {
        std::memcpy(to, from, size);
        to += size;
    };
    put(stamp_kind.data(), stamp_kind.size());
    put(content.data(), content.size());
    put(s.origin.bytes.data(), s.origin.bytes.size());
    put(&s.clock, sizeof s.clock);
    put(&s.counter, sizeof s.counter);
    const sha256::digest whole = sha256::of({bytes.data(), bytes.size()});
    item_hash hash;
    std::memcpy(hash.data(), whole.data(), hash.size());
    return hash;
}

const stamp_notes& no_other_stamps() noexcept {
    static const none notes;
    return notes;
}

}  // namespace idem
