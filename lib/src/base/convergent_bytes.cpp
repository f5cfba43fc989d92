#include "idem/convergent/bytes.hpp"

#include <fmt/format.h>

#include "idem/cloudevents.hpp"
#include "idem/convergent/element.hpp"
#include "idem/error.hpp"

namespace idem {
namespace {

constexpr int number_bytes_max = 10;  // of 64 bits, seven a byte

}  // namespace

std::string_view to_string(value_kind kind) noexcept {
    switch (kind) {
        case value_kind::lww_register:
            return "an lww_register";
        case value_kind::mv_register:
            return "an mv_register";
        case value_kind::grow_counter:
            return "a grow_counter";
        case value_kind::pn_counter:
            return "a pn_counter";
        case value_kind::or_set:
            return "an or_set";
        case value_kind::max_value:
            return "a max_value";
        case value_kind::min_value:
            return "a min_value";
        case value_kind::or_map:
            return "an or_map";
        case value_kind::row:
            return "a struct of convergent values";
    }
    return "no convergent value";
}

void byte_writer::kind(value_kind kind) {
    byte(static_cast<std::uint8_t>(kind));
}
void byte_writer::byte(std::uint8_t value) {
    out_->push_back(static_cast<char>(value));
}
void byte_writer::number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) byte(static_cast<std::uint8_t>(value | 0x80));
    byte(static_cast<std::uint8_t>(value));
}
void byte_writer::signed_number(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    number(value < 0 ? ~(bits << 1) : bits << 1);
}
void byte_writer::fixed_number(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) byte(static_cast<std::uint8_t>(value >> shift));
}
void byte_writer::identifier(const uuid& value) {
    out_->append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
}
void byte_writer::text(std::string_view value) {
    number(value.size());
    out_->append(value);
}

void byte_reader::damaged(std::string_view why) const {
    throw error(errc::corrupt,
                fmt::format("a row cannot be read at byte {} of {}: {}; raise the projection's "
                            "version if the type of its row has changed, else rebuild it",
                            at_, bytes_.size(), why));
}

std::string_view byte_reader::take(std::size_t count) {
    if (count > bytes_.size() - at_) damaged("it ends too early");
    const std::string_view taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
}

void byte_reader::expect(value_kind kind) {
    const auto found = static_cast<value_kind>(byte());
    if (found == kind) return;
    --at_;
    damaged(fmt::format("it has {} where its type has {}", to_string(found), to_string(kind)));
}
std::uint8_t byte_reader::byte() {
    return static_cast<std::uint8_t>(take(1).front());
}
bool byte_reader::flag() {
    const std::uint8_t value = byte();
    if (value > 1) damaged("a flag is neither 0 nor 1");
    return value == 1;
}
std::uint64_t byte_reader::number() {
    std::uint64_t value = 0;
    for (int i = 0; i < number_bytes_max; ++i) {
        const std::uint8_t next = byte();
        if (i == number_bytes_max - 1 && next > 1) break;  // beyond 64 bits
        value |= std::uint64_t{next & 0x7fU} << (7 * i);
        if (next >= 0x80) continue;
        if (next == 0 && i > 0) break;  // a longer form than there is need of
        return value;
    }
    damaged("a number is not in its form");
}
std::int64_t byte_reader::signed_number() {
    const std::uint64_t value = number();
    return static_cast<std::int64_t>((value & 1) != 0 ? ~(value >> 1) : value >> 1);
}
std::uint64_t byte_reader::fixed_number() {
    std::uint64_t value = 0;
    int shift = 0;
    for (const char c : take(8)) {
        value |= std::uint64_t{static_cast<std::uint8_t>(c)} << shift;
        shift += 8;
    }
    return value;
}
uuid byte_reader::identifier() {
    uuid value;
    take(value.bytes.size()).copy(reinterpret_cast<char*>(value.bytes.data()), value.bytes.size());
    return value;
}
std::string_view byte_reader::text() {
    const std::uint64_t size = number();
    if (size > bytes_.size() - at_) damaged("a text ends too early");
    return take(size);
}
std::size_t byte_reader::count(std::size_t item_bytes_min) {
    const std::uint64_t items = number();
    if (items > (bytes_.size() - at_) / item_bytes_min) damaged("it has fewer items than it says");
    return items;
}
void byte_reader::finish() const {
    if (at_ != bytes_.size()) damaged("something follows behind its end");
}

namespace detail {

void append_item(std::string& array, std::string_view value) {
    if (!array.empty()) array.push_back(',');
    array += value;
}

void append_member(std::string& object, std::string_view name, std::string_view value) {
    append_item(object, to_json_string(name));
    object.push_back(':');
    object += value;
}

}  // namespace detail

}  // namespace idem
