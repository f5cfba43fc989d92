// idem sagas: what they are at, and what a person does with one that stands still.
#include <fmt/format.h>

#include <algorithm>

#include "exit_code.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "json_line.hpp"
#include "nearest.hpp"
#include "open_store.hpp"
#include "sagas_commands.hpp"
#include "table.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

void add_time(json_line& line, std::string_view name, const std::optional<timestamp>& time) {
    time ? line.text(name, to_string(*time)) : line.null(name);
}

void add_text(json_line& line, std::string_view name, std::string_view text) {
    text.empty() ? line.null(name) : line.text(name, text);
}

// Text where it is UTF-8, else base64 under another name.
void add_bytes(json_line& line, const std::string& name, std::string_view bytes) {
    constexpr std::string_view replacement = "\xef\xbf\xbd";
    const bool replaced = to_json_string(bytes).find(replacement) != std::string::npos &&
                          bytes.find(replacement) == std::string_view::npos;
    replaced ? line.text(name + "_base64", to_base64(bytes)) : line.text(name, bytes);
}

json_line start_line(const saga_info& saga) {
    const auto* const at = saga.current();
    json_line line;
    line.text("id", saga.id).text("name", saga.name).number("version", saga.version);
    line.text("state", to_string(saga.state)).flag("turned", saga.turned);
    add_text(line, "step", at ? at->name : "");
    line.number("attempts", at ? (saga.turned ? at->compensation_attempts : at->attempts) : 0);
    add_text(line, "reason", saga.reason.empty() && at ? at->reason : saga.reason);
    line.number("fence", saga.fence).text("started", to_string(saga.started));
    add_time(line, "leased_until", saga.leased_until);
    add_time(line, "due", saga.due);
    add_time(line, "deadline", saga.deadline);
    add_time(line, "finished", saga.finished);
    line.flag("swept", saga.swept);
    return line;
}

std::string steps_json(const saga_info& saga) {
    std::string all;
    for (const auto& step : saga.steps) {
        json_line line;
        line.text("name", step.name).text("action", to_string(step.action));
        line.number("attempts", step.attempts);
        step.compensable ? line.text("compensation", to_string(step.compensation))
                         : line.null("compensation");
        line.number("compensation_attempts", step.compensation_attempts);
        line.flag("point_of_no_return", step.point_of_no_return);
        add_bytes(line, "result", step.result);
        add_text(line, "reason", step.reason);
        std::string text = line.str();
        text.pop_back();
        all += (all.empty() ? "" : ",") + text;
    }
    return "[" + all + "]";
}

std::string shown_time(const std::optional<timestamp>& time) {
    return time ? to_string(*time) : "";
}

void show_to_people(const saga_info& saga, session& s) {
    std::vector<std::pair<std::string, std::string>> fields{
        {"id", saga.id},
        {"definition", fmt::format("{}@{}", saga.name, saga.version)},
        {"state", std::string(to_string(saga.state))}};
    const auto add = [&fields](const char* name, const std::string& text) {
        if (!text.empty()) fields.emplace_back(name, text);
    };
    add("reason", saga.reason);
    add("input", saga.swept ? "let go of" : saga.input);
    add("started", to_string(saga.started));
    add("at work until", shown_time(saga.leased_until));
    add("due", saga.leased_until ? "" : shown_time(saga.due));
    add("deadline", shown_time(saga.deadline));
    add("finished", shown_time(saga.finished));
    print_fields(s, fields);
    if (saga.steps.empty()) return s.tell("no step has begun");
    s.out.write("\n");
    table rows(s, {{"step"},
                   {"action"},
                   {"attempts", align::right},
                   {"compensation"},
                   {"attempts", align::right},
                   {"result or reason", align::left, true}});
    for (const auto& step : saga.steps) {
        const std::string undo = step.compensable ? std::string(to_string(step.compensation))
                                 : step.point_of_no_return ? "no return"
                                                           : "none";
        rows.add({step.name, std::string(to_string(step.action)), std::to_string(step.attempts),
                  undo, std::to_string(step.compensation_attempts),
                  step.reason.empty() ? step.result : step.reason});
    }
    rows.flush();
}

saga_info require(store& from, const std::string& id) {
    if (auto found = from.sagas().find(id)) return std::move(*found);
    throw error(errc::not_found,
                fmt::format("no saga has the id {}; `idem sagas list {}` lists them", printable(id),
                            from.path().string()));
}

int tell_new_state(store& from, const std::string& id, session& s) {
    const saga_info saga = require(from, id);
    if (s.json) {
        s.out.write(start_line(saga).str());
    } else {
        s.out.write(fmt::format("{} is {} now, and the next runner of {}@{} goes on with it\n",
                                printable(id), to_string(saga.state), printable(saga.name),
                                saga.version));
    }
    return success;
}

}  // namespace

int run(const sagas_options& options, session& s) {
    if (options.store.empty()) {
        throw error(errc::invalid_input,
                    "name the store's folder, or a command; `idem sagas --help` shows what there "
                    "is");
    }
    saga_filter filter;
    filter.state =
        parse_state(options.state, parse_saga_state, saga_state::running, saga_state::compensated);
    if (!options.name.empty()) filter.name = options.name;
    store from = open_to_read(options.store);
    table rows(s, {{"id"},
                   {"definition"},
                   {"state"},
                   {"step"},
                   {"attempts", align::right},
                   {"due"},
                   {"reason", align::left, true}});
    std::uint64_t left = options.limit.value_or(~0ULL);
    const std::size_t page = filter.limit;
    while (left > 0) {
        filter.limit = std::min<std::uint64_t>(left, page);
        const auto found = from.sagas().list(filter);
        left -= found.size();
        for (const auto& saga : found) {
            if (s.json) {
                s.out.write(start_line(saga).str());
                continue;
            }
            const auto* const at = saga.current();
            const auto attempts = at ? (saga.turned ? at->compensation_attempts : at->attempts) : 0;
            rows.add({saga.id, fmt::format("{}@{}", saga.name, saga.version),
                      std::string(to_string(saga.state)), at ? at->name : "",
                      std::to_string(attempts), shown_time(saga.due),
                      saga.reason.empty() && at ? at->reason : saga.reason});
        }
        if (found.size() < filter.limit) break;
        filter.after = found.back().id;
    }
    rows.finish("sagas");
    const auto stuck = from.sagas().stats().all.stuck;
    if (stuck > 0) {
        s.tell(
            fmt::format("{} stuck; `idem sagas show STORE SAGA` tells where, and resume, skip "
                        "or abort let it go on",
                        with_commas(stuck)));
    }
    return success;
}

int run(const sagas_show_options& options, session& s) {
    store from = open_to_read(options.store);
    const saga_info saga = require(from, options.saga);
    if (s.json) {
        json_line line = start_line(saga);
        add_bytes(line, "input", saga.input);
        s.out.write(line.json("steps", steps_json(saga)).str());
    } else {
        show_to_people(saga, s);
    }
    return success;
}

int run(const sagas_resume_options& options, session& s) {
    store to = open_to_write(options.store);
    to.sagas().resume(options.saga, options.reason);
    return tell_new_state(to, options.saga, s);
}

int run(const sagas_skip_options& options, session& s) {
    store to = open_to_write(options.store);
    to.sagas().skip_step(options.saga, options.reason, options.step);
    return tell_new_state(to, options.saga, s);
}

int run(const sagas_abort_options& options, session& s) {
    store to = open_to_write(options.store);
    to.sagas().abort(options.saga, options.reason);
    return tell_new_state(to, options.saga, s);
}

int run(const sagas_sweep_options& options, session& s) {
    constexpr std::chrono::hours month(720);
    const saga_sweep_options how{.keep = kept_for(options.keep_hours, month),
                                 .limit = rows_of_a_step(options)};
    store to = open_to_write(options.store);
    std::uint64_t swept = 0;
    const bool more = sweep_in_steps(options, [&] {
        const auto step = to.sagas().sweep(how);
        swept += step.swept;
        return step.more;
    });
    print_swept(swept, more, s);
    return success;
}

}  // namespace idem::cli
