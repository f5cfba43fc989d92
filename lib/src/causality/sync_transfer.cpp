#include "causality/sync_transfer.hpp"

#include <algorithm>
#include <numeric>

#include "causality/sync_wire.hpp"
#include "idem/error.hpp"
#include "log/record.hpp"

namespace idem::sync {
namespace {

constexpr std::size_t events_bytes_wanted = 1 << 20;  // of a message
constexpr std::size_t events_wanted = 1000;
constexpr std::size_t asked_max = 256;

[[noreturn]] void refuse(std::string_view why) {
    throw error(errc::invalid_input,
                "the other side of the sync " + std::string(why) +
                    "; nothing of that was taken in; check what it is",
                {.field = "message"});
}

// The item that was listed; its whole key.
std::optional<item_key> key_of(const item_set& items, const listed_item& wanted) {
    item_key low{wanted.clock, {}};
    std::copy(wanted.hash.begin(), wanted.hash.end(), low.hash.begin());
    const auto found = items.list(low, item_key::end(), 1);
    if (found.empty() || listed(found.front()) != wanted) return std::nullopt;
    return found.front();
}

bool is_full(const carried_events& carried, std::size_t bytes) noexcept {
    return bytes >= events_bytes_wanted || carried.events.size() >= events_wanted;
}

// Of one message that brings events: those that may be taken in.
carried_events checked(std::string_view message, wire_kind kind) {
    auto carried = decode_events(events_in(message, kind));
    for (const auto& e : carried.events) {
        if (e.event.stream == local_stream) refuse("sent a note that is a store's own");
    }
    return carried;
}

class transfer final : public differences {
public:
    transfer(const item_set& items, event_port& events, const exchange& send)
        : items_(items), events_(events), send_(send) {}

    transfer_result run() {
        compare(
            items_, [this](const std::string& m) { return ask(m); }, *this);
        fetch();
        push();
        return result_;
    }

    void here_only(const item_key& key) override {
        to_push_.push_back(key);
        if (to_push_.size() == asked_max) push();
    }
    void there_only(const listed_item& item) override {
        to_fetch_.push_back(item);
        if (to_fetch_.size() == asked_max) fetch();
    }
    void there_only(const item_key& low, const item_key& high, std::uint64_t) override {
        fetch();
        for (std::optional<item_key> from = low; from;) from = fetch_range(*from, high);
    }

private:
    std::string ask(const std::string& message) {
        std::string reply = send_(message);
        ++result_.rounds;
        result_.bytes_out += message.size();
        result_.bytes_in += reply.size();
        return reply;
    }

    void take_in(const carried_events& carried) {
        result_.received.skipped += carried.skipped;
        if (carried.events.empty()) return;
        result_.received.add(events_.take_in(carried.events));
    }

    // The answer tells of the first items that were asked for, in their order: each is an event, or
    // was skipped.
    void fetch() {
        while (!to_fetch_.empty()) {
            const auto reply = ask(encode_fetch(to_fetch_));
            const carried_events carried = checked(reply, wire_kind::events);
            const std::uint64_t told = carried.events.size() + carried.skipped;
            if (told == 0 || told < carried.skipped || told > to_fetch_.size()) {
                refuse("sent more or fewer events than it was asked for");
            }
            for (const auto& e : carried.events) {
                const auto keys = e.keys();
                const bool asked = std::any_of(keys.begin(), keys.end(), [&](const item_key& key) {
                    return std::binary_search(to_fetch_.begin(), to_fetch_.end(), listed(key));
                });
                if (!asked) refuse("sent an event that it was not asked for");
            }
            take_in(carried);
            to_fetch_.erase(to_fetch_.begin(),
                            to_fetch_.begin() + static_cast<std::ptrdiff_t>(told));
        }
    }

    // Returns where to go on.
    std::optional<item_key> fetch_range(const item_key& low, const item_key& high) {
        const auto reply = ask(encode_fetch(low, high));
        const carried_events carried = checked(reply, wire_kind::events);
        item_key last = low;
        bool any = false;
        for (const auto& e : carried.events) {
            bool inside = false;
            for (const item_key& key : e.keys()) {
                if (key < low || key >= high) continue;
                inside = true;
                last = std::max(last, key);
            }
            if (!inside) refuse("sent an event that it was not asked for");
            any = true;
        }
        take_in(carried);
        if (!says_more(reply)) return std::nullopt;
        if (!any) refuse("promises events and sends none");
        const item_key next = successor(last);
        return next < high ? std::optional(next) : std::nullopt;
    }

    void push() {
        carried_events carried;
        std::size_t bytes = 0;
        const auto flush = [&] {
            if (carried.events.empty()) return;
            const auto given =
                decode_verdicts(ask(encode_carried(carried, wire_kind::push, false)));
            if (given.size() != carried.events.size()) {
                refuse("answered for other events than were sent");
            }
            result_.sent.add(given);
            for (std::size_t i = 0; i < given.size(); ++i) {
                events_.pushed(carried.events[i], given[i]);
            }
            carried.events.clear();
            bytes = 0;
        };
        for (const item_key& key : to_push_) {
            auto e = events_.load(key);
            if (!e) {
                ++result_.sent.skipped;
                continue;
            }
            bytes += e->bytes();
            carried.events.push_back(std::move(*e));
            if (is_full(carried, bytes)) flush();
        }
        flush();
        to_push_.clear();
    }

    const item_set& items_;
    event_port& events_;
    const exchange& send_;
    transfer_result result_;
    std::vector<item_key> to_push_;
    std::vector<listed_item> to_fetch_;
};

std::string serve_items(const item_set& items, event_port& events, std::string_view message) {
    carried_events carried;
    std::size_t bytes = 0;
    for (const listed_item& wanted : decode_fetched_items(message)) {
        const auto key = key_of(items, wanted);
        auto e = key ? events.load(*key) : std::nullopt;
        if (!e) {
            ++carried.skipped;
            continue;
        }
        bytes += e->bytes();
        carried.events.push_back(std::move(*e));
        if (is_full(carried, bytes)) break;
    }
    return encode_carried(carried, wire_kind::events, false);
}

std::string serve_range(const item_set& items, event_port& events, std::string_view message) {
    const auto [low, high] = decode_fetched_range(message);
    carried_events carried;
    std::size_t bytes = 0;
    for (item_key from = low;;) {
        const auto page = items.list(from, high, asked_max);
        for (const item_key& key : page) {
            auto e = events.load(key);
            if (!e) {
                ++carried.skipped;
                continue;
            }
            bytes += e->bytes();
            carried.events.push_back(std::move(*e));
            if (is_full(carried, bytes)) return encode_carried(carried, wire_kind::events, true);
        }
        if (page.size() < asked_max) return encode_carried(carried, wire_kind::events, false);
        from = successor(page.back());
    }
}

}  // namespace

void moved::add(std::span<const verdict> given) noexcept {
    for (const verdict v : given) ++verdicts[static_cast<std::size_t>(v)];
}

std::uint64_t moved::all() const noexcept {
    return std::accumulate(std::begin(verdicts), std::end(verdicts), std::uint64_t{0});
}

bool transfer_result::in_sync() const noexcept {
    for (const moved* m : {&received, &sent}) {
        if (m->skipped + m->of(verdict::parked) + m->of(verdict::conflict) +
                m->of(verdict::refused) >
            0) {
            return false;
        }
    }
    return true;
}

transfer_result run(const item_set& items, event_port& events, const exchange& send) {
    return transfer(items, events, send).run();
}

std::string serve(const item_set& items, event_port& events, std::string_view message) {
    switch (kind_of(message)) {
        case wire_kind::fetch_items:
            return serve_items(items, events, message);
        case wire_kind::fetch_range:
            return serve_range(items, events, message);
        case wire_kind::push:
            return encode_verdicts(events.take_in(checked(message, wire_kind::push).events));
        default:
            return answer(items, message);
    }
}

}  // namespace idem::sync
