#include "print_differences.hpp"

#include <fmt/format.h>

#include "json_line.hpp"
#include "text.hpp"

namespace idem::cli {
namespace {

std::string_view word_of(const row_difference& d) {
    return !d.before ? "added" : !d.after ? "removed" : "changed";
}

}  // namespace

std::string shown_difference::to_json() const {
    json_line line;
    line.text("change", change).text("key", key);
    line.json("before", before.value_or("null")).json("after", after.value_or("null"));
    return line.object();
}

shown_difference show(const state& before, const state& after, const row_difference& d) {
    const auto printed = [](const state& of, const std::optional<std::string_view>& row) {
        return row ? std::optional(of.row_to_json(*row)) : std::nullopt;
    };
    return {std::string(word_of(d)), print_key(after.keys(), d.key), printed(before, d.before),
            printed(after, d.after)};
}

difference_table::difference_table(session& s)
    : table_(s,
             {{"change"}, {"key"}, {"before", align::left, true}, {"after", align::left, true}}) {}

void difference_table::add(const shown_difference& d) {
    table_.add({d.change, d.key, d.before.value_or(""), d.after.value_or("")});
}

void print_differences(const state& before, const state& after, const difference_choice& choice,
                       session& s) {
    difference_table rows(s);
    std::uint64_t printed = 0;
    const auto count = diff(before, after, [&](const row_difference& d) {
        if (choice.limit && printed == *choice.limit) return true;
        if (choice.key && *choice.key != print_key(before.keys(), d.key)) return true;
        ++printed;
        const auto shown = show(before, after, d);
        s.json ? s.out.write(shown.to_json() + "\n") : rows.add(shown);
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
