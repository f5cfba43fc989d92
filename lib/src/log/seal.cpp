#include "log/seal.hpp"

#include <sodium.h>

#include <cassert>

#include "idem/error.hpp"

namespace idem::seal {
namespace {

static_assert(nonce_bytes == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
static_assert(tag_bytes == crypto_aead_xchacha20poly1305_ietf_ABYTES);
static_assert(sizeof(secret) == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);

void prepare() {
    static const int ready = sodium_init();
    if (ready < 0) throw error(errc::io, "libsodium cannot start: the system gives no randomness");
}

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

void fill_random(std::span<std::uint8_t> bytes) {
    prepare();
    randombytes_buf(bytes.data(), bytes.size());
}

void wipe(secret& s) noexcept {
    sodium_memzero(s.data(), s.size());
}

secret derive(const secret& subject, const secret& salt) {
    prepare();
    secret key;
    crypto_generichash(key.data(), key.size(), salt.data(), salt.size(), subject.data(),
                       subject.size());
    return key;
}

void close(std::span<char> data, std::string_view text, const secret& key,
           std::string_view associated) {
    assert(data.size() == text.size() + extra_bytes);
    auto* const nonce = reinterpret_cast<unsigned char*>(data.data());
    fill_random({nonce, nonce_bytes});
    crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + nonce_bytes, nullptr, bytes_of(text),
                                               text.size(), bytes_of(associated), associated.size(),
                                               nullptr, nonce, key.data());
}

bool open(std::string_view data, const secret& key, std::string_view associated, char* text) {
    if (data.size() < extra_bytes) return false;
    prepare();
    const auto* const nonce = bytes_of(data);
    return crypto_aead_xchacha20poly1305_ietf_decrypt(
               reinterpret_cast<unsigned char*>(text), nullptr, nullptr, nonce + nonce_bytes,
               data.size() - nonce_bytes, bytes_of(associated), associated.size(), nonce,
               key.data()) == 0;
}

}  // namespace idem::seal
