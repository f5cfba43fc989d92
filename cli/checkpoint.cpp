// idem checkpoint: rows as they were, kept for looks at the past.
#include <fmt/format.h>

#include "commands.hpp"
#include "exit_code.hpp"
#include "find_projection.hpp"
#include "idem/error.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "table.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

int list(const store& from, session& s) {
    table rows(s, {{"name"},
                   {"version", align::right},
                   {"position", align::right},
                   {"rows", align::right},
                   {"bytes", align::right}});
    for (const auto& c : from.checkpoints()) {
        if (s.json) {
            json_line line;
            line.text("name", c.name).number("version", c.version).number("position", c.position);
            s.out.write(line.number("rows", c.rows).number("bytes", c.bytes).str());
        } else {
            rows.add({c.name, std::to_string(c.version), with_commas(c.position),
                      with_commas(c.rows), with_commas(c.bytes)});
        }
    }
    rows.finish("checkpoints");
    return success;
}

}  // namespace

int run(const checkpoint_options& options, session& s) {
    if (options.name.empty()) return list(open_to_read(options.store), s);
    store to = open_to_write(options.store);
    const known_projection p = find_projection(s, to, options.name);
    require_definition(p);
    const bool kept = to.keep_checkpoint(p.fold, options.at.value_or(store::last_position));
    if (!kept) {
        s.tell(
            "nothing was kept: there is a checkpoint of that position, the rows are over 64 "
            "MiB, or another process is keeping one");
    }
    return kept ? success : failure;
}

}  // namespace idem::cli
