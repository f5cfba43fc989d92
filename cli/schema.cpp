// idem schema: what may become of a schema of events.
#include "idem/schema.hpp"

#include <fmt/format.h>

#include "commands.hpp"
#include "exit_code.hpp"
#include "json_line.hpp"
#include "table.hpp"

namespace idem::cli {
namespace {

std::vector<schema_change> print_changes(const std::string& before, const std::string& after,
                                         session& s) {
    const schema old = schema::read(before);
    const schema now = schema::read(after);
    auto changes = compare(old, now);
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
    return changes;
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

}  // namespace

int run(const schema_check_options& options, session& s) {
    const auto changes = print_changes(options.before, options.after, s);
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
    print_changes(options.before, options.after, s);
    return success;
}

}  // namespace idem::cli
