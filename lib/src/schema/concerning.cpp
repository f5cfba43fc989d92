#include "schema/concerning.hpp"

#include <set>
#include <string_view>

namespace idem {
namespace {

// The names of all types that a payload of `table` may hold, its own among them.
std::set<std::string_view> reachable(const schema::model& model, const schema_object& table) {
    std::set<std::string_view> names{table.name};
    std::vector<const schema_object*> open{&table};
    const auto visit = [&](const field_type& t) {
        if (t.object == no_index) return;
        const schema_object& o = model.objects[t.object];
        if (names.insert(o.name).second) open.push_back(&o);
    };
    while (!open.empty()) {
        const schema_object& o = *open.back();
        open.pop_back();
        for (const schema_field& f : o.fields) {
            visit(f.type);
            if (f.nested != no_index) {
                const schema_object& nested = model.objects[f.nested];
                if (names.insert(nested.name).second) open.push_back(&nested);
            }
            if (f.type.enumeration == no_index) continue;
            const schema_enum& e = model.enums[f.type.enumeration];
            if (!names.insert(e.name).second) continue;
            for (const enum_value& v : e.values) visit(v.member);
        }
    }
    return names;
}

}  // namespace

std::vector<schema_change> type_comparison::changes_of(const schema_object& table,
                                                       const schema& before) {
    const auto [all, is_new] = changes_.try_emplace(&before.get_model());
    if (is_new) all->second = compare(before, after_);
    if (all->second.empty()) return {};
    auto names = reachable(before.get_model(), table);
    if (const auto* const now = after_.get_model().find_object(table.name)) {
        names.merge(reachable(after_.get_model(), *now));
    }
    std::vector<schema_change> found;
    for (const auto& c : all->second) {
        const bool of_all = c.table.empty() && c.rule == "file_identifier_changed";
        // A new type changes nothing by itself: the field that holds it does.
        const bool is_news = c.rule == "table_added" || c.rule == "struct_added";
        if (of_all || (!is_news && names.contains(c.table))) found.push_back(c);
    }
    return found;
}

}  // namespace idem
