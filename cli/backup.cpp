// idem backup: a copy of a store that may be in use, complete and verified.
#include <fmt/format.h>

#include "commands.hpp"
#include "exit_code.hpp"
#include "json_line.hpp"
#include "missing_keys.hpp"
#include "open_store.hpp"
#include "text.hpp"

namespace idem::cli {

int run(const backup_options& options, session& s) {
    const store from = open_to_read(options.store);
    from.backup(options.target, {.with_keys = options.with_keys});
    const store copy = open_to_read(options.target);
    const std::uint64_t events = copy.head();
    if (s.json) {
        json_line line;
        line.text("store", options.store).text("target", options.target).number("events", events);
        s.out.write(line.str());
    } else {
        s.out.write(fmt::format("{} holds {} events of {}, verified\n", printable(options.target),
                                with_commas(events), printable(options.store)));
    }
    tell_sealed_events(copy,
                       "keep a copy of the keys elsewhere (mode 0600), for without them that data "
                       "is lost; projections have no rows there and are made anew",
                       s);
    return success;
}

}  // namespace idem::cli
