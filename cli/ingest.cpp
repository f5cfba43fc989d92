// idem ingest: what a source delivers, with its position in one commit.
#include <fmt/format.h>

#include <charconv>

#include "consumer_commands.hpp"
#include "exit_code.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "input.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "receipts.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

std::uint64_t parse_position(const std::string& text) {
    std::uint64_t number = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (fault == std::errc() && end == text.data() + text.size()) return number;
    throw error(errc::invalid_input,
                fmt::format("the position {} is no whole number from 0 to 2^64 - 1: one that "
                            "cannot be ordered tells no duplicate from a gap; leave the events' "
                            "ids to do it, with `idem append`",
                            printable(text)),
                {.field = "POSITION"});
}

// All of it is one delivery, so one bad line refuses it.
std::vector<event> read_delivery(const std::vector<input_file>& files, line_faults& faults) {
    std::vector<event> events;
    std::size_t bytes = 0;
    for (const auto& file : files) {
        line_reader lines(file);
        while (const auto line = lines.next()) {
            if (auto read = read_event(file, *line, faults)) {
                bytes += read->event.data.size();
                events.push_back(std::move(read->event));
            }
            if (events.size() < limits::batch_events_max && bytes <= limits::batch_bytes_max) {
                continue;
            }
            throw error(errc::invalid_input,
                        fmt::format("{}:{}: a delivery may have fewer than {} events and {} bytes",
                                    file.name(), line->number, limits::batch_events_max,
                                    limits::batch_bytes_max));
        }
    }
    return events;
}

void print_receipts(session& s, std::span<const event> events, const ingest_answer& answer) {
    if (answer.rejection) {
        const append_result result{.rejection = answer.rejection};
        for (const auto& told : receipts_of(events, result)) print(s, told);
        return;
    }
    for (std::size_t i = 0; i < answer.receipts.size(); ++i) {
        const receipt& r = answer.receipts[i];
        told_receipt told{r.id, r.outcome, {}, events[i].stream};
        if (r.position == 0 && r.outcome != outcome::erased) continue;  // stale: it is not there
        if (r.position != 0) {
            told.position = r.position;
            told.revision = r.revision;
        }
        print(s, told);
    }
}

}  // namespace

int run(const ingest_command_options& options, session& s) {
    const std::uint64_t position = parse_position(options.position);
    const auto files = open_inputs(options.files, s);
    line_faults faults(s);
    const auto events = read_delivery(files, faults);
    faults.finish();
    if (faults.count() > 0) {
        s.tell("nothing was taken in: the input is one delivery, and lines of it are not events");
        return invalid;
    }
    store to = open_or_create(options.store);
    const auto answer =
        to.consumers().ingest(options.source, position, events, {.after = options.after});
    print_receipts(s, events, answer);
    if (s.json) {
        json_line line;
        line.text("source", options.source).text("verdict", to_string(answer.outcome));
        s.out.write(line.number("last", answer.last).str());
    } else {
        const std::string last = answer.last ? std::to_string(*answer.last) : "not known";
        s.out.write(fmt::format("{}: {} is at {}\n", to_string(answer.outcome),
                                printable(options.source), last));
    }
    s.out.flush();
    if (answer.outcome == ingest_outcome::gap) {
        s.tell(answer.last
                   ? fmt::format("what {} gave behind {} up to {} has not come; deliver that first",
                                 printable(options.source), *answer.last, *options.after)
                   : fmt::format("{} is not known, so nothing can come after {}; deliver that "
                                 "first, or the first of all without --after",
                                 printable(options.source), *options.after));
    }
    return answer.taken() ? success : rejected;
}

}  // namespace idem::cli
