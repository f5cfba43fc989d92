// idem append: events from files or standard input, each alone or all as one batch.
#include <fmt/format.h>

#include "append_condition.hpp"
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

bool rests_on_more(const append_options& o) {
    return o.unless || o.after || !o.expect_streams.empty();
}

append_condition condition_of(const append_options& options) {
    append_condition condition;
    for (const auto& text : options.expect_streams) {
        condition.streams.push_back(parse_stream_revision(text));
    }
    if (options.unless) condition.unless = parse_unless(*options.unless);
    condition.after = options.after.value_or(0);
    if (options.after && !options.unless) {
        throw error(errc::invalid_input,
                    "--after says behind which position no event may match: give --unless too");
    }
    return condition;
}

void add_expected(append_condition& condition, expected_revision expected,
                  std::span<const event> batch) {
    if (expected.is_any() || batch.empty()) return;
    for (const event& e : batch) {
        if (e.stream == batch.front().stream) continue;
        throw error(errc::invalid_input,
                    "--expect is about the one stream of the batch, and this one has several; use "
                    "--expect-stream STREAM=REVISION");
    }
    condition.streams.emplace_back(batch.front().stream, expected);
}

append_result append_batch(const append_options& options, std::span<const event> batch) {
    const auto expected = parse_revision("--expect", options.expect.empty() ? "any"  //
                                                                            : options.expect);
    append_condition condition = condition_of(options);
    store to = open_or_create(options.store);
    if (!rests_on_more(options)) return to.append(batch, expected);
    add_expected(condition, expected, batch);
    return to.append(batch, condition);
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
    if (!options.expect.empty()) parse_revision("--expect", options.expect);
    condition_of(options);  // what is wrong with it is told before any input is read
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
    try {
        return tell(s, batch, append_batch(options, batch));
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
    if (options.atomic || !options.expect.empty() || rests_on_more(options))
        return append_whole(options, files, s);
    return append_each(files, store_to_fill(options.store), s);
}

}  // namespace idem::cli
