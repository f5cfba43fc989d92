// idem sync, idem serve-sync: what either of two stores lacks goes over.
#include "idem/sync.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "exit_code.hpp"
#include "idem/error.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "piped_program.hpp"
#include "sync_commands.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

sync_options to_options(const std::optional<std::uint64_t>& timeout) {
    constexpr std::uint64_t seconds_max = 7 * 24 * 3600;
    sync_options o;
    if (!timeout) return o;
    if (*timeout == 0 || *timeout > seconds_max) {
        throw error(errc::invalid_input,
                    fmt::format("--timeout {}: give 1 to {} seconds", *timeout, seconds_max));
    }
    o.silence_max = std::chrono::seconds(*timeout);
    return o;
}

std::string_view name_of(sync_problem::kind kind) noexcept {
    return kind == sync_problem::kind::conflict ? "conflict" : "refused";
}

std::string problems_json(const sync_result& r) {
    std::string all;
    for (const sync_problem& p : r.problems) {
        json_line line;
        line.text("kind", name_of(p.is)).text("side", p.here ? "here" : "there");
        line.text("id", to_string(p.id));
        if (p.position > 0) {
            line.number("position", p.position);
        } else {
            line.null("position");
        }
        line.text_or_null("field", p.field).text("reason", p.reason);
        all += (all.empty() ? "" : ",") + line.object();
    }
    return "[" + all + "]";
}

void print_json(const sync_result& r, session& s) {
    json_line line;
    line.flag("in_sync", r.in_sync()).number("received", r.received).number("sent", r.sent);
    line.number("noted", r.noted).number("forks", r.forks).number("parked", r.parked);
    line.number("conflicts", r.conflicts).number("refused", r.refused);
    line.number("skipped", r.skipped).number("rounds", r.rounds);
    line.number("bytes_in", r.bytes_in).number("bytes_out", r.bytes_out);
    line.json("problems", problems_json(r));
    s.out.write(line.str());
}

void print_text(const sync_result& r, session& s) {
    for (const sync_problem& p : r.problems) {
        s.out.write(fmt::format("{} {}: {} {}\n", name_of(p.is), p.here ? "here" : "there",
                                to_string(p.id), printable(p.reason)));
    }
    s.out.write(fmt::format("{}: received {} events, sent {} ({} rounds, {} in, {} out)\n",
                            r.in_sync() ? "in sync" : "not in sync", with_commas(r.received),
                            with_commas(r.sent), with_commas(r.rounds), byte_size(r.bytes_in),
                            byte_size(r.bytes_out)));
    const auto more = [&](std::uint64_t count, std::string_view what) {
        if (count > 0) s.out.write(fmt::format("  {} {}\n", with_commas(count), what));
    };
    more(r.noted, "were known, and are now by another stamp too");
    more(r.forks, "share origin and counter with another event: a store was copied or restored");
    more(r.parked, "wait for an event before them that did not come");
    more(r.conflicts, "were refused, for their id is known with other content");
    more(r.refused, "were refused");
    more(r.skipped, "were skipped: their data is sealed under a key that is elsewhere");
}

sync_result sync_both(const sync_command_options& asked, store& here) {
    const sync_options options = to_options(asked.timeout);
    if (!asked.with.empty()) {
        const piped_program other(asked.with);
        return sync_over(here, other.output(), other.input(), options);
    }
    store there = open_or_create(asked.other);
    return sync_stores(here, there);
}

}  // namespace

int run(const sync_command_options& asked, session& s) {
    if (asked.other.empty() == asked.with.empty()) {
        throw error(errc::invalid_input,
                    "sync: give either the folder of the other store, or --with COMMAND");
    }
    store here = open_to_write(asked.store);
    const sync_result result = sync_both(asked, here);
    if (s.json) {
        print_json(result, s);
    } else {
        print_text(result, s);
    }
    return result.in_sync() ? success : rejected;
}

int run(const serve_sync_options& asked, session&) {
    const sync_options options = to_options(asked.timeout);
    store here = open_or_create(asked.store);
    serve_sync(here, STDIN_FILENO, STDOUT_FILENO, options);
    return success;
}

}  // namespace idem::cli
