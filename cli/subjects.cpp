// idem subjects: every data subject with its number of events.
#include "commands.hpp"
#include "exit_code.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "table.hpp"
#include "text.hpp"

namespace idem::cli {

int run(const subjects_options& options, session& s) {
    const store from = open_to_read(options.store);
    table rows(s, {{"subject"},
                   {"events", align::right},
                   {"erased", align::right},
                   {"sealed", align::right},
                   {"new events"}});
    for (const auto& subject : from.subjects()) {
        if (s.json) {
            json_line line;
            line.text("subject", subject.name).number("events", subject.events);
            line.number("erased", subject.erased).number("sealed", subject.sealed);
            line.flag("is_erased", subject.is_erased);
            s.out.write(line.str());
        } else {
            rows.add({subject.name, with_commas(subject.events), with_commas(subject.erased),
                      with_commas(subject.sealed), subject.is_erased ? "refused" : "taken"});
        }
    }
    rows.finish("data subjects");
    return success;
}

}  // namespace idem::cli
