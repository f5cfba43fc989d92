#include "base/sha256.hpp"

#include <sodium.h>

namespace idem::sha256 {

digest of(std::string_view bytes) noexcept {
    digest d;
    crypto_hash_sha256(d.data(), reinterpret_cast<const unsigned char*>(bytes.data()),
                       bytes.size());
    return d;
}

}  // namespace idem::sha256
