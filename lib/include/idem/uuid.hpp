// Universally unique identifiers as RFC 9562 defines them.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace idem {

// A value: 16 bytes in network order, so that comparing bytes compares the printed form too.
struct uuid {
    std::array<std::uint8_t, 16> bytes{};

    // Reads the 36-character form of RFC 9562 section 4 in either case, with or without the prefix
    // "urn:uuid:". Anything else is nullopt.
    static std::optional<uuid> parse(std::string_view text) noexcept;

    static constexpr uuid nil() noexcept { return {}; }
    static constexpr uuid max() noexcept {
        uuid u;
        u.bytes.fill(0xff);
        return u;
    }

    constexpr bool is_nil() const noexcept { return *this == nil(); }
    constexpr bool is_max() const noexcept { return *this == max(); }
    constexpr int version() const noexcept { return bytes[6] >> 4; }

    friend constexpr auto operator<=>(const uuid&, const uuid&) = default;
};

// The 36-character form in lower case.
std::string to_string(const uuid& id);

// Random (version 4), from the kernel's generator. Any thread.
uuid make_uuid_v4();

// Name-based (version 5): the same space and name always give the same id.
uuid make_uuid_v5(const uuid& space, std::string_view name);

// The id of an event whose sender names it otherwise, such as a broker's message id or a
// CloudEvents `id` that is not a UUID: version 5 of `id` in the space that is version 5 of `source`
// in the URL space. The same delivery always gets the same id; equal ids of two sources differ.
uuid make_uuid_from_source(std::string_view source, std::string_view id);

namespace uuid_space {                                                      // RFC 9562 section 6.6
inline constexpr uuid dns{{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,  //
                           0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}};
inline constexpr uuid url{{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1,  //
                           0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}};
}  // namespace uuid_space

// Makes version 7 ids that strictly rise, as RFC 9562 section 6.2 (method 1) asks: a clock that
// stands still or steps back never repeats or reorders ids. 42 bits behind the millisecond start at
// random (their top bit clear) and count up; when they overflow, the millisecond is moved ahead of
// the clock. The last 32 bits are fresh random bits. One thread at a time.
class uuid_v7_generator {
public:
    using clock = std::function<std::uint64_t()>;   // milliseconds since 1970
    using random = std::function<std::uint64_t()>;  // 64 uniform bits

    uuid_v7_generator();                        // the system's clock and generator
    uuid_v7_generator(clock now, random bits);  // for tests

    uuid next();

private:
    clock now_;
    random bits_;
    std::uint64_t millisecond_ = 0;
    std::uint64_t counter_ = 0;  // 42 bits
};

// Version 7 from a generator of this thread. Ids of one thread strictly rise; ids of two threads
// are ordered by millisecond. Safe across fork().
uuid make_uuid_v7();

}  // namespace idem

template <>
struct std::hash<idem::uuid> {
    std::size_t operator()(const idem::uuid& id) const noexcept {
        std::uint64_t high = 0;
        std::uint64_t low = 0;
        std::memcpy(&high, id.bytes.data(), 8);
        std::memcpy(&low, id.bytes.data() + 8, 8);
        // The time part of a version 7 id varies little, its random part much: mix both.
        return static_cast<std::size_t>((high ^ (low * 0x9e3779b97f4a7c15ULL)) + (low >> 29));
    }
};
