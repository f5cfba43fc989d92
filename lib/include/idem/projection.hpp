// Projections: named, versioned folds of the log into keyed rows.
//
// The first choice is keyed_fold (keyed_fold.hpp), which is pure and typed. A handler with a table
// in its hand (`projection::apply`) is the way out where rows depend on one another. Both must be
// pure: the rows they leave may depend on the events and the table alone, never on clocks, random
// numbers or global state, since the same events are applied again by every replay.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idem/codec.hpp"
#include "idem/event.hpp"
#include "idem/upcast.hpp"

namespace idem {

// The versions of event types that a reader is written for. Older events are upcast to them; a
// newer one stops the reader with unknown_version. A type that is not named is given as stored.
using schema_versions = std::map<std::string, std::uint32_t, std::less<>>;

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

// Where a projection says which rows an event touches.
class key_sink {
public:
    virtual void take(std::string_view key) = 0;

protected:
    ~key_sink() = default;
};

// In which order a projection takes in the events of the log.
enum class fold_order : std::uint8_t {
    arrival,      // by position: the order in which they came to this store
    commutative,  // likewise, and declared: any order of the same events gives the same rows
    // By stamp, the least that is known of the event, and then by id: rows depend on the set of
    // events alone, in every store that holds it. An event that arrives late takes the rows it
    // touches back to before its place, and those that follow are applied again. That reaches as
    // far back as the horizon (limits.hpp); an event from before it makes the projection be folded
    // anew. event_view::stamp() is then that least stamp. Only with keys_of and apply_row.
    canonical,
};
std::string_view to_string(fold_order order) noexcept;

// A projection as the store runs it. Keyed folds convert to it; a handler fills it in itself.
struct projection {
    std::string name = {};      // up to limits::name_bytes_max bytes of [A-Za-z0-9._-]
    std::uint32_t version = 1;  // raise it whenever the fold or its rows change
    key_kind keys = key_kind::text;
    std::vector<std::string> types = {};  // the event types it handles; empty: all
    schema_versions reads = {};
    // Of a type that `reads` does not name, the newest version that the store has a schema or an
    // upcaster of; FlatBuffers data of registered types is given as JSON.
    bool reads_json = false;
    idem::upcasters upcasters = {};
    std::function<void(const event_view&, state_table&)> apply = {};
    // Both or neither: the same as `apply`, where what becomes of a row depends on the events that
    // touch it and on nothing else. The keys of the rows that an event touches, and what becomes of
    // one of them. The store then replays on several threads, and calls both from any of them.
    std::function<void(const event_view&, key_sink&)> keys_of = {};
    std::function<void(const event_view&, std::string_view key, state_table::slot&)> apply_row = {};
    std::function<std::string(std::string_view row)> row_to_json = {};  // to print; may be empty
    fold_order order = fold_order::arrival;  // another one makes the rows stale
    std::string definition = {};  // text that describes it, kept in the store; may be empty
    // What tells this code from other code of the same name and version, such as a commit's hash;
    // may be empty. Rows that were made by other code, or of other `reads`, are stale.
    std::string code = {};
};

// How the store keeps a projection up to date.
enum class projection_mode : std::uint8_t {
    inline_,     // within each append's own commit; a handler that throws rejects that append
    background,  // by a thread of the store that follows the log
    manual,      // only when catch_up() is called
};

}  // namespace idem
