// Does the order of events matter to a JSON projection? Operations on different fields never meet;
// those on one field must commute.
#include <fmt/format.h>

#include <set>

#include "json_fold.hpp"

namespace idem::cli {
namespace {

// Operations of one word commute with one another, of two words they do not.
std::string_view family_of(const operation& o) {
    switch (o.kind) {
        case operation_kind::set:
            return "set";
        case operation_kind::latest:
            return "the latest, by the stamp that an event first came with";
        case operation_kind::add:
        case operation_kind::count:
            return o.real ? "added to in real numbers" : "added to";
        case operation_kind::max:
            return o.real ? "a real maximum" : "a maximum";
        case operation_kind::min:
            return o.real ? "a real minimum" : "a minimum";
        case operation_kind::insert:
            return "a set that grows";
        case operation_kind::remove:
            return "a set that shrinks";
        case operation_kind::delete_row:
            break;
    }
    return "deleted";
}

bool commutes_with_itself(std::string_view family) {
    return family != "set" && family != "a set that shrinks" &&
           // An event that was appended at two stores came with one stamp or with the other.
           !family.starts_with("the latest") &&
           family != "added to in real numbers";  // floating-point sums round as they go
}

// Where an event stands in the log is where it arrived, which another order would change.
void note_place(const value_source& source, std::set<std::string>& places) {
    const auto* path = std::get_if<event_path>(&source);
    if (!path) return;
    if (path->root == attribute::position || path->root == attribute::revision) {
        places.insert(path->text);
    }
}

void note_places(const rule& r, std::set<std::string>& places) {
    for (const auto& part : r.key) note_place(part, places);
    for (const auto& c : r.when) {
        if (const auto* equals = std::get_if<path_equals>(&c)) note_place(equals->path, places);
    }
    for (const auto& o : r.operations) note_place(o.value, places);
}

}  // namespace

std::vector<std::string> order_reasons(const json_fold& fold) {
    std::map<std::string, std::set<std::string_view>> fields;
    std::set<std::string> places;
    bool deletes = false;
    for (const auto& [type, rules] : fold.rules) {
        for (const auto& r : rules) {
            note_places(r, places);
            for (const auto& o : r.operations) {
                if (o.kind == operation_kind::delete_row) {
                    deletes = true;
                } else {
                    fields[o.field].insert(family_of(o));
                }
            }
        }
    }
    std::vector<std::string> reasons;
    for (const auto& [field, families] : fields) {
        if (families.size() == 1 && commutes_with_itself(*families.begin())) continue;
        std::string all;
        for (const auto& family : families)
            all += fmt::format("{}{}", all.empty() ? "" : " and ", family);
        reasons.push_back(fmt::format("{} is {}", field, all));
    }
    if (deletes) reasons.emplace_back("rows are deleted");
    for (const auto& place : places) reasons.push_back(fmt::format("{} is read", place));
    return reasons;
}

}  // namespace idem::cli
