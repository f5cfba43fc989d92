// Projections: named, versioned folds of the log into keyed rows.
//
// The first choice is keyed_fold, which is pure and typed:
//
//     auto balances = idem::keyed_fold<std::string, std::int64_t>("balances")
//         .on<bank::Deposited>([](const auto& e) { return e.account()->str(); },
//                              [](std::int64_t sum, const auto& e) { return sum + e.cents(); });
//
// A handler with a table in its hand (`projection::apply`) is the way out where rows depend on one
// another. Both must be pure: the rows they leave may depend on the events and the table alone,
// never on clocks, random numbers or global state, since the same events are applied again by every
// replay.
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
#include <vector>

#include "idem/codec.hpp"
#include "idem/event.hpp"

namespace idem {

// The rows of one projection, in the hand of its handler. Changes become visible to readers
// together with the checkpoint, in one commit; they are dropped if the handler throws.
class state_table {
public:
    struct slot {
        bool present = false;
        bool changed = false;
        std::string bytes;
    };

    // The row, or nullopt. Valid until the next call on this table.
    std::optional<std::string_view> find(std::string_view key) {
        slot& s = at(key);
        if (!s.present) return std::nullopt;
        return s.bytes;
    }
    void put(std::string_view key, std::string_view row) {
        slot& s = at(key);
        s.bytes.assign(row);
        s.present = s.changed = true;
    }
    void erase(std::string_view key) {
        slot& s = at(key);
        s.bytes.clear();
        s.changed = s.changed || s.present;
        s.present = false;
    }

    // The row's place in the batch of changes, for reading and writing without a second lookup.
    // Throws invalid_input for an empty key or one longer than limits::row_key_bytes_max. Valid
    // until the next call on this table.
    virtual slot& at(std::string_view key) = 0;

protected:
    ~state_table() = default;
};

// A projection as the store runs it. Keyed folds convert to it; a handler fills it in itself.
struct projection {
    std::string name = {};      // up to limits::name_bytes_max bytes of [A-Za-z0-9._-]
    std::uint32_t version = 1;  // raise it whenever the fold or its rows change
    key_kind keys = key_kind::text;
    std::vector<std::string> types = {};  // the event types it handles; empty: all
    std::function<void(const event_view&, state_table&)> apply = {};
    std::function<std::string(std::string_view row)> row_to_json = {};  // to print; may be empty
    bool order_insensitive = false;  // declared: any order of the same events gives the same rows
    std::string definition = {};     // text that describes it, kept in the store; may be empty
};

// How the store keeps a projection up to date.
enum class projection_mode : std::uint8_t {
    inline_,     // within each append's own commit; a handler that throws rejects that append
    background,  // by a thread of the store that follows the log
    manual,      // only when catch_up() is called
};

// An event's payload as a type of the user's: specialise with `static constexpr std::string_view
// type` or `static std::string type()`, and `static <T or const T&> decode(const event_view&)`,
// which throws on a payload that is not one. idem/flatbuffers.hpp does so for every FlatBuffers
// table.
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
    explicit keyed_fold(std::string name, std::uint32_t version = 1)
        : name_(std::move(name)), version_(version) {}

    const std::string& name() const noexcept { return name_; }
    std::uint32_t version() const noexcept { return version_; }

    // Events of `type`, as event_view.
    template <class Keys, class Apply>
    keyed_fold on(std::string type, Keys keys, Apply apply) && {
        handlers_[std::move(type)] = [keys, apply](const event_view& e, state_table& table) {
            run(keys, apply, e, table);
        };
        return std::move(*this);
    }

    // Events whose type and payload are those of Payload.
    template <class Payload, class Keys, class Apply>
    keyed_fold on(Keys keys, Apply apply) && {
        handlers_[std::string(payload_type<Payload>())] = [keys, apply](const event_view& e,
                                                                        state_table& table) {
            const auto& payload = payload_codec<Payload>::decode(e);
            run(keys, apply, payload, table);
        };
        return std::move(*this);
    }

    // Declares that any order of the same events gives the same rows.
    keyed_fold order_insensitive() && {
        order_insensitive_ = true;
        return std::move(*this);
    }

    // How a row prints; without it rows of text and numbers print as such, others as base64.
    keyed_fold print_rows(std::function<std::string(const Row&)> to_json) && {
        to_json_ = std::move(to_json);
        return std::move(*this);
    }

    operator projection() const {  // NOLINT: the conversion is the point
        projection p;
        p.name = name_;
        p.version = version_;
        p.keys = key_codec<Key>::kind;
        p.order_insensitive = order_insensitive_;
        for (const auto& [type, handler] : handlers_) p.types.push_back(type);
        p.apply = [handlers = handlers_](const event_view& e, state_table& table) {
            if (const auto found = handlers.find(e.type()); found != handlers.end()) {
                found->second(e, table);
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
    using event_handler = std::function<void(const event_view&, state_table&)>;

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
            state_table::slot& slot = table.at(encoded);
            Row row = slot.present ? row_codec<Row>::decode(slot.bytes) : Row{};
            if constexpr (std::invocable<const Apply&, Row, const Key&, const Event&>) {
                detail::store_row(slot, apply(std::move(row), key, e));
            } else {
                detail::store_row(slot, apply(std::move(row), e));
            }
        });
    }

    std::string name_;
    std::uint32_t version_;
    bool order_insensitive_ = false;
    std::map<std::string, event_handler, std::less<>> handlers_;
    std::function<std::string(const Row&)> to_json_;
};

// A pure fold of one stream into a value: what a command looks at before it decides. The store
// keeps a snapshot now and then, so that a long stream is not replayed from its beginning each
// time; raise the version whenever `apply` or Row changes.
template <class Row>
struct stream_fold {
    std::string name = {};
    std::uint32_t version = 1;
    std::function<Row(Row, const event_view&)> apply = {};
};

template <class Row>
struct folded {
    Row value{};
    std::optional<std::uint64_t> revision = {};  // the last one applied; nullopt: no such stream
};

}  // namespace idem
