// How convergent values become bytes, and how bytes that may be damaged are read. For the values of
// this folder and for those of your own; schemas/CONVERGENT.md is the layout.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "idem/uuid.hpp"

namespace idem {

// The first byte of every value: a row whose type has changed is recognised by it.
enum class value_kind : std::uint8_t {
    lww_register = 1,
    mv_register = 2,
    grow_counter = 3,
    pn_counter = 4,
    or_set = 5,
    max_value = 6,
    min_value = 7,
    or_map = 8,
    row = 9,
};

// "an lww_register", and so on.
std::string_view to_string(value_kind kind) noexcept;

// Appends to a string, which must outlive it. Each value has one form.
class byte_writer {
public:
    explicit byte_writer(std::string& out) noexcept : out_(&out) {}

    void kind(value_kind kind);
    void byte(std::uint8_t value);
    void number(std::uint64_t value);        // seven bits a byte, the lowest first (LEB128)
    void signed_number(std::int64_t value);  // 0, -1, 1, -2 ... as the numbers 0, 1, 2, 3 ...
    void fixed_number(std::uint64_t value);  // eight bytes, the lowest first
    void identifier(const uuid& value);      // 16 bytes
    void text(std::string_view value);       // its length as a number, its bytes

private:
    std::string* out_;
};

// Reads what a byte_writer wrote. The bytes must outlive it. Everything throws errc::corrupt where
// they are not what was asked for, or in another form than the writer gives it.
class byte_reader {
public:
    explicit byte_reader(std::string_view bytes) noexcept : bytes_(bytes) {}

    void expect(value_kind kind);
    std::uint8_t byte();
    bool flag();  // a byte that is 0 or 1
    std::uint64_t number();
    std::int64_t signed_number();
    std::uint64_t fixed_number();
    uuid identifier();
    std::string_view text();
    // A number of items to come, each of at least so many bytes: never more than there is room for.
    std::size_t count(std::size_t item_bytes_min);

    void finish() const;  // nothing may follow
    [[noreturn]] void damaged(std::string_view why) const;

private:
    std::string_view take(std::size_t count);

    std::string_view bytes_;
    std::size_t at_ = 0;
};

}  // namespace idem
