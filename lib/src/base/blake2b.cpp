#include "base/blake2b.hpp"

#include <sodium.h>

#include "base/hex.hpp"
#include "idem/error.hpp"

namespace idem::blake2b {

digest of(std::initializer_list<std::string_view> texts) {
    static const bool ready = ::sodium_init() >= 0;
    if (!ready) throw error(errc::io, "libsodium cannot start: the system gives no random numbers");
    crypto_generichash_state state;
    digest result;
    crypto_generichash_init(&state, nullptr, 0, result.size());
    for (const auto text : texts) {
        const std::uint64_t size = text.size();
        crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(&size),
                                  sizeof size);
        crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(text.data()),
                                  text.size());
    }
    crypto_generichash_final(&state, result.data(), result.size());
    return result;
}

std::string to_hex(const digest& d) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : d) {
        text.push_back(digits[byte >> 4]);
        text.push_back(digits[byte & 15]);
    }
    return text;
}

std::optional<digest> from_hex(std::string_view text) {
    digest d;
    if (text.size() != 2 * d.size()) return std::nullopt;
    for (std::size_t i = 0; i < d.size(); ++i) {
        const int high = hex_value(text[2 * i]);
        const int low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        d[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return d;
}

}  // namespace idem::blake2b
