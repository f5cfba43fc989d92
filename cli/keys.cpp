// idem keys: what is known under idempotency keys, and what people do about those that stand still.
#include "idem/keys.hpp"

#include <fmt/format.h>

#include "exit_code.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "json_line.hpp"
#include "key_commands.hpp"
#include "nearest.hpp"
#include "open_store.hpp"
#include "table.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

json_line& time(json_line& line, std::string_view name, timestamp when) {
    return when == timestamp() ? line.null(name) : line.text(name, to_string(when));
}

void print_json(const key_info& key, session& s) {
    json_line line;
    line.text("id", key.id).text_or_null("owner", key.scope.owner);
    line.text_or_null("operation", key.scope.operation).text_or_null("key", key.key);
    line.text("state", to_string(key.state)).number("fence", key.fence);
    line.number("attempts", key.attempts).number("attempts_max", key.attempts_max);
    time(line, "started", key.started);
    time(line, "leased_until", key.leased_until);
    line.text_or_null("point", key.point).text_or_null("calling", key.calling);
    line.bytes("result", key.result);
    std::string events;
    for (const uuid& id : key.events) {
        events += (events.empty() ? "" : ",") + to_json_string(to_string(id));
    }
    line.json("events", "[" + events + "]").text_or_null("reason", key.reason);
    time(line, "finished", key.finished);
    time(line, "expires", key.expires);
    time(line, "horizon", key.horizon);
    s.out.write(line.str());
}

void print_for_people(const key_info& key, session& s) {
    std::vector<std::pair<std::string, std::string>> fields{{"id", key.id}};
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) fields.emplace_back(name, value);
    };
    const auto add_time = [&](const char* name, timestamp when) {
        if (when != timestamp()) fields.emplace_back(name, to_string(when));
    };
    add("owner", key.scope.owner);
    add("operation", key.scope.operation);
    add("key", key.key);
    add("state", std::string(to_string(key.state)));
    if (key.attempts > 0) {
        add("attempts", fmt::format("{} of {}", key.attempts, key.attempts_max));
    }
    add_time("started", key.started);
    add_time("leased until", key.leased_until);
    add("point", key.point);
    add("calling", key.calling);
    add("result", key.result);
    for (const uuid& id : key.events) add("event", to_string(id));
    add("reason", key.reason);
    add_time("finished", key.finished);
    add_time("expires", key.expires);
    add_time("too old from", key.horizon);
    print_fields(s, fields);
}

key_info find(store& in, const named_key& named) {
    const bool by_name = !named.owner.empty() || !named.operation.empty() || !named.key.empty();
    if (by_name == !named.id.empty()) {
        throw error(errc::invalid_input, "give the ID of a key, or --owner, --operation and --key");
    }
    const auto found = by_name ? in.keys().find({named.owner, named.operation}, named.key)
                               : in.keys().find(named.id);
    if (found) return *found;
    throw error(errc::not_found, fmt::format("there is no key {}; `idem keys list` shows them",
                                             by_name ? fmt::format("{} of {} for {}", named.key,
                                                                   named.owner, named.operation)
                                                     : named.id));
}

void print(const key_info& key, session& s) {
    if (s.json) {
        print_json(key, s);
    } else {
        print_for_people(key, s);
    }
}

// Lets a person settle a key, and prints what it is then.
template <class Settle>
int settle(const named_key& named, session& s, Settle&& how) {
    store to = open_to_write(named.store);
    const key_info before = find(to, named);
    auto keys = to.keys();
    how(keys, before.id);
    print(*keys.find(before.id), s);
    return success;
}

}  // namespace

int run(const keys_list_options& options, session& s) {
    const auto state =
        parse_state(options.state, parse_key_state, key_state::running, key_state::expired);
    store from = open_to_read(options.store);
    table people(s, {{"id", align::left, false, true},
                     {"state"},
                     {"owner"},
                     {"operation"},
                     {"key", align::left, true},
                     {"attempts", align::right}});
    std::uint64_t left = options.limit.value_or(~0ULL);
    constexpr std::size_t page = 1000;
    std::string after;
    for (;;) {
        const auto keys = from.keys().list(state, after, page);
        for (const auto& key : keys) {
            if (!options.owner.empty() && key.scope.owner != options.owner) continue;
            if (!options.operation.empty() && key.scope.operation != options.operation) continue;
            if (left == 0) break;
            --left;
            if (s.json) {
                print_json(key, s);
            } else {
                people.add({key.id, std::string(to_string(key.state)), key.scope.owner,
                            key.scope.operation, key.key, std::to_string(key.attempts)});
            }
        }
        if (keys.size() < page || left == 0) break;
        after = keys.back().id;
    }
    people.finish("keys");
    return success;
}

int run(const keys_show_options& options, session& s) {
    store from = open_to_read(options.store);
    print(find(from, options), s);
    return success;
}

int run(const keys_resume_options& options, session& s) {
    return settle(options, s,
                  [&](keys& k, const std::string& id) { k.resume(id, options.reason); });
}
int run(const keys_discard_options& options, session& s) {
    return settle(options, s,
                  [&](keys& k, const std::string& id) { k.discard(id, options.reason); });
}
int run(const keys_complete_options& options, session& s) {
    return settle(options, s,
                  [&](keys& k, const std::string& id) { k.complete(id, options.result); });
}

int run(const keys_sweep_options& options, session& s) {
    const sweep_options wanted{.limit = rows_of_a_step(options),
                               .result_bytes_max = options.result_bytes_max};
    store to = open_to_write(options.store);
    sweep_result sum;
    sum.more = sweep_in_steps(options, [&] {
        const sweep_result step = to.keys().sweep(wanted);
        sum.expired += step.expired;
        sum.evicted += step.evicted;
        sum.forgotten += step.forgotten;
        return step.more;
    });
    const std::uint64_t swept = sum.expired + sum.evicted + sum.forgotten;
    if (s.json) {
        json_line line;
        line.number("swept", swept).number("expired", sum.expired).number("evicted", sum.evicted);
        line.number("forgotten", sum.forgotten).flag("more", sum.more);
        s.out.write(line.str());
    } else {
        print_fields(s, {{"swept", with_commas(swept)},
                         {"expired", with_commas(sum.expired)},
                         {"evicted", with_commas(sum.evicted)},
                         {"forgotten", with_commas(sum.forgotten)}});
        tell_of_more(sum.more, s);
    }
    return success;
}

}  // namespace idem::cli
