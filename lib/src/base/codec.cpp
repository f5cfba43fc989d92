#include "idem/codec.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/text.hpp"
#include "idem/cloudevents.hpp"
#include "idem/state.hpp"

namespace idem {
namespace {

template <class Integer>
std::string parse_integer(std::string_view text) {
    Integer value = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (fault != std::errc() || end != text.data() + text.size()) {
        throw error(
            errc::invalid_input,
            fmt::format("{} is not a key of this projection, whose keys are {} integers",
                        text::shown(text), std::is_signed_v<Integer> ? "signed" : "unsigned"),
            {.field = "key"});
    }
    std::string key;
    key_codec<Integer>::encode(value, key);
    return key;
}

}  // namespace

std::string print_key(key_kind kind, std::string_view key) {
    switch (kind) {
        case key_kind::unsigned_integer:
            return std::to_string(key_codec<std::uint64_t>::decode(key));
        case key_kind::signed_integer:
            return std::to_string(key_codec<std::int64_t>::decode(key));
        case key_kind::uuid:
            return to_string(key_codec<uuid>::decode(key));
        case key_kind::text:
            return std::string(key);
        case key_kind::bytes:
            break;
    }
    return to_base64(key);
}

std::string parse_key(key_kind kind, std::string_view text) {
    switch (kind) {
        case key_kind::unsigned_integer:
            return parse_integer<std::uint64_t>(text);
        case key_kind::signed_integer:
            return parse_integer<std::int64_t>(text);
        case key_kind::text:
            return std::string(text);
        case key_kind::uuid:
            if (const auto id = uuid::parse(text)) {
                std::string key;
                key_codec<uuid>::encode(*id, key);
                return key;
            }
            throw error(errc::invalid_input,
                        fmt::format("{} is not a key of this projection, whose keys are UUIDs",
                                    text::shown(text)),
                        {.field = "key"});
        case key_kind::bytes:
            break;
    }
    if (auto key = text::decode_base64(text)) return std::move(*key);
    throw error(errc::invalid_input,
                fmt::format("{} is not a key of this projection, whose keys are bytes in base64",
                            text::shown(text)),
                {.field = "key"});
}

std::string to_string(const state_digest& digest) {
    return fmt::format("{:016x}{:016x}", digest.high, digest.low);
}

}  // namespace idem
