// The typed way to write a projection: which rows an event touches, and what each becomes.
//
//     auto balances = idem::keyed_fold<std::string, std::int64_t>("balances")
//         .on<bank::Deposited>([](const auto& e) { return e.account()->str(); },
//                              [](std::int64_t sum, const auto& e) { return sum + e.cents(); });
//
// Rows are independent of one another, so the store replays such a projection on several threads:
// the functions may be called from any of them, for different events at once.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "idem/projection.hpp"

namespace idem {

// An event's payload as a type of the user's: specialise with `static constexpr std::string_view
// type` or `static std::string type()`, and `static <T or const T&> decode(const event_view&)`,
// which throws on a payload that is not one. idem/flatbuffers.hpp does so for every FlatBuffers
// table. A codec whose decode() checks what need not be checked twice may have decode_again() too,
// which is called for events that decode() has taken before. One with `static std::uint32_t
// version()` reads that schema version of the type: older events are upcast, newer ones refused.
template <class Payload>
struct payload_codec;

namespace detail {

// Calls `visit(key)` for each key in what a key function returned: one key, an optional one, or
// several.
template <class Key, class Keys, class Visit>
void each_key(Keys&& keys, Visit&& visit) {
    using keys_t = std::remove_cvref_t<Keys>;
    if constexpr (std::convertible_to<keys_t, Key>) {
        visit(Key(std::forward<Keys>(keys)));
    } else if constexpr (requires { keys.has_value(); }) {
        if (keys) visit(Key(*keys));
    } else {
        for (const auto& key : keys) visit(Key(key));
    }
}

template <class Row>
void store_row(state_table::slot& slot, const Row& row) {
    row_codec<Row>::encode(row, slot.bytes);
    slot.present = slot.changed = true;
}
template <class Row>
void store_row(state_table::slot& slot, const std::optional<Row>& row) {
    if (row) return store_row(slot, *row);
    slot.changed = slot.changed || slot.present;
    slot.present = false;
    slot.bytes.clear();
}

}  // namespace detail

// A pure, typed fold of events into rows of type Row under keys of type Key. For each event type:
// which rows it touches, and what each becomes.
//   keys(e)           -> Key, std::optional<Key> or a range of Key
//   apply(row, e)     -> Row, or std::optional<Row> where nullopt deletes the row
//   apply(row, key, e)   likewise, where the row's own key matters
// A row that does not exist yet is given as Row{}.
template <class Key, class Row>
class keyed_fold {
public:
    explicit keyed_fold(std::string name, std::uint32_t version = 1) {
        base_.name = std::move(name);
        base_.version = version;
        base_.keys = key_codec<Key>::kind;
    }

    const std::string& name() const noexcept { return base_.name; }
    std::uint32_t version() const noexcept { return base_.version; }

    // Events of `type`, as event_view.
    template <class Keys, class Apply>
    keyed_fold on(std::string type, Keys keys, Apply apply) && {
        event_handler& h = handlers_[std::move(type)];
        h.apply = [keys, apply](const event_view& e, state_table& table) {
            run(keys, apply, e, table);
        };
        h.keys_of = [keys](const event_view& e, key_sink& sink) { list_keys(keys, e, sink); };
        h.apply_row = [apply](const event_view& e, std::string_view key, state_table::slot& slot) {
            change(apply, e, slot, [key] { return key_codec<Key>::decode(key); });
        };
        return std::move(*this);
    }

    // Events whose type and payload are those of Payload.
    template <class Payload, class Keys, class Apply>
    keyed_fold on(Keys keys, Apply apply) && {
        event_handler& h = handlers_[std::string(payload_type<Payload>())];
        if constexpr (requires { payload_codec<Payload>::version(); }) {
            base_.reads[std::string(payload_type<Payload>())] = payload_codec<Payload>::version();
        }
        h.apply = [keys, apply](const event_view& e, state_table& table) {
            const auto& payload = payload_codec<Payload>::decode(e);
            run(keys, apply, payload, table);
        };
        h.keys_of = [keys](const event_view& e, key_sink& sink) {
            const auto& payload = payload_codec<Payload>::decode(e);
            list_keys(keys, payload, sink);
        };
        h.apply_row = [apply](const event_view& e, std::string_view key, state_table::slot& slot) {
            const auto& payload = decode_again<Payload>(e);
            change(apply, payload, slot, [key] { return key_codec<Key>::decode(key); });
        };
        return std::move(*this);
    }

    // See fold_order.
    keyed_fold commutative() && {
        base_.order = fold_order::commutative;
        return std::move(*this);
    }
    keyed_fold canonical() && {
        base_.order = fold_order::canonical;
        return std::move(*this);
    }

    // The version of a type that its handlers read, where no payload_codec says it.
    keyed_fold reads(std::string type, std::uint32_t version) && {
        base_.reads[std::move(type)] = version;
        return std::move(*this);
    }

    keyed_fold upcast(idem::upcasters steps) && {
        base_.upcasters = std::move(steps);
        return std::move(*this);
    }

    // See projection::code.
    keyed_fold code(std::string hash) && {
        base_.code = std::move(hash);
        return std::move(*this);
    }

    // How a row prints; without it rows of text and numbers print as such, others as base64.
    keyed_fold print_rows(std::function<std::string(const Row&)> to_json) && {
        to_json_ = std::move(to_json);
        return std::move(*this);
    }

    operator projection() const {  // NOLINT: the conversion is the point
        projection p = base_;
        for (const auto& [type, handler] : handlers_) p.types.push_back(type);
        p.apply = [handlers = handlers_](const event_view& e, state_table& table) {
            if (const auto found = handlers.find(e.type()); found != handlers.end()) {
                found->second.apply(e, table);
            }
        };
        p.keys_of = [handlers = handlers_](const event_view& e, key_sink& sink) {
            if (const auto found = handlers.find(e.type()); found != handlers.end()) {
                found->second.keys_of(e, sink);
            }
        };
        p.apply_row = [handlers = handlers_](const event_view& e, std::string_view key,
                                             state_table::slot& slot) {
            if (const auto found = handlers.find(e.type()); found != handlers.end()) {
                found->second.apply_row(e, key, slot);
            }
        };
        if (to_json_) {
            p.row_to_json = [to_json = to_json_](std::string_view row) {
                return to_json(row_codec<Row>::decode(row));
            };
        } else if constexpr (std::is_arithmetic_v<Row>) {
            p.row_to_json = [](std::string_view row) {
                return std::to_string(row_codec<Row>::decode(row));
            };
        } else if constexpr (requires(const Row& row) { row_codec<Row>::to_json(row); }) {
            p.row_to_json = [](std::string_view row) {
                return row_codec<Row>::to_json(row_codec<Row>::decode(row));
            };
        }
        return p;
    }

private:
    struct event_handler {
        std::function<void(const event_view&, state_table&)> apply;
        std::function<void(const event_view&, key_sink&)> keys_of;
        std::function<void(const event_view&, std::string_view key, state_table::slot&)> apply_row;
    };

    template <class Payload>
    static std::string_view payload_type() {
        if constexpr (requires { payload_codec<Payload>::type(); }) {
            return payload_codec<Payload>::type();
        } else {
            return payload_codec<Payload>::type;
        }
    }

    template <class Keys, class Apply, class Event>
    static void run(const Keys& keys, const Apply& apply, const Event& e, state_table& table) {
        std::string encoded;
        detail::each_key<Key>(keys(e), [&](const Key& key) {
            key_codec<Key>::encode(key, encoded);
            change(apply, e, table.at(encoded), [&key]() -> const Key& { return key; });
        });
    }

    template <class Keys, class Event>
    static void list_keys(const Keys& keys, const Event& e, key_sink& sink) {
        std::string encoded;
        detail::each_key<Key>(keys(e), [&](const Key& key) {
            key_codec<Key>::encode(key, encoded);
            sink.take(encoded);
        });
    }

    template <class Apply, class Event, class GetKey>
    static void change(const Apply& apply, const Event& e, state_table::slot& slot, GetKey&& key) {
        Row row = slot.present ? row_codec<Row>::decode(slot.bytes) : Row{};
        if constexpr (std::invocable<const Apply&, Row, const Key&, const Event&>) {
            detail::store_row(slot, apply(std::move(row), key(), e));
        } else {
            detail::store_row(slot, apply(std::move(row), e));
        }
    }

    // Of an event that was decoded before.
    template <class Payload>
    static decltype(auto) decode_again(const event_view& e) {
        if constexpr (requires { payload_codec<Payload>::decode_again(e); }) {
            return payload_codec<Payload>::decode_again(e);
        } else {
            return payload_codec<Payload>::decode(e);
        }
    }

    projection base_;  // all but the handlers
    std::map<std::string, event_handler, std::less<>> handlers_;
    std::function<std::string(const Row&)> to_json_;
};

}  // namespace idem
