// Text and bytes: UTF-8, base64.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace idem::text {

// The offset of the first byte that is not UTF-8 (RFC 3629: no surrogates, no overlong forms);
// nullopt where all of it is.
std::optional<std::size_t> invalid_utf8(std::string_view bytes) noexcept;

// Control characters (below U+0020, U+007F) have no place in names.
bool has_control(std::string_view bytes) noexcept;

std::string encode_base64(std::string_view bytes);
std::optional<std::string> decode_base64(std::string_view text);  // RFC 4648 section 4, padded

// For messages: quoted, cut to about 60 characters, what cannot be printed as \xNN.
std::string shown(std::string_view bytes);

}  // namespace idem::text
