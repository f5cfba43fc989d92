// idem state: a projection's rows, up to date or as they were.
#include <fmt/format.h>

#include <algorithm>

#include "commands.hpp"
#include "exit_code.hpp"
#include "find_projection.hpp"
#include "idem/error.hpp"
#include "idem/state.hpp"
#include "json_line.hpp"
#include "missing_keys.hpp"
#include "open_store.hpp"
#include "print_differences.hpp"
#include "progress.hpp"
#include "table.hpp"
#include "text.hpp"
#include "version_name.hpp"

namespace idem::cli {
namespace {

// For writing, so that what is replayed need not be replayed again; for reading where that is all
// that is allowed.
store open_as_far_as_allowed(const std::string& folder, bool& writable) {
    try {
        writable = true;
        return open_to_write(folder);
    } catch (const error& e) {
        if (e.code() != errc::read_only && e.code() != errc::permission_denied) throw;
    }
    writable = false;
    return open_to_read(folder);
}

state replay(const store& from, const projection& fold, std::uint64_t to) {
    const std::uint64_t head = std::min(from.head(), to);
    progress shown("replay");
    return from.replay(fold, to, [&](std::uint64_t position) {
        shown.update({position, head, position});
    });
}

void catch_up(store& to, const std::string& name) {
    try {
        to.catch_up(name);
    } catch (const error& e) {
        const auto position = e.place().position;
        if (e.code() != errc::handler_failed || !position) throw;
        throw error(e.code(),
                    fmt::format("{}; the rows before it are kept: `--at {}` shows them", e.what(),
                                *position - 1),
                    e.place());
    }
}

// From the nearest checkpoint, and perhaps with a new one, where that can be written.
state rows_at(store& from, const known_projection& p, std::uint64_t position, bool writable) {
    require_definition(p);
    if (!writable) return replay(from, p.fold, position);
    const std::uint64_t head = std::min(from.head(), position);
    progress shown("replay");
    return from.state_at(p.fold, position, [&](std::uint64_t reached) {
        shown.update({reached, head, reached});
    });
}

// As they were left, with the way to new ones.
state stale_rows(const store& from, const known_projection& p, const std::string& why,
                 const state_options& options, session& s) {
    const auto kept = from.find_projection(p.fold.name).value();
    const auto all = from.projections();
    const bool built = std::any_of(all.begin(), all.end(), [&](const projection_info& other) {
        return other.name == p.fold.name && other.version == p.fold.version && !other.current;
    });
    const std::string remedy =
        built ? fmt::format("`idem projection switch {} {}@{}` takes the others", options.store,
                            p.fold.name, p.fold.version)
              : fmt::format("`idem rebuild {} {}` makes new ones", options.store, options.name);
    s.tell(fmt::format("{} is stale: {}; these are the rows of {}@{} as they were left; {}",
                       p.fold.name, why, kept.name, kept.version, remedy));
    return kept_rows(s, from, kept.name, kept.version);
}

state rows_of(store& from, const known_projection& p, const state_options& options, bool writable,
              session& s) {
    if (options.at) return rows_at(from, p, *options.at, writable);
    if (!p.can_run()) {
        s.tell(
            fmt::format("the rows of {}@{} are shown as they were left, and raw: name the shared "
                        "library that has the projection with --plugin",
                        p.fold.name, p.fold.version));
        return from.state(p.fold.name);
    }
    refuse_changed_definition(from, p.fold);
    if (!writable) return replay(from, p.fold, query().to);
    if (const auto why = from.why_stale(p.fold); !why.empty()) {
        return stale_rows(from, p, why, options, s);
    }
    from.run(p.fold, projection_mode::manual);
    catch_up(from, p.fold.name);
    return from.state(p.fold);
}

void print_row(const state& rows, std::string_view key, std::string_view row,
               std::uint64_t position, session& s, table& people) {
    const std::string shown_key = print_key(rows.keys(), key);
    const std::string json_row = rows.row_to_json(row);
    if (s.json) {
        json_line line;
        line.text("key", shown_key).json("row", json_row).number("position", position);
        s.out.write(line.str());
    } else {
        people.add({shown_key, json_row});
    }
}

int print_one(const state& rows, const std::string& key, session& s) {
    const std::string encoded = parse_key(rows.keys(), key);
    const auto found = rows.find(encoded);
    if (!found.row) {
        s.tell(fmt::format("{}@{} has no row {} at position {}", rows.name(), rows.version(), key,
                           found.position));
        return failure;
    }
    table people(s, {{"key"}, {"row", align::left, true}});
    print_row(rows, encoded, *found.row, found.position, s, people);
    people.flush();
    return success;
}

void print_all(const state& rows, session& s) {
    table people(s, {{"key"}, {"row", align::left, true}});
    row_page page = rows.rows();
    for (;;) {
        for (const auto& [key, row] : page.rows)
            print_row(rows, key, row, page.position, s, people);
        if (!page.more) break;
        page = rows.rows_after(page);
    }
    people.finish("rows");
}

void print_digest(const state& rows, const known_projection& p, session& s) {
    if (s.json) {
        json_line line;
        line.text("name", rows.name()).number("version", rows.version());
        line.number("position", rows.position()).number("rows", rows.row_count());
        line.text("digest", to_string(rows.digest())).text("order", order_word(p.fold));
        line.text("because", order_reason(p));
        s.out.write(line.str());
        return;
    }
    print_fields(s, {{"name", rows.name()},
                     {"version", std::to_string(rows.version())},
                     {"position", std::to_string(rows.position())},
                     {"rows", with_commas(rows.row_count())},
                     {"digest", to_string(rows.digest())},
                     {"order", order_word(p.fold) + ": " + order_reason(p)}});
}

// NAME@VERSION: what is kept of it, as it is.
int print_version(const store& from, const state_options& options, session& s) {
    const version_name wanted = parse_version_name(options.name);
    if (options.at || options.diff || options.digest) {
        throw error(errc::invalid_input,
                    fmt::format("{}: --at, --diff and --digest are for the projection that is "
                                "known here; write its name without a version",
                                options.name));
    }
    const state rows = kept_rows(s, from, wanted.name, wanted.version);
    if (options.key) return print_one(rows, *options.key, s);
    print_all(rows, s);
    return success;
}

}  // namespace

int run(const state_options& options, session& s) {
    bool writable = false;
    store from = open_as_far_as_allowed(options.store, writable);
    tell_missing_keys(from, "rows that are made here lack that data", s);
    if (options.name.find('@') != std::string::npos && !is_file_name(options.name)) {
        return print_version(from, options, s);
    }
    const known_projection p = find_projection(s, from, options.name);
    if (options.diff) {
        const state there = rows_at(from, p, *options.diff, writable);
        const state here = rows_of(from, p, options, writable, s);
        // From the one asked for first to the other; alone, from there to now.
        print_differences(options.at ? here : there, options.at ? there : here,
                          {.key = options.key}, s);
        return success;
    }
    const state rows = rows_of(from, p, options, writable, s);
    if (options.digest) {
        print_digest(rows, p, s);
        return success;
    }
    if (options.key) return print_one(rows, *options.key, s);
    print_all(rows, s);
    if (!s.json) {
        s.out.write(fmt::format("\n{} rows at position {}, order: {}: {}\n",
                                with_commas(rows.row_count()), rows.position(), order_word(p.fold),
                                order_reason(p)));
    }
    return success;
}

}  // namespace idem::cli
