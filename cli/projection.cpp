// idem projection: which of its versions is current, dropped, right.
#include <fmt/format.h>

#include "commands.hpp"
#include "exit_code.hpp"
#include "find_projection.hpp"
#include "idem/error.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "table.hpp"
#include "version_name.hpp"

namespace idem::cli {
namespace {

void tell_current(const store& from, const std::string& name, session& s) {
    const auto now = from.find_projection(name);
    if (s.json) {
        json_line line;
        line.text("name", name);
        if (now) {
            line.number("version", now->version).number("position", now->position);
        } else {
            line.null("version").null("position");
        }
        s.out.write(line.str());
    } else if (now) {
        s.out.write(fmt::format("{}@{} is current, at position {} of {}\n", name, now->version,
                                now->position, from.head()));
    } else {
        s.out.write(fmt::format("no version of {} is kept\n", name));
    }
    if (now && !now->failure.empty()) s.tell("it stands still: " + now->failure);
}

}  // namespace

int run(const projection_switch_options& options, session& s) {
    const version_name wanted = parse_version_name(options.version);
    store to = open_to_write(options.store);
    const auto definition = definition_of(s, to, wanted.name, wanted.version);
    if (definition) {
        to.switch_projection(definition->fold);
    } else {
        to.switch_projection(wanted.name, wanted.version);
    }
    tell_current(to, wanted.name, s);
    return success;
}

int run(const projection_drop_options& options, session& s) {
    const version_name dropped = parse_version_name(options.version);
    store to = open_to_write(options.store);
    to.drop_projection(dropped.name, dropped.version);
    tell_current(to, dropped.name, s);
    return success;
}

int run(const projection_check_options& options, session& s) {
    const store from = open_to_read(options.store);
    const known_projection p = find_projection(s, from, options.name);
    require_definition(p);
    constexpr std::uint64_t usual_rows = 64;
    if (options.rows == 0) {
        throw error(errc::invalid_input, "--rows 0: give at least 1, or nothing would be checked");
    }
    const auto differ = from.check_projection(p.fold, options.rows.value_or(usual_rows));
    table people(s, {{"key"}});
    for (const auto& key : differ) {
        const std::string shown = print_key(p.fold.keys, key);
        if (s.json) {
            json_line line;
            s.out.write(line.text("key", shown).str());
        } else {
            people.add({shown});
        }
    }
    people.flush();
    s.out.flush();
    if (differ.empty()) {
        s.tell(fmt::format("the rows of {}@{} that were replayed are those that are kept",
                           p.fold.name, p.fold.version));
        return success;
    }
    s.tell(
        fmt::format("{} rows of {}@{} are kept otherwise: its code has changed without a new "
                    "version, or is not pure; raise the version and rebuild",
                    differ.size(), p.fold.name, p.fold.version));
    return findings;
}

int run(const projection_skip_options& options, session& s) {
    store to = open_to_write(options.store);
    const known_projection p = find_projection(s, to, options.name);
    to.skip_failed_event(p.fold.name, options.reason);
    tell_current(to, p.fold.name, s);
    return success;
}

}  // namespace idem::cli
