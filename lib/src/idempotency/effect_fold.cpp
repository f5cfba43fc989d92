#include "idempotency/effect_fold.hpp"

#include <algorithm>
#include <array>

#include "base/clock.hpp"
#include "base/json_object.hpp"
#include "idem/limits.hpp"
#include "idempotency/effect_rows.hpp"
#include "idempotency/row.hpp"

namespace idem {
namespace {

constexpr std::string_view declared_type = "idem.EffectDeclared";
constexpr std::string_view swept_type = "idem.EffectsSwept";
constexpr std::array<std::string_view, 8> changing_types = {
    "idem.EffectAttempted", "idem.EffectDone",    "idem.EffectFailed",    "idem.EffectDead",
    "idem.EffectUnknown",   "idem.EffectResumed", "idem.EffectDiscarded", "idem.EffectCompensated"};

std::vector<std::uint8_t> to_bytes(std::string_view text) {
    return {text.begin(), text.end()};
}

std::optional<uuid> id_in(const json::object_reader& from, std::string_view member) {
    return uuid::parse(from.text(member).value_or(""));
}

std::optional<std::uint8_t> delivery_in(const json::object_reader& from) {
    const auto name = from.text("delivery");
    for (const auto known :
         {delivery::at_least_once, delivery::at_most_once, delivery::probe_then_retry}) {
        if (name == to_string(known)) return static_cast<std::uint8_t>(known);
    }
    return std::nullopt;
}

std::uint64_t sum(std::uint64_t a, std::uint64_t b) noexcept {
    return a > ~0ULL - b ? ~0ULL : a + b;
}

// A row as the event declares it; nullopt where the event's id is not that of what it declares.
std::optional<effect_row> read_declaration(const event_view& e, const json::object_reader& from) {
    const auto event_id = id_in(from, "event");
    const auto index = static_cast<std::uint32_t>(from.number("index").value_or(0));
    effect_row row;
    row.name = from.text("name").value_or("");
    if (!event_id || e.id() != effect_id(*event_id, row.name, index)) return std::nullopt;
    row.event.assign(event_id->bytes.begin(), event_id->bytes.end());
    row.index = index;
    row.payload = to_bytes(from.bytes("payload").value_or(""));
    row.content_type = from.text("content_type").value_or("");
    row.order_key = from.text("order_key").value_or("");
    row.sequence = e.revision();
    row.delivery = delivery_in(from).value_or(0);
    row.attempts_max = static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(from.number("attempts_max").value_or(1), 1, ~0U));
    row.backoff_first = from.number("backoff_first").value_or(0);
    row.backoff_max = from.number("backoff_max").value_or(0);
    row.state = static_cast<std::uint8_t>(effect_state::due);
    row.declared = wall_clock::milliseconds_of(e.time());
    row.due = sum(row.declared, from.number("delay").value_or(0));
    return row;
}

// One event held against the row of its effect; false: it changes nothing.
class effect_change {
public:
    effect_change(const json::object_reader& from, effect_row& row) : from_(from), row_(row) {}

    bool apply(std::string_view type) {
        const std::uint64_t fence = number("fence");
        if (type == "idem.EffectAttempted") return fence == row_.fence + 1 && attempt();
        if (fence != row_.fence) return false;
        if (type == "idem.EffectFailed") return fail();
        if (type == "idem.EffectResumed") return resume();
        if (type == "idem.EffectDone") return is_open() && done();
        if (type == "idem.EffectDead") return is_waiting(now()) && become(effect_state::dead);
        if (type == "idem.EffectUnknown") {
            return is_waiting(now()) && become(effect_state::unknown);
        }
        if (type == "idem.EffectDiscarded") return is_open() && finish(effect_state::discarded);
        if (type == "idem.EffectCompensated") {
            const bool may_be_done = now() == effect_state::done || stands_still(now());
            return may_be_done && finish(effect_state::compensated);
        }
        return false;
    }

private:
    effect_state now() const { return state_of(row_); }
    bool is_open() const { return !is_finished(now()); }
    std::uint64_t number(std::string_view name) const { return from_.number(name).value_or(0); }

    bool become(effect_state state) {
        row_.state = static_cast<std::uint8_t>(state);
        row_.reason = from_.text("reason").value_or("");
        return true;
    }
    bool attempt() {
        if (!is_waiting(now())) return false;
        row_.fence = number("fence");
        ++row_.attempts;
        row_.leased_until = number("leased_until");
        row_.in_doubt = false;
        return become(effect_state::attempted);
    }
    bool fail() {
        if (now() != effect_state::attempted) return false;
        row_.due = number("due");
        row_.in_doubt = from_.flag("in_doubt");
        return become(effect_state::failed);
    }
    bool resume() {
        if (!stands_still(now()) && now() != effect_state::failed) return false;
        row_.attempts = 0;
        row_.due = number("due");
        row_.in_doubt = false;
        return become(effect_state::due);
    }
    bool finish(effect_state state) {
        row_.finished = number("at");
        row_.payload.clear();
        row_.in_doubt = false;
        return become(state);
    }
    bool done() {
        finish(effect_state::done);
        row_.result = to_bytes(from_.bytes("result").value_or(""));
        return true;
    }

    const json::object_reader& from_;
    effect_row& row_;
};

// Rows are read and written as a whole, so nothing in one may be large without bounds. What is
// given up without an attempt tells why the last one failed, and so needs a little more.
std::optional<std::string> excess_in(const json::object_reader& from) {
    constexpr std::size_t reason_bytes_max = limits::result_bytes_max + 1024;
    const auto is_longer = [](const std::optional<std::string>& text, std::size_t bytes_max) {
        return text && text->size() > bytes_max;
    };
    for (const auto* const name : {"name", "content_type", "order_key"}) {
        if (is_longer(from.text(name), limits::name_bytes_max)) {
            return std::string("has too long a text ") + name;
        }
    }
    for (const auto* const name : {"payload", "result"}) {
        if (is_longer(from.bytes(name), limits::result_bytes_max)) {
            return std::string("has too large a ") + name;
        }
    }
    if (is_longer(from.text("reason"), reason_bytes_max)) return "has too long a reason";
    return std::nullopt;
}

std::optional<std::string> fault_in(std::string_view type, const json::object_reader& from) {
    if (type == swept_type) {
        if (from.number("until") && from.number("limit")) return std::nullopt;
        return "has no numbers until and limit";
    }
    if (type == declared_type) {
        if (!id_in(from, "event")) return "names no event";
        if (from.text("name").value_or("").empty()) return "names no effect";
        if (from.number("index").value_or(~0ULL) > ~0U) return "has no index";
        if (!delivery_in(from)) return "names no delivery that is known";
        return excess_in(from);
    }
    if (std::find(changing_types.begin(), changing_types.end(), type) == changing_types.end()) {
        return "is of no type that the stream $effects has";
    }
    if (!id_in(from, "effect")) return "names no effect";
    if (!from.number("fence")) return "has no fence";
    return excess_in(from);
}

}  // namespace

std::optional<std::string> effect_fold::fault_of(std::string_view type,
                                                 std::string_view data) const {
    return fault_in(type, json::object_reader(data));
}

void effect_fold::apply(const event_view& e, reserved_rows& rows) const {
    const std::string data(e.data());  // what is written moves what is read in place
    const std::string type(e.type());
    const json::object_reader from(data);
    if (fault_in(type, from)) return;
    if (type == swept_type) {
        // Bounded as key_fold.hpp tells.
        const std::uint64_t until = std::min(*from.number("until"), e.stamp().clock >> 16);
        const sweep_until bounds{until, *from.number("limit")};
        for (const auto& id : find_swept_effects(rows, bounds)) forget_effect(rows, id);
    } else if (type == declared_type) {
        const auto row = read_declaration(e, from);
        if (row) write_effect(rows, e.id(), nullptr, *row);
    } else {
        const uuid id = *id_in(from, "effect");
        const auto before = find_effect(rows, id);
        if (!before) return;
        effect_row after = *before;
        if (effect_change(from, after).apply(type)) write_effect(rows, id, &*before, after);
    }
}

}  // namespace idem
