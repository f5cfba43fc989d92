// How the data of a data subject is sealed: XChaCha20-Poly1305 under a key of its own for each
// event, derived with BLAKE2b from the subject's key and the event's salt. Beside
// blake2b.cpp the only file that sees sodium.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace idem::seal {

using secret = std::array<std::uint8_t, 32>;

inline constexpr std::size_t nonce_bytes = 24;
inline constexpr std::size_t tag_bytes = 16;
inline constexpr std::size_t extra_bytes = nonce_bytes + tag_bytes;

void fill_random(std::span<std::uint8_t> bytes);
void wipe(secret& s) noexcept;

secret derive(const secret& subject, const secret& salt);

// Fills all `data.size()` bytes: a fresh nonce, the ciphertext, the tag.
void close(std::span<char> data, std::string_view text, const secret& key,
           std::string_view associated);

// False: not closed under that key, or changed since. `text` has place for data.size() - extra.
bool open(std::string_view data, const secret& key, std::string_view associated, char* text);

}  // namespace idem::seal
