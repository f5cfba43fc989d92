// idem effects: what events have declared, and what becomes of it.
#include "idem/effects.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "effects_commands.hpp"
#include "exit_code.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "json_line.hpp"
#include "nearest.hpp"
#include "open_store.hpp"
#include "table.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

std::size_t count_of(std::string_view what, std::string_view text) {
    std::size_t count = 0;
    for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) {
        ++count;
    }
    return count;
}

// As text where it is UTF-8, which printing leaves as it is; else as base64.
void add_bytes(json_line& line, const std::string& name, const std::string& bytes) {
    if (count_of(replacement, to_json_string(bytes)) == count_of(replacement, bytes)) {
        line.text(name, bytes);
    } else {
        line.text(name + "_base64", to_base64(bytes));
    }
}

void add_time(json_line& line, std::string_view name, bool known, timestamp time) {
    if (known) {
        line.text(name, to_string(time));
    } else {
        line.null(name);
    }
}

bool is_finished(const effect_info& e) {
    return e.state == effect_state::done || e.state == effect_state::discarded ||
           e.state == effect_state::compensated;
}
bool has_due_time(const effect_info& e) {
    return e.state == effect_state::due || e.state == effect_state::failed;
}

json_line describe(const effect_info& e) {
    json_line line;
    line.text("id", to_string(e.id)).text("event", to_string(e.event)).text("name", e.name);
    line.number("index", e.index).text("state", to_string(e.state)).number("attempt", e.attempt);
    line.number("attempts", e.attempts).number("attempts_max", e.attempts_max);
    line.text("delivery", to_string(e.delivery)).text_or_null("order_key", e.order_key);
    line.text("content_type", e.content_type).text("declared", to_string(e.declared));
    add_time(line, "due", has_due_time(e), e.due);
    add_time(line, "leased_until", e.state == effect_state::attempted, e.leased_until);
    add_time(line, "finished", is_finished(e), e.finished);
    line.text_or_null("reason", e.reason);
    return line;
}

void print_whole(const effect_info& e, session& s) {
    if (s.json) {
        json_line line = describe(e);
        add_bytes(line, "payload", e.payload);
        add_bytes(line, "result", e.result);
        s.out.write(line.str());
        return;
    }
    std::vector<std::pair<std::string, std::string>> fields{
        {"id", to_string(e.id)},
        {"name", fmt::format("{} #{}", e.name, e.index)},
        {"event", to_string(e.event)},
        {"state", std::string(to_string(e.state))},
        {"attempts", fmt::format("{} of {}; {} in all", e.attempts, e.attempts_max, e.attempt)},
        {"delivery", std::string(to_string(e.delivery))},
        {"declared", to_string(e.declared)}};
    if (!e.order_key.empty()) fields.emplace_back("order key", e.order_key);
    if (has_due_time(e)) fields.emplace_back("due", to_string(e.due));
    if (e.state == effect_state::attempted) {
        fields.emplace_back("leased until", to_string(e.leased_until));
    }
    if (is_finished(e)) fields.emplace_back("finished", to_string(e.finished));
    if (!e.reason.empty()) fields.emplace_back("reason", e.reason);
    if (!is_finished(e)) {
        fields.emplace_back("content type", e.content_type);
        fields.emplace_back("payload", e.payload);
    }
    if (!e.result.empty()) fields.emplace_back("result", e.result);
    print_fields(s, fields);
}

uuid parse_effect_id(const std::string& text) {
    if (const auto id = uuid::parse(text)) return *id;
    throw error(
        errc::invalid_input,
        fmt::format("{} is no id of an effect: give its UUID, as `idem effects list` tells it",
                    printable(text)));
}

effect_info require_effect(store& from, const uuid& id) {
    if (auto found = from.effects().find(id)) return std::move(*found);
    throw error(errc::not_found,
                fmt::format("no effect has the id {}; `idem effects list` lists them, and those "
                            "that were swept are in the log alone",
                            to_string(id)));
}

template <class Change>
int settle(const effects_settle_options& options, session& s, Change change) {
    const uuid id = parse_effect_id(options.id);
    store to = open_to_write(options.store);
    change(to.effects(), id);
    print_whole(require_effect(to, id), s);
    return success;
}

effect_filter to_filter(const effects_list_options& options) {
    effect_filter filter;
    filter.name = options.name;
    filter.state = parse_state(options.state, parse_effect_state, effect_state::due,
                               effect_state::compensated);
    return filter;
}

}  // namespace

int run(const effects_list_options& options, session& s) {
    effect_filter filter = to_filter(options);
    store from = open_to_read(options.store);
    table people(s, {{"id", align::left, false, true},
                     {"name"},
                     {"state"},
                     {"attempts", align::right},
                     {"due"},
                     {"reason", align::left, true}});
    std::uint64_t left = options.limit.value_or(~0ULL);
    constexpr std::size_t page = 1000;
    for (bool more = true; more && left > 0;) {
        filter.limit = std::min<std::uint64_t>(left, page);
        const auto found = from.effects().list(filter);
        for (const auto& e : found) {
            if (s.json) {
                s.out.write(describe(e).str());
            } else {
                people.add({to_string(e.id), e.name, std::string(to_string(e.state)),
                            std::to_string(e.attempts), has_due_time(e) ? to_string(e.due) : "",
                            e.reason});
            }
        }
        left -= found.size();
        more = found.size() == filter.limit;
        if (more) filter.after = found.back().id;
    }
    people.finish("effects");
    return success;
}

int run(const effects_show_options& options, session& s) {
    const uuid id = parse_effect_id(options.id);
    store from = open_to_read(options.store);
    print_whole(require_effect(from, id), s);
    return success;
}

int run(const effects_resume_options& options, session& s) {
    return settle(options, s, [&](effects all, const uuid& id) { all.resume(id, options.reason); });
}
int run(const effects_discard_options& options, session& s) {
    return settle(options, s,
                  [&](effects all, const uuid& id) { all.discard(id, options.reason); });
}
int run(const effects_compensate_options& options, session& s) {
    return settle(options, s,
                  [&](effects all, const uuid& id) { all.compensate(id, options.reason); });
}
int run(const effects_done_options& options, session& s) {
    return settle(options, s,
                  [&](effects all, const uuid& id) { all.mark_done(id, options.result); });
}

int run(const effects_sweep_options& options, session& s) {
    constexpr std::chrono::hours week(168);
    const effect_sweep_options how{.limit = rows_of_a_step(options),
                                   .keep = kept_for(options.keep_hours, week)};
    store to = open_to_write(options.store);
    std::uint64_t swept = 0;
    const bool more = sweep_in_steps(options, [&] {
        const auto step = to.effects().sweep(how);
        swept += step.forgotten;
        return step.more;
    });
    print_swept(swept, more, s);
    return success;
}

int run(const effects_stats_options& options, session& s) {
    store from = open_to_read(options.store);
    const effect_stats now = from.effects().stats();
    if (s.json) {
        json_line line;
        line.number("due", now.due).number("attempted", now.attempted);
        line.number("failed", now.failed).number("done", now.done);
        line.number("unknown", now.unknown).number("dead", now.dead);
        line.number("discarded", now.discarded).number("compensated", now.compensated);
        line.number("payload_bytes", now.payload_bytes).number("result_bytes", now.result_bytes);
        line.number("table_bytes", now.table_bytes);
        add_time(line, "next", now.next.has_value(), now.next.value_or(timestamp()));
        s.out.write(line.str());
        return success;
    }
    print_fields(s, {{"due", with_commas(now.due)},
                     {"attempted", with_commas(now.attempted)},
                     {"failed", with_commas(now.failed)},
                     {"done", with_commas(now.done)},
                     {"unknown", with_commas(now.unknown)},
                     {"dead", with_commas(now.dead)},
                     {"discarded", with_commas(now.discarded)},
                     {"compensated", with_commas(now.compensated)},
                     {"payloads", byte_size(now.payload_bytes)},
                     {"results", byte_size(now.result_bytes)},
                     {"table", byte_size(now.table_bytes)},
                     {"next", now.next ? to_string(*now.next) : "none waits"}});
    return success;
}

}  // namespace idem::cli
