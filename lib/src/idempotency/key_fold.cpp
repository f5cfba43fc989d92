#include "idempotency/key_fold.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/json_object.hpp"
#include "idem/limits.hpp"
#include "idempotency/key_rows.hpp"
#include "idempotency/row.hpp"

namespace idem {
namespace {

std::vector<std::uint8_t> to_bytes(std::string_view text) {
    return {text.begin(), text.end()};
}

// What names a key where it is new.
struct key_naming {
    explicit key_naming(const json::object_reader& from)
        : owner(from.text("owner").value_or("")),
          operation(from.text("operation").value_or("")),
          name(from.text("name").value_or("")),
          request(blake2b::from_hex(from.text("request").value_or(""))) {}

    // A name that is too long to be kept is known by the hash.
    bool is_of(const key_hash& key) const {
        return key == blake2b::of({owner, operation, name}) ||
               name == "blake2b:" + blake2b::to_hex(key);
    }

    const std::string owner;
    const std::string operation;
    const std::string name;
    const std::optional<blake2b::digest> request;
};

// What an event says, taken apart once. Requires fault() to be none.
struct key_event {
    key_event(std::string_view type_, std::string_view data)
        : type(type_), from(data), key(blake2b::from_hex(from.text("key").value_or(""))) {
        if (type == "idem.KeyClaimed" || type == "idem.KeyFinished") naming.emplace(from);
    }
    std::optional<std::string> fault() const;

    const std::string_view type;
    const json::object_reader from;
    const std::optional<key_hash> key;
    std::optional<key_naming> naming;
};

// One event held against the row of its key.
class key_change {
public:
    key_change(const key_event& e, reserved_rows& rows)
        : event_(e), from_(e.from), rows_(rows), hash_(*e.key) {
        auto found = read_key(rows, hash_);
        known_ = found.has_value();
        if (found) before_ = std::move(*found);
        after_ = before_;
    }

    void apply() {
        if (!change(event_.type)) return;
        write_key(rows_, hash_, known_ ? &before_ : nullptr, std::move(after_));
    }

private:
    bool is(key_state state) const { return known_ && state_of(before_) == state; }
    bool is_open() const { return !is_finished(before_) && !is(key_state::expired); }
    bool holds_lease() const { return known_ && number("fence") == before_.fence; }
    // Two stores may have known a key by two requests before their logs came together.
    bool contradicts() const {
        return known_ && blake2b::bytes_of(*event_.naming->request) != view_of(before_.request);
    }
    std::uint64_t number(std::string_view name) const { return from_.number(name).value_or(0); }
    void become(key_state state) { after_.state = static_cast<std::uint8_t>(state); }

    bool change(std::string_view type) {
        if (type == "idem.KeyClaimed") return claim();
        if (type == "idem.KeyFinished") return finish();
        if (!holds_lease() || !is_open()) return false;
        if (type == "idem.KeyResumed") return resume();
        if (is(key_state::dead)) return false;
        if (type == "idem.KeyDied") return die();
        if (type == "idem.KeyInDoubt") return doubt();
        if (!is(key_state::running)) return false;
        if (type == "idem.KeyRenewed") {
            after_.leased_until = number("leased_until");
        } else if (type == "idem.KeyCalling") {
            after_.calling = from_.text("call").value_or("");
        } else if (type == "idem.KeyReached") {
            after_.point = from_.text("point").value_or("");
            after_.data = to_bytes(from_.bytes("data").value_or(""));
            after_.calling.clear();
        } else if (type == "idem.KeyAbandoned") {
            become(key_state::abandoned);
            after_.reason = from_.text("reason").value_or("");
        } else {
            return false;
        }
        return true;
    }

    void identify() {
        const key_naming& as = *event_.naming;
        after_.owner = as.owner;
        after_.operation = as.operation;
        after_.name = as.name;
        after_.request.assign(as.request->begin(), as.request->end());
        const auto scope = blake2b::of({as.owner, as.operation});
        after_.scope.assign(scope.begin(), scope.end());
        after_.made = time_of_key(as.name);
        after_.started = number("at");
    }

    // A key that was forgotten is never taken for a new one, whoever says so.
    bool is_forgotten() const {
        const key_naming& as = *event_.naming;
        return !known_ && is_forgotten_key(rows_, as.owner, as.operation, time_of_key(as.name));
    }

    bool claim() {
        const bool free = !known_ || (is_open() && !is(key_state::dead));
        if (!free || number("fence") != before_.fence + 1 || contradicts()) return false;
        if (is_forgotten()) return false;
        if (!known_) identify();
        become(key_state::running);
        after_.fence = number("fence");
        ++after_.attempts;
        after_.attempts_max = static_cast<std::uint32_t>(number("attempts_max"));
        after_.leased_until = number("leased_until");
        after_.calling = from_.text("call").value_or("");
        after_.reason.clear();
        return true;
    }

    bool finish() {
        if (known_ && !is_open()) return false;
        if (number("fence") != before_.fence || contradicts() || is_forgotten()) return false;
        if (!known_) identify();
        become(from_.flag("rejected") ? key_state::rejected : key_state::completed);
        after_.result = to_bytes(from_.bytes("result").value_or(""));
        after_.events.clear();
        if (const auto events = from_.raw("events")) {
            json::each_item(*events, [this](json::kind type, std::string_view raw) {
                const auto id = type == json::kind::string ? uuid::parse(json::decode_string(raw))
                                                           : std::nullopt;
                if (id)
                    after_.events.insert(after_.events.end(), id->bytes.begin(), id->bytes.end());
            });
        }
        after_.finished = number("at");
        after_.expires = number("expires");
        after_.horizon = std::max(number("horizon"), after_.expires);
        after_.calling.clear();
        after_.point.clear();
        after_.data.clear();
        after_.reason.clear();
        return true;
    }

    bool die() {
        become(key_state::dead);
        after_.reason = from_.text("reason").value_or("");
        return true;
    }

    bool doubt() {
        if (is(key_state::in_doubt) || before_.calling.empty()) return false;
        become(key_state::in_doubt);
        return true;
    }

    bool resume() {
        become(key_state::abandoned);
        after_.attempts = 0;
        after_.calling.clear();
        after_.reason = from_.text("reason").value_or("");
        return true;
    }

    const key_event& event_;
    const json::object_reader& from_;
    reserved_rows& rows_;
    const key_hash hash_;
    bool known_ = false;
    key_row before_;
    key_row after_;
};

constexpr std::array<std::string_view, 9> key_types = {
    "idem.KeyClaimed", "idem.KeyRenewed",  "idem.KeyCalling",
    "idem.KeyReached", "idem.KeyFinished", "idem.KeyAbandoned",
    "idem.KeyInDoubt", "idem.KeyDied",     "idem.KeyResumed"};
constexpr std::string_view swept_type = "idem.KeysSwept";

// What dies tells why it was abandoned before, and so needs a little more.
constexpr std::size_t reason_bytes_max = limits::result_bytes_max + 1024;

// Decoded, no text is longer than it is in JSON, nor in base64: so most need not be decoded.
bool may_be_longer(const json::object_reader& from, std::string_view name, std::size_t bytes_max) {
    const auto raw = from.raw(name);
    return raw && raw->size() > bytes_max;
}
bool is_longer(const std::optional<std::string>& text, std::size_t bytes_max) {
    return text && text->size() > bytes_max;
}
bool has_longer_text(const json::object_reader& from, std::string_view name,
                     std::size_t bytes_max) {
    return may_be_longer(from, name, bytes_max) && is_longer(from.text(name), bytes_max);
}

std::size_t count_items(const json::object_reader& from, std::string_view member) {
    std::size_t count = 0;
    const auto items = from.raw(member);
    if (items) json::each_item(*items, [&count](json::kind, std::string_view) { ++count; });
    return count;
}

// Rows are read and written as a whole, so nothing in one may be large without bounds.
std::optional<std::string> excess_in(const json::object_reader& from) {
    for (const auto* const name : {"owner", "operation", "name", "call", "point"}) {
        if (has_longer_text(from, name, limits::name_bytes_max)) {
            return fmt::format("has too long a text {}", name);
        }
    }
    for (const std::string name : {"data", "result"}) {
        const auto bytes_max = limits::result_bytes_max;
        if ((may_be_longer(from, name, bytes_max) ||
             may_be_longer(from, name + "_base64", bytes_max)) &&
            is_longer(from.bytes(name), bytes_max)) {
            return fmt::format("has too large a {}", name);
        }
    }
    if (has_longer_text(from, "reason", reason_bytes_max)) return "has too long a reason";
    if (may_be_longer(from, "events", limits::events_per_key_max) &&
        count_items(from, "events") > limits::events_per_key_max) {
        return "has too many events";
    }
    return std::nullopt;
}

std::optional<std::string> fault_of_sweep(const json::object_reader& from) {
    const auto limit = from.number("limit").value_or(0);
    if (from.number("until") && limit >= 1 && limit <= sweep_limit_max) return std::nullopt;
    return fmt::format("has no numbers until and limit, which is 1 to {}", sweep_limit_max);
}

std::optional<std::string> key_event::fault() const {
    if (type == swept_type) return fault_of_sweep(from);
    if (std::find(key_types.begin(), key_types.end(), type) == key_types.end()) {
        return "is of no type that the stream $keys has";
    }
    if (!key) return "names no key";
    if (!from.number("fence")) return "has no fence";
    if (naming && !naming->request) return "has no request";
    if (naming && !naming->is_of(*key)) return "has a key that is not the hash of what it names";
    return excess_in(from);
}

}  // namespace

std::optional<std::string> key_fold::fault_of(std::string_view type, std::string_view data) const {
    return key_event(type, data).fault();
}

void key_fold::apply(const event_view& e, reserved_rows& rows) const {
    const std::string data(e.data());  // what is written moves what is read in place
    const std::string type(e.type());
    const key_event said(type, data);
    if (said.fault()) return;
    if (type == swept_type) {
        const std::uint64_t until = std::min(*said.from.number("until"), e.stamp().clock >> 16);
        const sweep_bounds bounds{until, *said.from.number("limit"),
                                  said.from.number("result_bytes_max")};
        sweep_keys(rows, find_swept(rows, bounds));
    } else {
        key_change(said, rows).apply();
    }
}

}  // namespace idem
