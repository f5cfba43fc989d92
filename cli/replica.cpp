// idem accept, classify, parked, frontier: a store as one of several.
#include "idem/replica.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "exit_code.hpp"
#include "idem/convergent/version_vector.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "input.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "replica_commands.hpp"
#include "table.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

std::optional<std::uint64_t> known(std::uint64_t position) {
    return position == 0 ? std::nullopt : std::optional(position);
}

std::string_view colour_of(accept_outcome value) {
    switch (value) {
        case accept_outcome::appended:
            return "\x1b[32m";
        case accept_outcome::duplicate:
            return "\x1b[2m";
        case accept_outcome::parked:
            return "\x1b[33m";
        default:
            return "\x1b[31m";
    }
}

void print(const uuid& id, const accepted_event& answer, session& s) {
    if (s.json) {
        json_line line;
        line.text("id", to_string(id)).text("outcome", to_string(answer.outcome));
        line.text("class", to_string(answer.found.is)).number("position", known(answer.position));
        s.out.write(line.text_or_null("reason", answer.reason).str());
        return;
    }
    const std::string word = fmt::format("{:<9}", to_string(answer.outcome));
    s.out.write(s.colour ? fmt::format("{}{}\x1b[0m", colour_of(answer.outcome), word) : word);
    s.out.write(fmt::format("  {}  {:<12}{}\n", to_string(id), to_string(answer.found.is),
                            answer.position == 0 ? "" : fmt::format("  {}", answer.position)));
    if (!answer.reason.empty()) {
        s.out.write(fmt::format("{:<9}  {}\n", "", printable(answer.reason)));
    }
}

// Takes in what has gathered, in one commit.
int accept_all(std::vector<recorded_event>& batch, store_to_fill& to, const accept_options& how,
               session& s) {
    if (batch.empty()) return success;
    const auto answers = to.get().replica().accept(batch, how);
    int code = success;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        print(batch[i].id, answers[i], s);
        if (answers[i].outcome == accept_outcome::refused) code = rejected;
    }
    s.out.flush();
    batch.clear();
    return code;
}

int end_of(line_faults& faults, int code) {
    faults.finish();
    return faults.count() > 0 ? graver(code, invalid) : code;
}

// What `wanted` has and `present` has not, some of it in words.
std::string missing_of(const version_vector& wanted, const version_vector& present) {
    constexpr std::size_t told_max = 3;
    std::string told;
    std::size_t missing = 0;
    for (const auto& [origin, counter] : wanted.counters()) {
        const std::uint64_t here = present.counter_of(origin);
        if (here >= counter || ++missing > told_max) continue;
        told += fmt::format("{}of {} it has {} of {}", told.empty() ? "" : ", ", to_string(origin),
                            here, counter);
    }
    if (missing > told_max) told += fmt::format(", and {} more", missing - told_max);
    return told;
}

// Whether the store has it in time.
bool waited(const replica& copies, const frontier_options& options, session& s) {
    const auto wanted = version_vector::parse(options.wait);
    const std::uint64_t seconds = options.timeout_s.value_or(frontier_options::timeout_s_unasked);
    if (seconds > frontier_options::timeout_s_max) {
        throw error(errc::invalid_input,
                    fmt::format("--timeout is {} seconds, over the limit of {}", seconds,
                                frontier_options::timeout_s_max));
    }
    if (copies.wait_for(wanted, std::chrono::seconds(seconds))) return true;
    s.tell(
        fmt::format("the store has not got all of it within {} s: {}; bring it the events that "
                    "are missing, or wait longer",
                    seconds, missing_of(wanted, copies.frontier())));
    return false;
}

}  // namespace

int run(const accept_command_options& options, session& s) {
    constexpr std::size_t together_max = 1000;  // events that share a commit
    constexpr std::size_t bytes_max = 16 << 20;
    static_assert(together_max <= limits::accepted_max && bytes_max < limits::batch_bytes_max);
    const auto files = open_inputs(options.files, s);
    store_to_fill to(options.store);
    const accept_options how{.keep_forks = options.keep_forks};
    int code = success;
    line_faults faults(s);
    std::vector<recorded_event> batch;
    std::size_t bytes = 0;
    for (const auto& file : files) {
        line_reader lines(file);
        while (const auto line = lines.next()) {
            auto read = read_recorded_event(file, *line, faults);
            if (!read) continue;
            bytes += line->text.size();
            batch.push_back(std::move(*read));
            if (batch.size() < together_max && bytes < bytes_max) continue;
            code = graver(code, accept_all(batch, to, how, s));
            bytes = 0;
        }
    }
    code = graver(code, accept_all(batch, to, how, s));
    return end_of(faults, code);
}

int run(const classify_options& options, session& s) {
    const auto files = open_inputs(options.files, s);
    store from = open_to_read(options.store);
    line_faults faults(s);
    for (const auto& file : files) {
        line_reader lines(file);
        while (const auto line = lines.next()) {
            const auto read = read_recorded_event(file, *line, faults);
            if (!read) continue;
            const classification found = from.replica().classify(*read);
            if (s.json) {
                json_line answer;
                answer.text("id", to_string(read->id)).text("class", to_string(found.is));
                answer.number("known_counter", found.known_counter);
                answer.number("position", known(found.position));
                s.out.write(answer.text_or_null("field", found.field).str());
                continue;
            }
            s.out.write(fmt::format(
                "{:<12}  {}  {} of its origin known{}{}\n", to_string(found.is),
                to_string(read->id), found.known_counter,
                found.position == 0 ? "" : fmt::format(", it is at {}", found.position),
                found.field.empty() ? "" : fmt::format(", other {}", printable(found.field))));
        }
    }
    return end_of(faults, success);
}

int run(const parked_options& options, session& s) {
    store from = open_to_read(options.store);
    table people(s, {{"origin", align::left, false, true},
                     {"counter", align::right},
                     {"missing from", align::right},
                     {"stream", align::left, true},
                     {"type"}});
    for (const auto& e : from.replica().parked()) {
        if (s.json) {
            json_line line;
            line.text("id", to_string(e.id)).text("origin", to_string(e.origin));
            line.number("counter", e.counter).number("missing_from", e.missing_from);
            s.out.write(line.text("stream", e.stream).text("type", e.type).str());
        } else {
            people.add({to_string(e.origin), std::to_string(e.counter),
                        std::to_string(e.missing_from), e.stream, e.type});
        }
    }
    people.finish("events that wait");
    return success;
}

int run(const frontier_options& options, session& s) {
    store from = open_to_read(options.store);
    const replica copies = from.replica();
    if (!options.wait.empty() && !waited(copies, options, s)) return failure;
    const std::string vector = to_string(copies.frontier());
    if (!s.json_asked) {  // alone, for scripts
        s.out.write(vector + "\n");
        return success;
    }
    std::string origins;
    for (const auto& o : copies.origins()) {
        json_line line;
        line.text("origin", to_string(o.origin)).number("counter", o.counter);
        line.number("clock", o.clock).flag("own", o.own);
        origins += (origins.empty() ? "" : ",") + line.object();
    }
    json_line line;
    s.out.write(line.text("frontier", vector).json("origins", "[" + origins + "]").str());
    return success;
}

}  // namespace idem::cli
