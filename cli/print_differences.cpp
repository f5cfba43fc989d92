#include "print_differences.hpp"

#include <fmt/format.h>

#include "json_line.hpp"
#include "table.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

std::string_view word_of(const row_difference& d) {
    return !d.before ? "added" : !d.after ? "removed" : "changed";
}

}  // namespace

void print_differences(const state& before, const state& after,
                       const std::optional<std::string>& only, session& s) {
    table rows(s,
               {{"change"}, {"key"}, {"before", align::left, true}, {"after", align::left, true}});
    const auto count = diff(before, after, [&](const row_difference& d) {
        const std::string key = print_key(before.keys(), d.key);
        if (only && *only != key) return true;
        const auto printed = [](const state& of, const std::optional<std::string_view>& row) {
            return row ? std::optional(of.row_to_json(*row)) : std::nullopt;
        };
        const auto old = printed(before, d.before);
        const auto now = printed(after, d.after);
        if (s.json) {
            json_line line;
            line.text("change", word_of(d)).text("key", key);
            line.json("before", old.value_or("null")).json("after", now.value_or("null"));
            s.out.write(line.str());
        } else {
            rows.add({std::string(word_of(d)), key, old.value_or(""), now.value_or("")});
        }
        return true;
    });
    rows.flush();
    if (s.json) {
        json_line line;
        line.number("added", count.added).number("removed", count.removed);
        line.number("changed", count.changed).number("same", count.same);
        line.number("position_before", before.position())
            .number("position_after", after.position());
        s.out.write(line.str());
    } else {
        s.out.write(fmt::format(
            "{} added, {} removed, {} changed, {} the same; at positions {} and "
            "{}\n",
            with_commas(count.added), with_commas(count.removed), with_commas(count.changed),
            with_commas(count.same), before.position(), after.position()));
    }
}

}  // namespace idem::cli
