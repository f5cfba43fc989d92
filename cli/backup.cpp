// idem backup: a copy of a store that may be in use, complete and verified.
#include <fmt/format.h>

#include "commands.hpp"
#include "exit_code.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "text.hpp"

namespace idem::cli {

int run(const backup_options& options, session& s) {
    const store from = open_to_read(options.store);
    from.backup(options.target, {.with_keys = options.with_keys});
    const std::uint64_t events = open_to_read(options.target).head();
    if (s.json) {
        json_line line;
        line.text("store", options.store).text("target", options.target).number("events", events);
        s.out.write(line.str());
    } else {
        s.out.write(fmt::format("{} holds {} events of {}, verified\n", printable(options.target),
                                with_commas(events), printable(options.store)));
    }
    return success;
}

}  // namespace idem::cli
