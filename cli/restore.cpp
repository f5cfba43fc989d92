// idem restore: a backup back in its place, verified.
#include <fmt/format.h>

#include "commands.hpp"
#include "exit_code.hpp"
#include "idem/store.hpp"
#include "json_line.hpp"
#include "missing_keys.hpp"
#include "open_store.hpp"
#include "text.hpp"

namespace idem::cli {

int run(const restore_options& options, session& s) {
    restore(options.backup, options.store);
    const store restored = open_to_read(options.store);
    const std::uint64_t events = restored.head();
    if (s.json) {
        json_line line;
        line.text("backup", options.backup).text("store", options.store).number("events", events);
        s.out.write(line.str());
    } else {
        s.out.write(fmt::format("{} holds {} events, verified\n", printable(options.store),
                                with_commas(events)));
    }
    tell_sealed_events(restored,
                       "put the file there before the store is used, for what is folded without "
                       "it lacks that data",
                       s);
    return success;
}

}  // namespace idem::cli
