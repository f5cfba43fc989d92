// idem consumers: who is subscribed, how far each is, and what it is to handle.
#include <fmt/format.h>

#include <charconv>

#include "consumer_commands.hpp"
#include "exit_code.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "input.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "print_events.hpp"
#include "table.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

std::optional<std::uint64_t> to_position(const std::string& text) {
    std::uint64_t number = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

[[noreturn]] void refuse(const char* option, const std::string& text, const char* give) {
    throw error(errc::invalid_input, fmt::format("{} {}: give {}", option, printable(text), give),
                {.field = option});
}

std::string json_list(const std::vector<std::string>& texts) {
    std::string list = "[";
    for (const auto& text : texts) list += (list.size() > 1 ? "," : "") + to_json_string(text);
    return list + "]";
}

void add_time(json_line& line, const char* name, timestamp time) {
    if (time == timestamp()) {
        line.null(name);
    } else {
        line.text(name, to_string(time));
    }
}

void add_text(json_line& line, const char* name, const std::optional<std::string>& text) {
    if (text && !text->empty()) {
        line.text(name, *text);
    } else {
        line.null(name);
    }
}

std::string start_of(const consumer_options& options) {
    if (options.start == consumer_start::beginning) return "beginning";
    return options.start == consumer_start::end ? "end" : std::to_string(options.from);
}

// The state last: it may be long.
void print_whole(session& s, const consumer_info& c, bool with_state) {
    const consumer_filter& filter = c.options.filter;
    json_line line;
    line.text("name", c.name).number("checkpoint", c.checkpoint);
    add_text(line, "event", c.event.is_nil() ? "" : to_string(c.event));
    line.flag("lost", c.lost).number("lag", c.lag).number("waiting", c.waiting);
    add_text(line, "holder", c.holder);
    line.number("fence", c.fence);
    add_time(line, "leased_until", c.leased_until);
    add_text(line, "stream", filter.stream);
    line.json("types", json_list(filter.types)).json("tags", json_list(filter.tags));
    add_text(line, "correlation", filter.correlation_id);
    line.flag("reserved", filter.reserved).text("from", start_of(c.options));
    line.number("limit", c.options.limit).number("advances", c.advances);
    line.number("events", c.events);
    add_time(line, "created", c.created);
    add_time(line, "advanced", c.advanced);
    add_text(line, "reason", c.reason);
    if (with_state && printable(c.state).find("\uFFFD") == std::string::npos) {
        line.text("state", c.state);
    } else if (with_state) {
        line.text("state_base64", to_base64(c.state));
    }
    s.out.write(line.str());
}

void list_sources(store& from, session& s) {
    constexpr std::size_t page = 1000;
    table people(s, {{"source"},
                     {"position", align::right},
                     {"deliveries", align::right},
                     {"events", align::right},
                     {"ingested"}});
    std::string after;
    for (std::size_t found = page; found == page;) {
        const auto sources = from.consumers().sources(after, page);
        found = sources.size();
        for (const auto& source : sources) {
            after = source.name;
            if (!s.json) {
                people.add({source.name, source.position ? std::to_string(*source.position) : "",
                            std::to_string(source.deliveries), std::to_string(source.events),
                            short_time(source.ingested)});
                continue;
            }
            json_line line;
            line.text("source", source.name).number("position", source.position);
            line.number("deliveries", source.deliveries).number("events", source.events);
            add_time(line, "ingested", source.ingested);
            add_text(line, "reason", source.reason);
            s.out.write(line.str());
        }
    }
    people.finish("sources");
}

int print_verdict(session& s, const consumer_verdict& verdict) {
    if (s.json) {
        std::string missing = "[";
        for (const auto p : verdict.missing) {
            missing += (missing.size() > 1 ? "," : "") + std::to_string(p);
        }
        json_line line;
        line.text("verdict", to_string(verdict.outcome)).number("checkpoint", verdict.checkpoint);
        s.out.write(line.json("missing", missing + "]").str());
    } else {
        s.out.write(fmt::format("{}, the checkpoint is {}\n", to_string(verdict.outcome),
                                verdict.checkpoint));
        if (!verdict.missing.empty()) {
            s.out.write(fmt::format("missing: {}\n", fmt::join(verdict.missing, " ")));
        }
    }
    s.out.flush();
    const bool done = verdict.accepted() || verdict.outcome == consumer_outcome::duplicate;
    return done ? success : rejected;
}

std::string read_state(const std::string& name) {
    return read_file(name, limits::result_bytes_max);
}

consumer_info require(store& from, const std::string& name) {
    if (auto found = from.consumers().find(name)) return std::move(*found);
    throw error(errc::not_found, fmt::format("there is no consumer {}; `idem consumers list` "
                                             "shows them",
                                             printable(name)));
}

}  // namespace

int run(const consumers_list_options& options, session& s) {
    store from = open_to_read(options.store);
    if (options.sources) {
        list_sources(from, s);
        return success;
    }
    constexpr std::size_t page = 1000;
    table people(s, {{"consumer"},
                     {"checkpoint", align::right},
                     {"lag", align::right},
                     {"waiting", align::right},
                     {"events", align::right},
                     {"holder"}});
    std::string after;
    for (std::size_t found = page; found == page;) {
        const auto consumers = from.consumers().list(after, page);
        found = consumers.size();
        for (const auto& c : consumers) {
            after = c.name;
            if (s.json) {
                print_whole(s, c, false);
            } else {
                people.add({c.name, c.lost ? "lost" : std::to_string(c.checkpoint),
                            std::to_string(c.lag), std::to_string(c.waiting),
                            std::to_string(c.events), c.holder});
            }
        }
    }
    people.finish("consumers");
    return success;
}

int run(const consumers_show_options& options, session& s) {
    store from = open_to_read(options.store);
    const consumer_info c = require(from, options.name);
    if (s.json) {
        print_whole(s, c, true);
        return success;
    }
    const consumer_filter& filter = c.options.filter;
    const auto time = [](timestamp t) { return t == timestamp() ? "" : short_time(t); };
    const auto joined = [](const std::vector<std::string>& texts) {
        return printable(fmt::format("{}", fmt::join(texts, ", ")));
    };
    print_fields(s, {{"consumer", printable(c.name)},
                     {"checkpoint", c.lost ? "lost" : std::to_string(c.checkpoint)},
                     {"event", c.event.is_nil() ? "" : to_string(c.event)},
                     {"lag", fmt::format("{} positions, {} events wait", c.lag, c.waiting)},
                     {"holder", printable(c.holder)},
                     {"leased until", time(c.leased_until)},
                     {"stream", printable(filter.stream.value_or(""))},
                     {"types", joined(filter.types)},
                     {"tags", joined(filter.tags)},
                     {"correlation", printable(filter.correlation_id.value_or(""))},
                     {"from", start_of(c.options)},
                     {"handled", fmt::format("{} events in {} batches", c.events, c.advances)},
                     {"advanced", time(c.advanced)},
                     {"reset", printable(c.reason)},
                     {"state", printable(c.state)}});
    return success;
}

int run(const consumers_create_options& options, session& s) {
    consumer_options wanted;
    wanted.filter = {options.stream, options.types, options.tags, options.correlation,
                     options.reserved};
    if (options.limit) wanted.limit = *options.limit;
    if (options.from == "end") {
        wanted.start = consumer_start::end;
    } else if (options.from != "beginning") {
        const auto position = to_position(options.from);
        if (!position) refuse("--from", options.from, "beginning, end, or a position");
        wanted.start = consumer_start::position;
        wanted.from = *position;
    }
    store to = open_to_write(options.store);
    const bool made = to.consumers().create(options.name, wanted);
    if (s.json) {
        json_line line;
        line.text("name", options.name).flag("made", made);
        s.out.write(line.number("checkpoint", require(to, options.name).checkpoint).str());
    } else {
        s.out.write(fmt::format("{} {}\n", printable(options.name),
                                made ? "is made" : "was there, with the same options"));
    }
    return success;
}

int run(const consumers_next_options& options, session& s) {
    store from = open_to_read(options.store);
    if (options.limit == 0) refuse("--limit", "0", "at least 1");
    const auto batch = from.consumers().next(options.name, options.limit.value_or(0));
    data_printer data(from, options.raw ? data_form::stored : data_form::json);
    for (const auto& e : batch.events) {
        s.out.write(to_cloudevent(e, data.to_json(e)) + "\n");
    }
    s.out.flush();
    if (batch.events.empty() && !batch.caught_up) {
        s.tell(fmt::format("nothing up to position {}, and more behind it: advance to there",
                           batch.covered));
    }
    return success;
}

int run(const consumers_advance_options& options, session& s) {
    const std::string state = options.state.empty() ? "" : read_state(options.state);
    store to = open_to_write(options.store);
    const consumer_info now = require(to, options.name);
    auto batch =
        consumer_batch::between(options.name, options.after.value_or(now.checkpoint), *options.to);
    if (!options.state.empty()) {
        return print_verdict(s, to.consumers().advance(batch, state));
    }
    return print_verdict(s, to.consumers().advance(batch, now.state));
}

int run(const consumers_reset_options& options, session& s) {
    const auto position = to_position(options.to);
    store to = open_to_write(options.store);
    if (options.source) {
        if (!position) refuse("--to", options.to, "a position of the source");
        to.consumers().reset_source(options.name, position, options.reason);
        return success;
    }
    consumer_reset wanted{.checkpoint = position, .reason = options.reason};
    if (!position) {
        wanted.event = uuid::parse(options.to);
        if (!wanted.event) refuse("--to", options.to, "a position, or the id of an event");
    }
    if (!options.state.empty()) wanted.state = read_state(options.state);
    to.consumers().reset(options.name, wanted);
    if (s.json) {
        json_line line;
        line.text("name", options.name);
        s.out.write(line.number("checkpoint", require(to, options.name).checkpoint).str());
    } else {
        s.out.write(fmt::format("{} goes on behind {}\n", printable(options.name), options.to));
    }
    return success;
}

int run(const consumers_drop_options& options, session&) {
    store to = open_to_write(options.store);
    to.consumers().drop(options.name);
    return success;
}

}  // namespace idem::cli
