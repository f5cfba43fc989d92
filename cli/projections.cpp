// idem projections: those that the store keeps, and those that could run on it.
#include <fmt/format.h>

#include <algorithm>

#include "commands.hpp"
#include "exit_code.hpp"
#include "find_projection.hpp"
#include "idem/cloudevents.hpp"
#include "json_line.hpp"
#include "open_store.hpp"
#include "table.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

struct listed {
    known_projection known;
    projection_info kept;
    bool in_store = true;
    std::string stale = {};
    std::optional<unfinished_rebuild> rebuild = {};

    bool is(const std::string& name, std::uint32_t version) const {
        return kept.name == name && kept.version == version;
    }
};

listed without_rows(known_projection known, const std::string& name, std::uint32_t version) {
    projection_info info;
    info.name = name;
    info.version = version;
    return {std::move(known), std::move(info), false};
}

// Of versions that the store has rows of, and of those that it has none of yet.
void add_unfinished(std::vector<listed>& all, const session& s, const store& from) {
    for (const auto& rebuild : unfinished_rebuilds(from.path())) {
        auto found = std::find_if(all.begin(), all.end(), [&](const listed& l) {
            return l.is(rebuild.name, rebuild.version);
        });
        if (found == all.end()) {
            projection_info info;
            info.name = rebuild.name;
            info.version = rebuild.version;
            all.push_back(without_rows(describe(s, info), rebuild.name, rebuild.version));
            found = all.end() - 1;
        }
        found->rebuild = rebuild;
    }
}

std::vector<listed> list(const session& s, const store& from) {
    std::vector<listed> all;
    for (auto& kept : from.projections()) {
        all.push_back({describe(s, kept), kept});
        all.back().stale = kept.stale;
        if (!kept.current) continue;
        const known_projection newest = find_projection(s, from, kept.name);
        if (newest.can_run()) all.back().stale = from.why_stale(newest.fold);
    }
    for (const auto& loaded : s.projections) {
        const bool seen = std::any_of(all.begin(), all.end(), [&](const listed& l) {
            return l.is(loaded.name, loaded.version);
        });
        if (!seen) all.push_back(without_rows({loaded}, loaded.name, loaded.version));
    }
    add_unfinished(all, s, from);
    return all;
}

std::string source_of(const listed& l) {
    if (!l.known.can_run()) return "unknown";
    return l.known.fold.definition.empty() ? "compiled" : "json";
}

void print_json(const listed& l, std::uint64_t head, session& s) {
    json_line line;
    line.text("name", l.kept.name).number("version", l.kept.version);
    line.flag("kept", l.in_store).flag("current", l.in_store && l.kept.current);
    line.number("position", l.kept.position);
    line.number("behind", head - std::min(head, l.kept.position)).number("rows", l.kept.rows);
    line.text("digest", to_string(l.kept.digest)).text("order", order_word(l.known.fold));
    line.text("because", order_reason(l.known)).text("definition", source_of(l));
    std::string reads;
    for (const auto& [type, version] : l.kept.reads) {
        reads += fmt::format("{}{}:{}", reads.empty() ? "" : ",", to_json_string(type), version);
    }
    line.text("fingerprint", l.kept.fingerprint).json("reads", "{" + reads + "}");
    const auto text_or_null = [&line](std::string_view name, const std::string& text) {
        text.empty() ? line.null(name) : line.text(name, text);
    };
    text_or_null("stale", l.stale);
    text_or_null("failure", l.kept.failure);
    line.flag("rebuild", l.rebuild.has_value());
    if (l.known.fold.order == fold_order::canonical) {
        line.number("floor", l.kept.floor).number("refolds", l.kept.refolds);
    }
    s.out.write(line.str());
}

}  // namespace

int run(const projections_options& options, session& s) {
    const store from = open_to_read(options.store);
    const std::uint64_t head = from.head();
    table rows(s, {{"name"},
                   {"version", align::right},
                   {"position", align::right},
                   {"behind", align::right},
                   {"rows", align::right},
                   {"definition"},
                   {"order", align::left, true}});
    std::vector<std::string> troubles;
    const auto all = list(s, from);
    for (const listed& l : all) {
        const std::string name = fmt::format("{}@{}", l.kept.name, l.kept.version);
        if (!l.kept.failure.empty() && l.kept.current) {
            troubles.push_back(fmt::format("{} stands still: {}", name, l.kept.failure));
        }
        if (l.rebuild) {
            troubles.push_back(fmt::format(
                "a rebuild of {} was begun and is not at its end: `idem rebuild` goes on "
                "with it",
                name));
        }
        if (!l.stale.empty()) troubles.push_back(fmt::format("{} is stale: {}", name, l.stale));
        if (s.json) {
            print_json(l, head, s);
            continue;
        }
        const bool in_use = l.in_store && l.kept.current;
        rows.add({l.kept.name, std::to_string(l.kept.version) + (in_use ? " *" : ""),
                  l.in_store  ? with_commas(l.kept.position)
                  : l.rebuild ? "in the making"
                              : "never run",
                  with_commas(head - std::min(head, l.kept.position)), with_commas(l.kept.rows),
                  source_of(l), order_word(l.known.fold) + ": " + order_reason(l.known)});
    }
    rows.finish("projections");
    for (const auto& trouble : troubles) s.tell(trouble);
    return success;
}

}  // namespace idem::cli
