// idem rebuild: projections folded anew beside their rows.
#include "idem/rebuild.hpp"

#include <fmt/format.h>

#include <set>

#include "commands.hpp"
#include "exit_code.hpp"
#include "find_projection.hpp"
#include "idem/error.hpp"
#include "idem/store.hpp"
#include "interrupt.hpp"
#include "json_line.hpp"
#include "missing_keys.hpp"
#include "open_store.hpp"
#include "print_differences.hpp"
#include "progress.hpp"
#include "table.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

// Those that this command knows, and whose rows other code has made.
std::vector<known_projection> all_stale(const store& from, const session& s) {
    std::vector<known_projection> stale;
    std::set<std::string> seen;
    for (const auto& kept : from.projections()) {
        if (!kept.current || !seen.insert(kept.name).second) continue;
        known_projection known = find_projection(s, from, kept.name);
        if (known.can_run() && !from.why_stale(known.fold).empty()) {
            stale.push_back(std::move(known));
        }
    }
    return stale;
}

void print(const known_projection& p, const rebuild_result& result, double seconds, session& s) {
    if (s.json) {
        json_line line;
        line.text("name", p.fold.name).number("version", p.fold.version);
        line.flag("complete", result.complete).number("position", result.position);
        line.number("rows", result.rows).text("digest", to_string(result.digest));
        line.number("replaced", result.replaced ? std::optional<std::uint64_t>(*result.replaced)
                                                : std::nullopt);
        line.number(
            "writer_held_us",
            static_cast<std::uint64_t>(
                std::chrono::duration_cast<std::chrono::microseconds>(result.writer_held).count()));
        s.out.write(line.str());
        return;
    }
    if (!result.complete) return;
    print_fields(s, {{"rebuilt", fmt::format("{}@{}", p.fold.name, p.fold.version)},
                     {"position", with_commas(result.position)},
                     {"rows", with_commas(result.rows)},
                     {"digest", to_string(result.digest)},
                     {"in", fmt::format("{:.1f} s, {}", seconds, rate(result.position, seconds))}});
}

int rebuild(store& to, const known_projection& p, const rebuild_command_options& options,
            const interrupt& signals, session& s) {
    progress shown("replay", s.json_asked);
    const rebuild_result result =
        to.rebuild(p.fold, {.events_per_second_max = options.rate_max.value_or(0),
                            .make_current = !options.no_switch,
                            .resume = !options.restart,
                            .progress = [&](const rebuild_progress& now) {
                                shown.begin(std::string(to_string(now.now)));
                                shown.update({now.position, now.whole, now.position});
                                return !signals.requested();
                            }});
    const double seconds = shown.seconds();
    shown.clear();
    print(p, result, seconds, s);
    if (result.complete) return success;
    s.out.flush();
    s.tell(
        fmt::format("{}@{} was stopped; the old rows are in use, and the next rebuild goes on "
                    "where this one was",
                    p.fold.name, p.fold.version));
    return interrupted_by(signals.signal());
}

// What a rebuild would change.
struct planned_change {
    difference_count count;
    std::vector<shown_difference> sample;  // the first of them
};

planned_change compare_with_kept(const state& rows, const store& from, const session& s) {
    constexpr std::size_t sample_rows = 10;
    planned_change change;
    const auto kept = from.find_projection(rows.name());
    if (!kept) {
        change.count.added = rows.row_count();
        for (const auto& [key, row] : rows.rows({}, sample_rows).rows) {
            change.sample.push_back(show(rows, rows, {key, std::nullopt, row}));
        }
        return change;
    }
    const state before = kept_rows(s, from, kept->name, kept->version);
    change.count = diff(before, rows, [&](const row_difference& d) {
        if (change.sample.size() < sample_rows) change.sample.push_back(show(before, rows, d));
        return true;
    });
    return change;
}

int dry_run(const store& from, const known_projection& p, session& s) {
    progress shown("replay", s.json_asked);
    const std::uint64_t head = from.head();
    const state rows = from.replay(p.fold, store::last_position, [&](std::uint64_t position) {
        shown.update({position, head, position});
    });
    shown.clear();
    const auto [count, sample] = compare_with_kept(rows, from, s);
    if (s.json) {
        json_line line;
        line.text("name", p.fold.name).number("version", p.fold.version);
        line.number("position", rows.position()).number("rows", rows.row_count());
        line.text("digest", to_string(rows.digest())).number("added", count.added);
        line.number("removed", count.removed).number("changed", count.changed);
        std::string differing;
        for (const auto& d : sample) differing += (differing.empty() ? "" : ",") + d.to_json();
        line.number("same", count.same).json("sample", "[" + differing + "]");
        s.out.write(line.str());
        return success;
    }
    print_fields(s, {{"would be", fmt::format("{}@{}", p.fold.name, p.fold.version)},
                     {"position", with_commas(rows.position())},
                     {"rows", with_commas(rows.row_count())},
                     {"digest", to_string(rows.digest())},
                     {"added", with_commas(count.added)},
                     {"removed", with_commas(count.removed)},
                     {"changed", with_commas(count.changed)},
                     {"the same", with_commas(count.same)}});
    difference_table differing(s);
    for (const auto& d : sample) differing.add(d);
    differing.flush();
    return success;
}

}  // namespace

int run(const rebuild_command_options& options, session& s) {
    if (options.names.empty() != options.all_stale) {
        throw error(errc::invalid_input, "name projections to rebuild, or give --all-stale");
    }
    if (options.rate_max == 0) {
        throw error(errc::invalid_input, "--max-rate 0: give at least 1 event a second");
    }
    store to = options.dry_run ? open_to_read(options.store) : open_to_write(options.store);
    std::vector<known_projection> chosen;
    for (const auto& name : options.names) {
        chosen.push_back(find_projection(s, to, name));
        require_definition(chosen.back());
        refuse_changed_definition(to, chosen.back().fold);
    }
    if (options.all_stale) chosen = all_stale(to, s);
    if (chosen.empty()) s.tell("no projection that is known here is stale");
    if (!chosen.empty()) {
        tell_sealed_events(to, "the rows are made without that data; put the file there first", s);
    }
    const interrupt signals;
    for (const auto& p : chosen) {
        const int code = options.dry_run ? dry_run(to, p, s) : rebuild(to, p, options, signals, s);
        if (code != success) return code;
    }
    return success;
}

}  // namespace idem::cli
