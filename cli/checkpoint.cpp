// idem checkpoint: rows as they were, kept for looks at the past.
#include <fmt/format.h>

#include "commands.hpp"
#include "exit_code.hpp"
#include "find_projection.hpp"
#include "idem/error.hpp"
#include "idem/limits.hpp"
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
    if (options.name.empty()) {
        if (options.at) throw error(errc::invalid_input, "--at: name the projection too");
        return list(open_to_read(options.store), s);
    }
    store to = open_to_write(options.store);
    const known_projection p = find_projection(s, to, options.name);
    require_definition(p);
    const std::uint64_t head = to.head();
    const std::uint64_t position = options.at.value_or(head);
    if (position == 0 || position > head) {
        throw error(
            errc::invalid_input,
            fmt::format("position {} is none of the log, which goes from 1 to {}", position, head));
    }
    if (!to.keep_checkpoint(p.fold, position)) {
        s.tell(
            fmt::format("the rows of {}@{} are larger than the {} MiB that a checkpoint may have",
                        p.fold.name, p.fold.version, limits::checkpoint_bytes_max >> 20));
        return failure;
    }
    if (s.json) {
        json_line line;
        line.text("name", p.fold.name).number("version", p.fold.version);
        s.out.write(line.number("position", position).str());
    } else {
        s.out.write(fmt::format("{}@{} is kept as of position {}\n", p.fold.name, p.fold.version,
                                position));
    }
    return success;
}

}  // namespace idem::cli
