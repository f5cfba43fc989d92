// idem schema: what may become of a schema of events.
#include "idem/schema.hpp"

#include <fmt/format.h>

#include "commands.hpp"
#include "exit_code.hpp"
#include "idem/error.hpp"
#include "idem/store.hpp"
#include "input.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "table.hpp"

namespace idem::cli {
namespace {

void print_changes(const std::vector<schema_change>& changes, session& s) {
    table rows(s, {{"compatibility"}, {"rule"}, {"what", align::left, true}});
    for (const auto& c : changes) {
        if (s.json) {
            json_line line;
            line.text("compatibility", to_string(c.compatibility)).text("rule", c.rule);
            line.text("table", c.table).text("field", c.field).text("message", c.message);
            s.out.write(line.str());
        } else {
            rows.add({std::string(to_string(c.compatibility)), c.rule, c.message});
        }
    }
    rows.flush();
}

std::vector<schema_change> changes_between(const std::string& before, const std::string& after) {
    const schema old = schema::read(before);
    return compare(old, schema::read(after));
}

int exit_code_of(compatibility verdict) {
    switch (verdict) {
        case compatibility::safe:
            return success;
        case compatibility::needs_upcaster:
            return needs_upcaster;
        case compatibility::forbidden:
            return forbidden;
    }
    return failure;
}

std::string advice_on(compatibility verdict) {
    switch (verdict) {
        case compatibility::safe:
            return "safe: old events read as they were meant";
        case compatibility::needs_upcaster:
            return "needs an upcaster: raise the version of the types that changed";
        case compatibility::forbidden:
            return "forbidden: old events would be misread; add fields beside the old ones instead";
    }
    return {};
}

// What the step from the version before means for its events.
std::string step_of(const registered_type& t) {
    return t.first ? "first" : std::string(to_string(t.step));
}

void print_types(const std::vector<registered_type>& types, const char* what, session& s) {
    table rows(s, {{"type"}, {"version", align::right}, {"step"}, {"upcaster"}, {""}});
    for (const auto& t : types) {
        if (s.json) {
            json_line line;
            line.text("type", t.type).number("version", t.version);
            line.number("position", t.position == 0 ? std::nullopt : std::optional(t.position));
            line.text("step", step_of(t)).flag("upcaster", t.upcaster);
            line.text("outcome", what);
            s.out.write(line.str());
        } else {
            rows.add(
                {t.type, std::to_string(t.version), step_of(t), t.upcaster ? "yes" : "no", what});
        }
    }
    rows.flush();
}

// The library knows the upcasters by their text alone.
template <class Work>
auto naming_file(const std::string& file, Work&& work) {
    try {
        return work();
    } catch (const error& e) {
        constexpr std::string_view unnamed = "upcasters";
        const std::string_view what = e.what();
        if (file.empty() || !what.starts_with(unnamed)) throw;
        throw error(e.code(), file + std::string(what.substr(unnamed.size())), e.place());
    }
}

// Types whose old events no projection can read as their newest version.
void tell_of_gaps(const schema_addition& addition, session& s) {
    for (const auto& t : addition.added) {
        if (t.step != compatibility::needs_upcaster || t.upcaster) continue;
        s.tell(
            fmt::format("{} needs an upcaster from version {} to {}: `idem schema add STORE "
                        "--upcast FILE`, or one in C++",
                        t.type, t.version - 1, t.version));
    }
}

}  // namespace

int run(const schema_check_options& options, session& s) {
    const auto changes = changes_between(options.before, options.after);
    print_changes(changes, s);
    const compatibility verdict = worst(changes);
    if (s.json) {
        json_line line;
        line.text("compatibility", to_string(verdict)).number("changes", changes.size());
        s.out.write(line.str());
    } else {
        s.out.write(advice_on(verdict) + "\n");
    }
    return exit_code_of(verdict);
}

int run(const schema_diff_options& options, session& s) {
    print_changes(changes_between(options.before, options.after), s);
    return success;
}

int run(const schema_add_options& options, session& s) {
    constexpr std::size_t upcasters_bytes_max = 256 << 10;
    if (options.file.empty() && options.upcast.empty()) {
        throw error(errc::invalid_input, "name a schema, or a file of upcasters with --upcast");
    }
    std::string upcasters;
    if (!options.upcast.empty()) {
        upcasters = read_file(options.upcast, upcasters_bytes_max);
        if (upcasters.empty()) {
            throw error(errc::invalid_input, fmt::format("{} is empty", options.upcast));
        }
    }
    if (options.file.empty()) {
        store to = options.dry_run ? open_to_read(options.store) : open_to_write(options.store);
        const std::size_t added = naming_file(options.upcast, [&] {
            return options.dry_run ? to.plan_upcasters(upcasters) : to.add_upcasters(upcasters);
        });
        if (s.json) {
            json_line line;
            s.out.write(line.number("upcasters", added).str());
        } else {
            s.out.write(fmt::format("{} upcasters {}\n", added,
                                    options.dry_run ? "would be registered" : "registered"));
        }
        return success;
    }
    if (options.file.ends_with(".json")) {
        throw error(errc::invalid_input, fmt::format("{} is no schema; upcasters in JSON go with "
                                                     "--upcast",
                                                     options.file));
    }
    const schema definition = schema::read(options.file);
    if (definition.event_types().empty()) {
        throw error(errc::invalid_input,
                    options.file + ": the schema has no table that could be an event");
    }
    store to = options.dry_run ? open_to_read(options.store) : open_or_create(options.store);
    schema_addition addition =
        naming_file(options.upcast, [&] { return to.plan_schema(definition, upcasters); });
    print_changes(addition.changes, s);
    if (worst(addition.changes) == compatibility::forbidden) {
        s.out.flush();
        s.tell("nothing was registered: " + advice_on(compatibility::forbidden));
        return forbidden;
    }
    if (!options.dry_run) addition = to.add_schema(definition, upcasters);
    print_types(addition.added, options.dry_run ? "would be added" : "added", s);
    print_types(addition.unchanged, "unchanged", s);
    s.out.flush();
    tell_of_gaps(addition, s);
    return success;
}

int run(const schema_list_options& options, session& s) {
    const store from = open_to_read(options.store);
    const auto types = from.schemas().types();
    print_types(types, "registered", s);
    if (types.empty() && !s.json) s.tell("no schemas; `idem schema add` adds one");
    return success;
}

}  // namespace idem::cli
