// idem why: what the store knows of an id, and what it would answer to an event that has it.
#include <fmt/format.h>

#include "commands.hpp"
#include "event_id.hpp"
#include "exit_code.hpp"
#include "idem/append.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "input.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "print_events.hpp"
#include "table.hpp"

namespace idem::cli {
namespace {

std::optional<event> read_given_event(const std::string& file_name) {
    if (file_name.empty() && !input_is_given()) return std::nullopt;
    const input_file file(file_name.empty() ? "-" : file_name);
    line_reader lines(file);
    const auto line = lines.next();
    if (!line) return std::nullopt;
    const auto refuse = [&](std::string_view why) {
        return error(errc::invalid_input, fmt::format("{}:{}: {}", file.name(), line->number, why));
    };
    if (line->too_long) throw refuse("the line is too long for an event");
    std::optional<event> given;
    try {
        given = parse_cloudevent(line->text);
    } catch (const error& e) {
        throw refuse(e.what());
    }
    if (lines.next()) {
        throw error(
            errc::invalid_input,
            fmt::format("{} holds more than one event; give the one to compare", file.name()));
    }
    return given;
}

std::string value_of(const event& e, std::string_view field, data_printer& data) {
    if (field == "stream") return e.stream;
    if (field == "type") return e.type;
    if (field == "schema_version") return std::to_string(e.schema_version);
    if (field == "content_type") return e.content_type;
    if (field == "data_subject") return e.data_subject;
    if (field == "data") return data.to_json(recorded_event{e}).value_or(shown_data(e));
    std::string tags;
    for (const auto& tag : e.tags) tags += (tags.empty() ? "" : ",") + tag;
    return tags;
}

// What is known of the id, and what an append of the event given would answer.
struct answer {
    uuid id;
    std::optional<recorded_event> kept;
    std::optional<std::string> json = {};  // its data, by its schema
    bool compared = false;
    outcome would_be = outcome::appended;
    std::string field = {};  // that differs
    std::string stored_value = {};
    std::string given_value = {};
};

answer find_answer(const store& from, const uuid& id, const std::optional<event>& given) {
    data_printer data(from, data_form::json);
    answer a{id, from.find(id)};
    if (a.kept) a.json = data.to_json(*a.kept);
    if (!given) return a;
    a.compared = true;
    if (!a.kept) return a;
    if (a.kept->erased) {
        a.would_be = given->erased ? outcome::duplicate : outcome::erased;
        return a;
    }
    const event appended = from.as_appended(*given);
    const auto field = first_difference(*a.kept, appended);
    a.would_be = field ? outcome::id_conflict : outcome::duplicate;
    if (field) {
        a.field = *field;
        a.stored_value = value_of(*a.kept, *field, data);
        a.given_value = value_of(appended, *field, data);
    }
    return a;
}

void print_json(const answer& a, session& s) {
    json_line line;
    line.text("id", to_string(a.id)).flag("known", a.kept.has_value());
    if (a.kept) {
        line.number("position", a.kept->position).text("stream", a.kept->stream);
        line.number("revision", a.kept->revision).text("type", a.kept->type);
        line.text("time", to_string(a.kept->time.value_or(timestamp())));
        line.json("event", to_cloudevent(*a.kept, a.json));
    }
    if (a.compared) line.text("would_be", to_string(a.would_be));
    if (!a.field.empty()) {
        line.text("field", a.field).text("stored", a.stored_value).text("given", a.given_value);
    }
    s.out.write(line.str());
}

void print_for_people(const answer& a, session& s) {
    std::vector<std::pair<std::string, std::string>> fields{{"id", to_string(a.id)}};
    if (a.kept) {
        const recorded_event& e = *a.kept;
        fields.emplace_back("first receipt", fmt::format("appended at position {}, {} @ {}",
                                                         e.position, e.stream, e.revision));
        fields.emplace_back("type", e.type);
        fields.emplace_back("time", to_string(e.time.value_or(timestamp())));
        fields.emplace_back("data", a.json ? *a.json : shown_data(e));
    } else {
        fields.emplace_back("first receipt", "none: the store does not know this id");
    }
    if (a.compared) {
        fields.emplace_back("the event given",
                            fmt::format("would be answered {}", to_string(a.would_be)));
    }
    if (!a.field.empty()) {
        fields.emplace_back("differs in", a.field);
        fields.emplace_back("stored", a.stored_value);
        fields.emplace_back("given", a.given_value);
    }
    print_fields(s, fields);
}

}  // namespace

int run(const why_options& options, session& s) {
    const uuid id = parse_id(options.id, options.source);
    const store from = open_to_read(options.store);
    const auto given = read_given_event(options.event);
    if (given && given->id != id) {
        throw error(errc::invalid_input, fmt::format("the event given has the id {}, not {}",
                                                     to_string(given->id), to_string(id)));
    }
    const answer a = find_answer(from, id, given);
    if (s.json) {
        print_json(a, s);
    } else {
        print_for_people(a, s);
    }
    if (a.compared)
        return a.would_be == outcome::duplicate || a.would_be == outcome::appended ? success
                                                                                   : rejected;
    return a.kept ? success : failure;
}

}  // namespace idem::cli
