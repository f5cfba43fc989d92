// idem once: events and a result under an idempotency key.
#include <fmt/format.h>

#include <algorithm>

#include "exit_code.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "idem/store.hpp"
#include "input.hpp"
#include "json_line.hpp"
#include "key_commands.hpp"
#include "open_store.hpp"
#include "table.hpp"

namespace idem::cli {
namespace {

std::chrono::milliseconds seconds(std::uint64_t count) {
    constexpr std::uint64_t longest = 1'000'000'000'000;  // beyond any clock
    return std::chrono::seconds(std::min(count, longest));
}

void print_json(const key_answer& answer, session& s) {
    std::string receipts;
    for (const receipt& r : answer.receipts) {
        json_line line;
        line.text("id", to_string(r.id)).text("outcome", to_string(r.outcome));
        line.number("position", r.position).number("revision", r.revision);
        const std::string text = line.str();
        receipts += (receipts.empty() ? "" : ",") + text.substr(0, text.size() - 1);
    }
    json_line line;
    line.text("outcome", to_string(answer.outcome)).flag("replayed", answer.replayed);
    line.bytes("result", answer.result).json("receipts", "[" + receipts + "]");
    line.text_or_null("reason", answer.rejection ? answer.rejection->message() : answer.reason);
    if (answer.leased_until == timestamp()) {
        line.null("leased_until");
    } else {
        line.text("leased_until", to_string(answer.leased_until));
    }
    s.out.write(line.str());
}

void print_for_people(const key_answer& answer, session& s) {
    std::vector<std::pair<std::string, std::string>> fields{
        {"outcome", fmt::format("{}{}", to_string(answer.outcome),
                                answer.replayed ? ", by an earlier call" : "")}};
    if (!answer.result.empty()) fields.emplace_back("result", answer.result);
    for (const receipt& r : answer.receipts) {
        fields.emplace_back("event", fmt::format("{} at {}", to_string(r.id), r.position));
    }
    if (answer.rejection) fields.emplace_back("reason", answer.rejection->message());
    if (!answer.reason.empty()) fields.emplace_back("reason", answer.reason);
    if (answer.leased_until != timestamp()) {
        fields.emplace_back("leased until", to_string(answer.leased_until));
    }
    print_fields(s, fields);
}

}  // namespace

int run(const once_options& options, session& s) {
    const request asked = request::json(options.request, options.leave_out);
    line_faults faults(s);
    std::vector<placed_event> placed;
    if (!options.files.empty() || input_is_given())
        placed = read_batch(open_inputs(options.files, s), faults);
    faults.finish();
    if (faults.count() > 0) {
        s.tell("nothing was done: lines of the input are not events");
        return invalid;
    }
    key_options keep;
    if (options.keep_s) keep.keep_result = seconds(*options.keep_s);
    if (options.horizon_s) keep.horizon = seconds(*options.horizon_s);
    store to = open_or_create(options.store);
    const auto work = [&](transaction& t) {
        for (const auto& p : placed) t.append(p.event);
        return options.reject ? command_result::reject(*options.reject)
                              : command_result(options.result.value_or(""));
    };
    try {
        const auto answer =
            to.once({options.owner, options.operation}, options.key, asked, work, keep);
        if (s.json) {
            print_json(answer, s);
        } else {
            print_for_people(answer, s);
        }
        return answer.completed() ? success : rejected;
    } catch (const error& e) {
        const auto index = e.place().index;
        if (e.code() != errc::invalid_input || !index || *index >= placed.size()) throw;
        faults.add(placed[*index], without_index(e.what()));
        s.tell("nothing was done: the events and the key are one batch");
        return invalid;
    }
}

}  // namespace idem::cli
