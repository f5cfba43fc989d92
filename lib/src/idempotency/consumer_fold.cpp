#include "idempotency/consumer_fold.hpp"

#include <algorithm>
#include <array>

#include "base/json_object.hpp"
#include "idem/limits.hpp"
#include "idempotency/consumer_check.hpp"
#include "idempotency/row.hpp"

namespace idem {
namespace {

constexpr std::array<std::string_view, 6> consumer_types = {
    "idem.ConsumerCreated", "idem.ConsumerAdvanced", "idem.ConsumerReset",
    "idem.ConsumerDropped", "idem.ConsumerLeased",   "idem.ConsumerReleased"};
constexpr std::array<std::string_view, 2> source_types = {"idem.SourceIngested",
                                                          "idem.SourceReset"};

template <std::size_t Size>
bool is_one_of(const std::array<std::string_view, Size>& types, std::string_view type) {
    return std::find(types.begin(), types.end(), type) != types.end();
}

std::vector<std::uint8_t> to_bytes(const uuid& id) {
    return {id.bytes.begin(), id.bytes.end()};
}

// What an event of the stream says.
class said {
public:
    explicit said(std::string_view data) : from_(data) {}

    std::string text(std::string_view name) const { return from_.text(name).value_or(""); }
    std::optional<std::string> bytes(std::string_view name) const { return from_.bytes(name); }
    std::optional<std::uint64_t> known_number(std::string_view name) const {
        return from_.number(name);
    }
    std::uint64_t number(std::string_view name) const { return from_.number(name).value_or(0); }
    bool flag(std::string_view name) const { return from_.flag(name); }
    // Empty where there is none.
    std::vector<std::uint8_t> id(std::string_view name) const {
        const auto id = uuid::parse(text(name));
        return id ? to_bytes(*id) : std::vector<std::uint8_t>();
    }
    std::vector<std::string> texts(std::string_view name) const {
        std::vector<std::string> found;
        const auto raw = from_.raw(name);
        if (!raw || json::kind_of(*raw) != json::kind::array) return found;
        json::each_item(*raw, [&found](json::kind type, std::string_view item) {
            if (type == json::kind::string) found.push_back(json::decode_string(item));
        });
        return found;
    }

private:
    json::object_reader from_;
};

std::vector<std::uint8_t> state_in(const said& from) {
    const std::string state = from.bytes("state").value_or("");
    return {state.begin(), state.end()};
}

consumer_row created(const said& from) {
    consumer_row row;
    row.stream = from.text("stream");
    row.types = from.texts("types");
    row.tags = from.texts("tags");
    row.correlation = from.text("correlation");
    row.reserved = from.flag("reserved");
    row.start = static_cast<std::uint8_t>(from.number("start"));
    row.from = from.number("from");
    row.limit = static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(from.number("limit"), 1, limits::batch_events_max));
    row.event = from.id("event");
    row.created = from.number("at");
    return row;
}

// False: it has no effect.
bool change(consumer_row& row, std::string_view type, const said& from) {
    if (type == "idem.ConsumerLeased") {
        const std::uint64_t fence = from.number("fence");
        const bool again = fence == row.fence && row.holder == from.text("holder");
        if (!again && fence != row.fence + 1) return false;
        row.holder = from.text("holder");
        row.fence = fence;
        row.leased_until = from.number("leased_until");
        return true;
    }
    if (type == "idem.ConsumerReleased") {
        if (from.number("fence") != row.fence || row.holder.empty()) return false;
        row.holder.clear();
        row.leased_until = 0;
        return true;
    }
    if (from.id("after") != row.version) return false;
    if (type == "idem.ConsumerAdvanced") {
        const auto fence = from.known_number("fence");
        if (fence && *fence != row.fence) return false;
        row.event = from.id("event");
        row.delivered = from.id("delivered");
        row.state = state_in(from);
        ++row.advances;
        row.events += from.number("events");
        row.advanced = from.number("at");
        if (fence) row.leased_until = std::max(row.leased_until, from.number("leased_until"));
        return true;
    }
    if (type == "idem.ConsumerReset") {
        row.event = from.id("event");
        row.delivered.clear();
        row.state = state_in(from);
        row.reason = from.text("reason");
        return true;
    }
    return false;
}

void apply_to_consumer(std::string_view type, const uuid& id, const said& from,
                       reserved_rows& rows) {
    const std::string key = std::string(consumer_rows_prefix) + from.text("name");
    const auto known = rows.get(key);
    if (type == "idem.ConsumerCreated") {
        if (known) return;
        consumer_row row = created(from);
        row.version = to_bytes(id);
        rows.put(key, pack<wire::ConsumerRow>(row));
        return;
    }
    if (!known) return;
    consumer_row row = unpack<wire::ConsumerRow>(*known);
    if (type == "idem.ConsumerDropped") {
        if (from.id("after") == row.version) rows.erase(key);
        return;
    }
    if (!change(row, type, from)) return;
    const bool moved = type == "idem.ConsumerAdvanced" || type == "idem.ConsumerReset";
    if (moved) row.version = to_bytes(id);
    rows.put(key, pack<wire::ConsumerRow>(row));
}

void apply_to_source(std::string_view type, const said& from, reserved_rows& rows) {
    const std::string key = std::string(source_rows_prefix) + from.text("source");
    const auto known = rows.get(key);
    source_row row = known ? unpack<wire::SourceRow>(*known) : source_row{};
    const auto position = from.known_number("position");
    if (type == "idem.SourceIngested") {
        if (row.known && *position <= row.position) return;
        ++row.deliveries;
        row.events += from.number("events");
        row.ingested = from.number("at");
    } else {
        row.reason = from.text("reason");
    }
    row.known = position.has_value();
    row.position = position.value_or(0);
    rows.put(key, pack<wire::SourceRow>(row));
}

bool is_name(const std::string& name) {
    return !name.empty() && name.size() <= limits::name_bytes_max;
}

// Why the fold can make nothing of it. An event that stands in a log has its effect all the same
// where it could not be appended now.
std::optional<std::string> fault_in(std::string_view type, const said& from) {
    if (is_one_of(source_types, type)) {
        if (!is_name(from.text("source"))) return "names no source";
        if (type == "idem.SourceIngested" && !from.known_number("position")) {
            return "has no position";
        }
        return std::nullopt;
    }
    if (!is_one_of(consumer_types, type)) return "is of no type that the stream $consumers has";
    if (!is_name(from.text("name"))) return "names no consumer";
    const bool follows = type == "idem.ConsumerAdvanced" || type == "idem.ConsumerReset" ||
                         type == "idem.ConsumerDropped";
    if (follows && from.id("after").empty()) return "does not name the event that it comes after";
    if (type == "idem.ConsumerAdvanced" && from.id("event").empty()) return "names no event";
    const bool leases = type == "idem.ConsumerLeased" || type == "idem.ConsumerReleased";
    if (leases && !from.known_number("fence")) return "has no fence";
    if (type == "idem.ConsumerLeased" && !is_name(from.text("holder"))) return "names no holder";
    return std::nullopt;
}

}  // namespace

uuid id_in(const std::vector<std::uint8_t>& bytes) noexcept {
    uuid id;
    if (bytes.size() == id.bytes.size()) std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
    return id;
}

std::optional<std::string> consumer_fold::fault_of(std::string_view type,
                                                   std::string_view data) const {
    const said from(data);
    if (auto fault = fault_in(type, from)) return fault;
    const char* const named = is_one_of(source_types, type) ? "source" : "name";
    if (const auto why = fault_of_name(from.text(named)))
        return std::string("has a name that ") + *why;
    if (type == "idem.ConsumerLeased") {
        if (const auto why = fault_of_name(from.text("holder"))) return "has a holder that " + *why;
    }
    if (type != "idem.ConsumerCreated") return std::nullopt;
    return fault_of_creation(json::object_reader(data));
}

void consumer_fold::apply(const event_view& e, reserved_rows& rows) const {
    const std::string data(e.data());  // what is written moves what is read in place
    const std::string type(e.type());
    const uuid id = e.id();
    const said from(data);
    if (fault_in(type, from)) return;
    if (is_one_of(source_types, type)) {
        apply_to_source(type, from, rows);
    } else {
        apply_to_consumer(type, id, from, rows);
    }
}

}  // namespace idem
