#include "causality/sync_wire.hpp"

#include "base/hash.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"

namespace idem::sync {
namespace {

constexpr std::size_t checksum_at = 8;
constexpr std::size_t events_at = 16;
constexpr std::size_t more_at = 2;

// Of what is behind it, seeded with what is before it.
std::uint64_t checksum_of(std::string_view message) noexcept {
    std::uint64_t head = 0;
    std::memcpy(&head, message.data(), sizeof head);
    return hash::of_bytes(message.substr(events_at), head);
}

}  // namespace

void refuse_message(std::string_view why) {
    throw error(errc::invalid_input,
                fmt::format("the other side of the sync sent a message that {}; check that both "
                            "run an idem of the same version, and what lies between them",
                            why),
                {.field = "message"});
}

wire_kind kind_of(std::string_view message) {
    if (message.size() < 2) refuse_message("is cut off");
    return static_cast<wire_kind>(message[1]);
}

item_key successor(item_key key) noexcept {
    for (std::size_t i = key.hash.size(); i-- > 0;) {
        if (++key.hash[i] != 0) return key;
    }
    ++key.clock;
    return key;
}

std::string encode_fetch(const std::vector<listed_item>& items) {
    writer to(wire_kind::fetch_items);
    to.number(items.size());
    for (const auto& item : items) to.item(item);
    return to.take();
}

std::vector<listed_item> decode_fetched_items(std::string_view message) {
    reader from(message, wire_kind::fetch_items);
    std::vector<listed_item> items(from.number(listed_max, "items"));
    for (auto& item : items) item = from.item();
    from.end();
    return items;
}

std::string encode_fetch(const item_key& low, const item_key& high) {
    writer to(wire_kind::fetch_range);
    to.key(low);
    to.key(high);
    return to.take();
}

std::pair<item_key, item_key> decode_fetched_range(std::string_view message) {
    reader from(message, wire_kind::fetch_range);
    const item_key low = from.key();
    const item_key high = from.key();
    from.end();
    return {low, high};
}

std::string encode_carried(const carried_events& carried, wire_kind kind, bool more) {
    std::string message(events_at, '\0');
    message[0] = static_cast<char>(wire_version);
    message[1] = static_cast<char>(kind);
    message[more_at] = more ? 1 : 0;
    message += encode_events(carried);
    const std::uint64_t checksum = checksum_of(message);
    std::memcpy(message.data() + checksum_at, &checksum, sizeof checksum);
    return message;
}

std::string_view events_in(std::string_view message, wire_kind kind) {
    if (message.size() > message_bytes_max) refuse_message("is over the limit of 4 MiB");
    reader head(message, kind);
    if (message.size() < events_at) refuse_message("is cut off");
    std::uint64_t checksum = 0;
    std::memcpy(&checksum, message.data() + checksum_at, sizeof checksum);
    if (checksum != checksum_of(message)) refuse_message("does not match its checksum");
    return message.substr(events_at);
}

bool says_more(std::string_view message) noexcept {
    return message[more_at] != 0;
}

std::string encode_verdicts(const std::vector<verdict>& given) {
    writer to(wire_kind::verdicts);
    to.number(given.size());
    for (const verdict v : given) to.number(static_cast<std::uint64_t>(v));
    return to.take();
}

std::vector<verdict> decode_verdicts(std::string_view message) {
    reader from(message, wire_kind::verdicts);
    std::vector<verdict> given(from.number(limits::batch_events_max, "verdicts"));
    for (auto& v : given) v = static_cast<verdict>(from.number(verdict_kinds - 1, "as a verdict"));
    from.end();
    return given;
}

}  // namespace idem::sync
