// idem erase: the data of an event or of a person, for ever.
#include <fmt/format.h>

#include <iostream>
#include <string>
#include <vector>

#include "commands.hpp"
#include "event_id.hpp"
#include "exit_code.hpp"
#include "idem/error.hpp"
#include "json_line.hpp"
#include "nearest.hpp"
#include "open_store.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

void check_options(const erase_options& options) {
    const int named =
        (options.event.empty() ? 0 : 1) + (options.subject ? 1 : 0) + (options.readmit ? 1 : 0);
    if (named == 1 && (options.source.empty() || !options.event.empty())) return;
    throw error(errc::invalid_input,
                "name what is to be erased: an EVENT, or --subject NAME; or --readmit NAME");
}

// A person is asked; a program says --yes.
bool confirmed(const erase_options& options, const std::string& what, session& s) {
    if (options.yes) return true;
    if (!is_terminal(STDIN_FILENO)) {
        throw error(
            errc::invalid_input,
            fmt::format("{} cannot be undone: say --yes, for nobody is here to be asked", what));
    }
    s.tell(fmt::format("{} cannot be undone. Type yes to go on:", what));
    std::string answer;
    return std::getline(std::cin, answer) && answer == "yes";
}

void tell_stale(const store& in, session& s) {
    for (const auto& p : in.projections()) {
        if (p.stale.find("erased") == std::string::npos) continue;
        s.tell(fmt::format("projection {}@{} is stale: {}; `idem rebuild` makes it anew", p.name,
                           p.version, p.stale));
    }
}

void print(const char* kind, const std::string& name, const erasure& done, session& s) {
    if (s.json) {
        json_line line;
        line.text(kind, name).number("position", done.position).flag("repeated", done.repeated);
        s.out.write(line.number("events", done.events).str());
    } else if (done.events == 0) {
        s.out.write(fmt::format("{} {} is erased, as position {} says; no data was here\n", kind,
                                printable(name), with_commas(done.position)));
    } else {
        s.out.write(fmt::format("the data of {} {} {}, as position {} says\n", kind,
                                printable(name), done.repeated ? "was erased before" : "is erased",
                                with_commas(done.position)));
    }
}

// A slip in the name must not pass for an erasure.
void tell_unnamed(const store& in, const std::string& name, session& s) {
    std::vector<std::string> known;
    for (const auto& subject : in.subjects()) {
        if (subject.events > 0) known.push_back(subject.name);
    }
    std::string meant;
    for (const auto& near : nearest(name, known)) {
        meant += fmt::format("{}{}", meant.empty() ? "; did you mean " : " or ", printable(near));
    }
    s.tell(fmt::format("no event here names the subject {}; new ones are refused from now on{}",
                       printable(name), meant));
}

int readmit(const erase_options& options, session& s) {
    store in = open_to_write(options.store);
    const bool was_erased = in.readmit_subject(*options.readmit);
    if (s.json) {
        json_line line;
        line.text("subject", *options.readmit).flag("readmitted", was_erased);
        s.out.write(line.str());
    } else {
        s.out.write(fmt::format("new events of subject {} are taken{}\n",
                                printable(*options.readmit),
                                was_erased ? " again" : ": it was not erased"));
    }
    return success;
}

}  // namespace

int run(const erase_options& options, session& s) {
    check_options(options);
    if (options.readmit) return readmit(options, s);
    const uuid id = options.subject ? uuid::nil() : parse_id(options.event, options.source);
    store in = open_to_write(options.store);
    const std::string what =
        options.subject
            ? fmt::format("To erase the data of subject {}", printable(*options.subject))
            : fmt::format("To erase the data of event {}", to_string(id));
    if (!confirmed(options, what, s)) {
        s.tell("nothing was erased");
        return failure;
    }
    if (options.subject) {
        const erasure done = in.erase_subject(*options.subject);
        print("subject", *options.subject, done, s);
        if (done.events == 0) tell_unnamed(in, *options.subject, s);
    } else {
        print("event", to_string(id), in.erase(id), s);
    }
    tell_stale(in, s);
    return success;
}

}  // namespace idem::cli
