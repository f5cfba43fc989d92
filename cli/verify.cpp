// idem verify: a store against everything it promises about its own bytes, in a child process.
#include "idem/verify.hpp"

#include <fmt/format.h>

#include "commands.hpp"
#include "exit_code.hpp"
#include "find_projection.hpp"
#include "idem/error.hpp"
#include "json_line.hpp"
#include "json_projection.hpp"
#include "open_store.hpp"
#include "progress.hpp"
#include "text.hpp"
#include "verify_child.hpp"

namespace idem::cli {
namespace {

// Everything that the kept rows can be compared with: what the files define, what is loaded, and
// what the store itself knows the definition of.
std::vector<projection> projections_to_compare(const verify_options& options, const session& s) {
    std::vector<projection> all;
    for (const auto& file : options.projections) all.push_back(read_json_projection(file).fold);
    all.insert(all.end(), s.projections.begin(), s.projections.end());
    try {
        const store from = open_to_read(options.store);
        for (const auto& given : all) refuse_changed_definition(from, given);
        for (const auto& kept : from.projections()) {
            known_projection known = describe(s, kept);
            if (known.can_run()) all.push_back(std::move(known.fold));
        }
    } catch (const error& e) {
        if (e.code() == errc::invalid_input) throw;
        // A store that cannot be opened, or whose catalog is damaged, is what verify() tells of.
    }
    return all;
}

void print(const finding& found, session& s) {
    if (s.json) {
        json_line line;
        line.text("kind", found.kind).number("position", found.position);
        line.text("subject", found.subject).text("message", found.message);
        s.out.write(line.str());
        return;
    }
    const std::string kind = s.colour ? fmt::format("\x1b[31m{}\x1b[0m", found.kind) : found.kind;
    const std::string where = found.position ? fmt::format(" at position {}", *found.position) : "";
    s.out.write(fmt::format("{}{}: {}\n", kind, where, printable(found.message)));
}

std::string counted(std::uint64_t events, std::string_view what) {
    return events == 0 ? "" : fmt::format(", {} {}", with_commas(events), what);
}

void summarise(const verify_report& report, session& s) {
    if (s.json) {
        json_line line;
        line.flag("sound", report.sound()).number("events", report.events);
        line.number("findings", report.findings.size()).flag("complete", report.complete);
        line.number("erased", report.erased).number("sealed", report.sealed);
        s.out.write(line.str());
        return;
    }
    if (report.sound()) {
        s.out.write(fmt::format("sound: {} events{}{}\n", with_commas(report.events),
                                counted(report.erased, "erased"),
                                counted(report.sealed, "sealed, whose keys are not here")));
    } else {
        const std::size_t count = report.findings.size();
        s.out.write(fmt::format("{} finding{}, {} sound events{}\n", with_commas(count),
                                count == 1 ? "" : "s", with_commas(report.events),
                                report.complete ? "" : "; the walk stopped before its end"));
    }
}

}  // namespace

int run(const verify_options& options, session& s) {
    if (is_verify_child()) {
        verify_for_parent([&](idem::verify_options wanted) {
            const auto projections = projections_to_compare(options, s);
            wanted.projections = projections;
            return verify(options.store, wanted);
        });
        return success;
    }
    require_store(options.store);
    progress shown("verify");
    const verify_report report =
        verify_in_child({.progress =
                             [&](std::uint64_t position, std::uint64_t head) {
                                 shown.update({position, head, position});
                             },
                         .report =
                             [&](const finding& found) {
                                 shown.clear();
                                 print(found, s);
                                 s.out.flush();
                             }});
    shown.clear();
    summarise(report, s);
    return report.sound() ? success : findings;
}

}  // namespace idem::cli
