// idem append: events from files or standard input, each alone or all as one batch.
#include <fmt/format.h>

#include <charconv>

#include "commands.hpp"
#include "exit_code.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "idem/store.hpp"
#include "input.hpp"
#include "open_store.hpp"
#include "receipts.hpp"

namespace idem::cli {
namespace {

expected_revision parse_expected(const std::string& text) {
    if (text.empty() || text == "any") return expected_revision::any();
    if (text == "no_stream") return expected_revision::no_stream();
    if (text == "stream_exists") return expected_revision::stream_exists();
    std::uint64_t last = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), last);
    if (fault != std::errc() || end != text.data() + text.size()) {
        throw error(
            errc::invalid_input,
            fmt::format("--expect {}: give any, no_stream, stream_exists or the revision of "
                        "the stream's last event",
                        text));
    }
    return expected_revision::exactly(last);
}

int exit_code_of(outcome value) {
    return value == outcome::appended || value == outcome::duplicate ? success : rejected;
}

int tell(session& s, std::span<const event> batch, const append_result& result) {
    for (const auto& receipt : receipts_of(batch, result)) print(s, receipt);
    s.out.flush();
    return exit_code_of(result.outcome());
}

int append_each(const std::vector<input_file>& files, store_to_fill to, session& s) {
    int code = success;
    line_faults faults(s);
    for (const auto& file : files) {
        line_reader lines(file);
        while (const auto line = lines.next()) {
            const auto read = read_event(file, *line, faults);
            if (!read) continue;
            try {
                code = graver(code, tell(s, {&read->event, 1}, to.get().append(read->event)));
            } catch (const error& e) {
                if (e.code() != errc::invalid_input) throw;
                faults.add(*read, without_index(e.what()));
            }
        }
    }
    faults.finish();
    return faults.count() > 0 ? graver(code, invalid) : code;
}

int append_whole(const append_options& options, const std::vector<input_file>& files, session& s) {
    const expected_revision expected = parse_expected(options.expect);
    line_faults faults(s);
    const auto placed = read_batch(files, faults);
    faults.finish();
    if (faults.count() > 0) {
        s.tell("nothing was appended: the input is one batch, and lines of it are not events");
        return invalid;
    }
    std::vector<event> batch;
    batch.reserve(placed.size());
    for (const auto& p : placed) batch.push_back(p.event);
    store to = open_or_create(options.store);
    try {
        return tell(s, batch, to.append(batch, expected));
    } catch (const error& e) {
        const auto index = e.place().index;
        if (e.code() != errc::invalid_input || !index || *index >= placed.size()) throw;
        faults.add(placed[*index], without_index(e.what()));
        s.tell("nothing was appended: the input is one batch");
        return invalid;
    }
}

}  // namespace

int run(const append_options& options, session& s) {
    const auto files = open_inputs(options.files, s);
    if (options.atomic || !options.expect.empty()) return append_whole(options, files, s);
    return append_each(files, store_to_fill(options.store), s);
}

}  // namespace idem::cli
