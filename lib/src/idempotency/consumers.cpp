// Consumers as they are made, listed, set and dropped.
#include "idempotency/consumers.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idempotency/consumer_check.hpp"
#include "idempotency/keys.hpp"
#include "idempotency/row.hpp"
#include "storage/cursor.hpp"

namespace idem {
namespace {

[[noreturn]] void refuse(const char* field, const std::string& why) {
    throw error(errc::invalid_input, fmt::format("{} {}", field, why), {.field = field});
}

void make_set(std::vector<std::string>& texts) {
    std::sort(texts.begin(), texts.end());
    texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
}

// In one spelling, so that two which mean the same are equal.
consumer_options checked(consumer_options options) {
    if (const auto fault = fault_of_options(options)) refuse(fault->field, fault->why);
    consumer_filter& filter = options.filter;
    make_set(filter.types);
    make_set(filter.tags);
    if (filter.stream) filter.reserved = false;
    if (options.start != consumer_start::position) options.from = 0;
    return options;
}

consumer_options options_of(const consumer_row& row) {
    return {.filter = filter_of(row),
            .start = static_cast<consumer_start>(row.start),
            .from = row.from,
            .limit = row.limit};
}

const char* first_difference_of(const consumer_options& a, const consumer_options& b) {
    if (a.filter.stream != b.filter.stream) return "stream";
    if (a.filter.types != b.filter.types) return "types";
    if (a.filter.tags != b.filter.tags) return "tags";
    if (a.filter.correlation_id != b.filter.correlation_id) return "correlation_id";
    if (a.filter.reserved != b.filter.reserved) return "reserved";
    if (a.limit != b.limit) return "limit";
    return "start";
}

std::string json_list(const std::vector<std::string>& texts) {
    std::string list = "[";
    for (const auto& text : texts) {
        if (list.size() > 1) list += ',';
        json::append_string(list, text);
    }
    return list + "]";
}

void require_within(std::uint64_t position, std::uint64_t head) {
    if (position <= head) return;
    throw error(errc::invalid_input,
                fmt::format("position {} is beyond the head of the log, {}", position, head),
                {.position = position});
}

json::object_writer describe_options(std::string_view name, const consumer_options& options) {
    json::object_writer data;
    data.text("name", name);
    if (options.filter.stream) data.text("stream", *options.filter.stream);
    if (!options.filter.types.empty()) data.raw("types", json_list(options.filter.types));
    if (!options.filter.tags.empty()) data.raw("tags", json_list(options.filter.tags));
    if (options.filter.correlation_id) data.text("correlation", *options.filter.correlation_id);
    if (options.filter.reserved) data.flag("reserved", true);
    data.number("start", static_cast<std::uint64_t>(options.start));
    if (options.from != 0) data.number("from", options.from);
    data.number("limit", options.limit);
    return data;
}

// The state that a reset leaves. Whoever goes back is to say what it was then, for each event
// behind the checkpoint will have its effect once more.
std::string state_after_reset(const consumer_standing& now, std::uint64_t checkpoint,
                              const std::optional<std::string>& given) {
    if (given) return *given;
    if (checkpoint == 0 || now.row.state.empty()) return {};
    if (!now.lost && checkpoint >= now.checkpoint) return std::string(view_of(now.row.state));
    throw error(errc::invalid_input,
                fmt::format("the consumer has a state, and what it was at position {} is not kept: "
                            "give the state too, or go back to 0",
                            checkpoint),
                {.field = "state"});
}

std::uint64_t position_of(const transaction::state& s, const uuid& event) {
    if (const auto position = s.log.known.find_id(event)) return *position;
    throw error(errc::not_found, fmt::format("the log has no event {}", to_string(event)));
}

}  // namespace

void check_consumer_name(const char* field, std::string_view text) {
    if (const auto why = fault_of_name(text)) refuse(field, *why);
}

std::string consumer_key(std::string_view name) {
    return std::string(consumer_rows_prefix).append(name);
}
std::string source_key(std::string_view name) {
    return std::string(source_rows_prefix).append(name);
}

consumer_filter filter_of(const consumer_row& row) {
    consumer_filter filter;
    if (!row.stream.empty()) filter.stream = row.stream;
    filter.types = row.types;
    filter.tags = row.tags;
    if (!row.correlation.empty()) filter.correlation_id = row.correlation;
    filter.reserved = row.reserved;
    return filter;
}

event consumers::impl::make_event(std::string_view type, std::string_view about, std::string data) {
    event e;
    e.stream = consumers_stream;
    e.type = type;
    e.data = std::move(data);
    e.correlation_id = about;
    return e;
}

void consumers::impl::append(const transactor::work& add) const {
    const auto appended = transactor_.run(add);
    if (appended.rejection) throw error(errc::corrupt, appended.rejection->message());
}

std::optional<std::string> consumers::impl::row(const transaction::state& s,
                                                std::string_view key) const {
    return open_reserved(s.log, fold_).get(key);
}

uuid consumers::impl::id_at(const transaction::state& s, std::uint64_t position) const {
    require_within(position, s.log.head.position);
    if (position == 0) return uuid::nil();
    return record_at(s.log.txn, tables(), position).id();
}

// An event that was covered may be missing where a part of a log was imported. The last that the
// consumer was given does as well: up to the one that was covered there was nothing else for it.
consumer_standing consumers::impl::stand(const storage::transaction& txn, const index_view& known,
                                         consumer_row row) const {
    consumer_standing standing{.row = std::move(row), .head = head_of(txn, tables())};
    if (standing.row.event.empty()) return standing;
    auto position = known.find_id(id_in(standing.row.event));
    if (!position && !standing.row.delivered.empty()) {
        position = known.find_id(id_in(standing.row.delivered));
    }
    standing.checkpoint = position.value_or(0);
    standing.lost = !position;
    return standing;
}

namespace {

consumer_standing require_sound(std::optional<consumer_standing> found, std::string_view name) {
    if (!found) {
        throw error(errc::not_found,
                    fmt::format("there is no consumer {}; `idem consumers list` shows them",
                                text::shown(name)));
    }
    if (!found->lost) return std::move(*found);
    throw error(errc::stale,
                fmt::format("the consumer {} stands at the event {}, which this log does not have: "
                            "only a part of its log was imported; reset it to where it is to go on",
                            text::shown(name), to_string(id_in(found->row.event))));
}

}  // namespace

consumer_standing consumers::impl::require(const transaction::state& s,
                                           std::string_view name) const {
    const auto found = row(s, consumer_key(name));
    if (!found) return require_sound(std::nullopt, name);
    auto standing = stand(s.log.txn, s.log.known, unpack<wire::ConsumerRow>(*found));
    standing.head = s.log.head.position;
    return require_sound(std::move(standing), name);
}

std::optional<consumer_standing> consumers::impl::find(std::string_view name) const {
    check_consumer_name("name", name);
    const auto table = find_reserved(env(), fold_);
    if (!table) return std::nullopt;
    const storage::read_transaction txn(env());
    const auto found = txn.get(*table, consumer_key(name));
    if (!found) return std::nullopt;
    return stand(txn, index_view(txn, tables()), unpack<wire::ConsumerRow>(*found));
}

consumer_standing consumers::impl::require(std::string_view name) const {
    return require_sound(find(name), name);
}

std::vector<std::pair<std::string, std::string>> consumers::impl::rows(std::string_view prefix,
                                                                       std::string_view after,
                                                                       std::size_t limit) const {
    std::vector<std::pair<std::string, std::string>> found;
    const auto table = find_reserved(env(), fold_);
    if (!table) return found;
    std::string from = std::string(prefix).append(after);
    if (!after.empty()) from += '\0';
    const storage::read_transaction txn(env());
    storage::cursor all(txn, *table);
    for (auto row = all.seek(from); row && row->first.starts_with(prefix) && found.size() < limit;
         row = all.next()) {
        found.emplace_back(row->first.substr(prefix.size()), row->second);
    }
    return found;
}

consumer_info consumers::impl::describe(std::string name, const consumer_standing& standing) const {
    constexpr std::uint64_t counted_max = 10'000;  // positions
    const consumer_row& row = standing.row;
    consumer_info info;
    info.name = std::move(name);
    info.options = options_of(row);
    info.checkpoint = standing.checkpoint;
    info.event = id_in(row.event);
    info.lost = standing.lost;
    info.lag = standing.head - standing.checkpoint;
    const std::uint64_t to = std::min(standing.head, standing.checkpoint + counted_max);
    info.waiting = selected(row, standing.checkpoint, to, counted_max).size();
    info.state = view_of(row.state);
    info.advances = row.advances;
    info.events = row.events;
    info.holder = row.holder;
    info.fence = row.fence;
    info.leased_until = from_milliseconds(row.leased_until);
    info.created = from_milliseconds(row.created);
    info.advanced = from_milliseconds(row.advanced);
    info.reason = row.reason;
    return info;
}

bool consumers::create(std::string_view name, const consumer_options& options) {
    check_consumer_name("name", name);
    const consumer_options wanted = checked(options);
    bool made = false;
    impl_.append([&](transaction::state& s) {
        made = false;
        if (const auto known = impl_.row(s, consumer_key(name))) {
            const auto kept = options_of(unpack<wire::ConsumerRow>(*known));
            if (kept == wanted) return;
            const char* const field = first_difference_of(kept, wanted);
            throw error(errc::invalid_input,
                        fmt::format("the consumer {} is there with other options: {} differs; drop "
                                    "it, or give this one another name",
                                    text::shown(name), field),
                        {.field = field});
        }
        std::uint64_t checkpoint = 0;
        if (wanted.start == consumer_start::end) checkpoint = s.log.head.position;
        if (wanted.start == consumer_start::position) checkpoint = wanted.from - 1;
        auto data = describe_options(name, wanted);
        if (checkpoint != 0) data.text("event", to_string(impl_.id_at(s, checkpoint)));
        data.number("at", s.at_ms());
        s.events.push_back(impl::make_event("idem.ConsumerCreated", name, data.str()));
        made = true;
    });
    return made;
}

std::optional<consumer_info> consumers::find(std::string_view name) const {
    const auto found = impl_.find(name);
    return found ? std::optional(impl_.describe(std::string(name), *found)) : std::nullopt;
}

std::vector<consumer_info> consumers::list(std::string_view after, std::size_t limit) const {
    std::vector<consumer_info> listed;
    for (const auto& [name, row] : impl_.rows(consumer_rows_prefix, after, limit)) {
        if (auto info = find(name)) listed.push_back(std::move(*info));
    }
    return listed;
}

void consumers::drop(std::string_view name) {
    impl_.append([&](transaction::state& s) {
        const auto known = impl_.row(s, consumer_key(name));
        if (!known) require_sound(std::nullopt, name);
        json::object_writer data;
        data.text("name", name);
        data.text("after", to_string(id_in(unpack<wire::ConsumerRow>(*known).version)));
        s.events.push_back(impl::make_event("idem.ConsumerDropped", name, data.str()));
    });
}

void consumers::reset(std::string_view name, const consumer_reset& to) {
    if (to.checkpoint.has_value() == to.event.has_value()) {
        refuse("checkpoint", "is to be given as a position or as an event, one of them");
    }
    if (to.state && to.state->size() > limits::result_bytes_max) {
        refuse("state", fmt::format("has {} bytes; the limit is {}", to.state->size(),
                                    limits::result_bytes_max));
    }
    impl_.append([&](transaction::state& s) {
        const auto known = impl_.row(s, consumer_key(name));
        if (!known) require_sound(std::nullopt, name);
        const auto now = impl_.stand(s.log.txn, s.log.known, unpack<wire::ConsumerRow>(*known));
        const std::uint64_t checkpoint =
            to.event ? position_of(s, *to.event) : to.checkpoint.value_or(0);
        const uuid event = impl_.id_at(s, checkpoint);
        json::object_writer data;
        data.text("name", name).text("after", to_string(now.version()));
        data.number("position", checkpoint);
        if (!event.is_nil()) data.text("event", to_string(event));
        data.bytes("state", state_after_reset(now, checkpoint, to.state));
        data.text("reason", to.reason);
        s.events.push_back(impl::make_event("idem.ConsumerReset", name, data.str()));
    });
}

}  // namespace idem
