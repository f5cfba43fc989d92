// Which changes of a schema leave old events as they were meant. Every rule is one line of
// schemas/EVOLUTION.md.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "schema/model.hpp"

namespace idem {
namespace {

constexpr auto safe = compatibility::safe;
constexpr auto needs_upcaster = compatibility::needs_upcaster;
constexpr auto forbidden = compatibility::forbidden;

class comparison {
public:
    comparison(const schema::model& before, const schema::model& after)
        : before_(before), after_(after) {}

    std::vector<schema_change> run() {
        match(before_.enums, after_.enums, enums_, [](const auto& a, const auto& b) {
            return a.is_union == b.is_union && a.underlying == b.underlying && same_values(a, b);
        });
        match(before_.objects, after_.objects, objects_,
              [this](const auto& a, const auto& b) { return same_fields(a, b); });
        compare_whole();
        for (std::size_t i = 0; i < before_.objects.size(); ++i) compare_object(i);
        for (std::size_t i = 0; i < before_.enums.size(); ++i) compare_enum(i);
        for (const auto& o : after_.objects) {
            if (!before_.find_object(o.name) && !is_renamed(o.name)) {
                add(o.is_struct ? "struct_added" : "table_added", o.name, "", safe, "is new");
            }
        }
        return std::move(changes_);
    }

private:
    void add(std::string rule, std::string_view table, std::string_view field,
             compatibility gravity, std::string_view what) {
        const std::string place = field.empty()   ? std::string(table)
                                  : table.empty() ? std::string(field)
                                                  : fmt::format("{}.{}", table, field);
        changes_.push_back({std::move(rule), std::string(table), std::string(field), gravity,
                            place.empty() ? std::string(what) : fmt::format("{} {}", place, what)});
    }

    // For each type of old the one that it is now: of its name, or else a new one that is the same
    // but for the name.
    template <class Types, class Same>
    static void match(const Types& old, const Types& now, std::vector<std::size_t>& found,
                      Same same) {
        const auto index_of = [](const Types& in, std::string_view name) {
            const auto at = std::find_if(in.begin(), in.end(),
                                         [name](const auto& t) { return t.name == name; });
            return at == in.end() ? no_index : static_cast<std::size_t>(at - in.begin());
        };
        std::vector<std::size_t> added;
        for (std::size_t i = 0; i < now.size(); ++i) {
            if (index_of(old, now[i].name) == no_index) added.push_back(i);
        }
        for (const auto& type : old) found.push_back(index_of(now, type.name));
        for (std::size_t i = 0; i < old.size(); ++i) {
            if (found[i] != no_index) continue;
            const auto renamed =
                std::find_if(added.begin(), added.end(),
                             [&](std::size_t candidate) { return same(old[i], now[candidate]); });
            if (renamed == added.end()) continue;
            found[i] = *renamed;
            added.erase(renamed);
        }
    }

    bool is_renamed(std::string_view now) const {
        for (std::size_t i = 0; i < objects_.size(); ++i) {
            if (objects_[i] != no_index && after_.objects[objects_[i]].name == now) return true;
        }
        return false;
    }

    static bool same_values(const schema_enum& a, const schema_enum& b) {
        return std::equal(a.values.begin(), a.values.end(), b.values.begin(), b.values.end(),
                          [](const enum_value& x, const enum_value& y) {
                              return x.name == y.name && x.value == y.value;
                          });
    }
    // But for the types that they name, which may be renamed too.
    static bool same_fields(const schema_object& a, const schema_object& b) {
        return !a.fields.empty() && a.is_struct == b.is_struct &&
               std::equal(a.fields.begin(), a.fields.end(), b.fields.begin(), b.fields.end(),
                          [](const schema_field& x, const schema_field& y) {
                              return x.name == y.name && x.type.base == y.type.base &&
                                     x.type.element == y.type.element;
                          });
    }

    bool same_type(const field_type& a, const field_type& b) const {
        return a.base == b.base && a.element == b.element && a.length == b.length &&
               (a.object == no_index ? b.object == no_index : objects_[a.object] == b.object);
    }
    bool same_enum(const field_type& a, const field_type& b) const {
        return a.enumeration == no_index ? b.enumeration == no_index
                                         : enums_[a.enumeration] == b.enumeration;
    }

    void compare_whole() {
        if (before_.file_identifier != after_.file_identifier) {
            add("file_identifier_changed", "", "file_identifier", forbidden,
                fmt::format(
                    "was \"{}\" and is \"{}\": readers that check it refuse every old event",
                    before_.file_identifier, after_.file_identifier));
        }
        if (before_.root != after_.root) {
            add("root_type_changed", "", "root_type", safe,
                fmt::format("was {} and is {}: events name their type themselves",
                            before_.root.empty() ? "none" : before_.root,
                            after_.root.empty() ? "none" : after_.root));
        }
    }

    void compare_object(std::size_t index) {
        const schema_object& old = before_.objects[index];
        const std::string kind = old.is_struct ? "struct" : "table";
        if (objects_[index] == no_index) {
            add(kind + "_deleted", old.name, "", needs_upcaster,
                "is gone: nothing reads the events that hold it");
            return;
        }
        const schema_object& now = after_.objects[objects_[index]];
        if (now.name != old.name) {
            add(kind + "_renamed", old.name, "", needs_upcaster,
                fmt::format("is named {} now, and old events bear the old name", now.name));
        }
        if (old.is_struct != now.is_struct) {
            add("kind_changed", old.name, "", forbidden,
                fmt::format("was a {} and is a {}, which are laid out otherwise", kind,
                            now.is_struct ? "struct" : "table"));
        } else if (old.is_struct) {
            compare_struct(old, now);
        } else {
            compare_table(old, now);
        }
    }

    void compare_struct(const schema_object& old, const schema_object& now) {
        const bool same_layout =
            old.size == now.size && old.align == now.align &&
            std::equal(old.fields.begin(), old.fields.end(), now.fields.begin(), now.fields.end(),
                       [this](const schema_field& a, const schema_field& b) {
                           return a.offset == b.offset && same_type(a.type, b.type);
                       });
        if (!same_layout) {
            add("struct_changed", old.name, "", forbidden,
                "has other fields: a struct never changes; make another, and a field that holds "
                "it");
            return;
        }
        for (std::size_t i = 0; i < old.fields.size(); ++i) {
            const schema_field& f = old.fields[i];
            if (const auto* moved = now.find(f.name); moved && moved->id != f.id) {
                add("field_id_changed", old.name, f.name, forbidden,
                    "has changed places with another: old events would be misread");
            } else if (!moved) {
                add_renamed(old, f, now.fields[i]);
            }
            compare_enum_of(old, f, now.fields[i]);
        }
    }

    void compare_table(const schema_object& old, const schema_object& now) {
        std::set<std::uint16_t> known;  // fields of now that are fields of old
        for (const schema_field& f : old.fields) {
            const schema_field* same_name = now.find(f.name);
            const schema_field* same_id = f.id < now.fields.size() ? &now.fields[f.id] : nullptr;
            if (same_name) {
                known.insert(same_name->id);
                compare_field(old, f, *same_name);
            } else if (!same_id || old.find(same_id->name)) {
                add("field_deleted", old.name, f.name, needs_upcaster,
                    "is gone: what old events hold is lost, and a later field may take its place; "
                    "mark it (deprecated) instead");
            } else {
                known.insert(same_id->id);
                compare_successor(old, f, *same_id);
            }
        }
        for (const schema_field& f : now.fields) {
            if (known.contains(f.id)) continue;
            if (f.required) {
                add("field_added_required", old.name, f.name, needs_upcaster,
                    "is new and required: old events lack it, and their verifier would refuse "
                    "them");
            } else {
                add("field_added", old.name, f.name, safe, "is new");
            }
        }
    }

    // A field of another name stands where the old one stood.
    void compare_successor(const schema_object& table, const schema_field& old,
                           const schema_field& now) {
        if (same_type(old.type, now.type) && same_enum(old.type, now.type)) {
            add_renamed(table, old, now);
            compare_field(table, old, now);
        } else {
            add("field_replaced", table.name, old.name, forbidden,
                fmt::format("is gone and {} of another type has its place: old events would be "
                            "misread; keep the old one as (deprecated)",
                            now.name));
        }
    }

    void add_renamed(const schema_object& table, const schema_field& old, const schema_field& now) {
        add("field_renamed", table.name, old.name, needs_upcaster,
            fmt::format("is named {} now: what reads old events by name finds nothing", now.name));
    }

    void compare_field(const schema_object& table, const schema_field& old,
                       const schema_field& now) {
        const auto report = [&](std::string rule, compatibility gravity, std::string_view what) {
            add(std::move(rule), table.name, now.name, gravity, what);
        };
        if (old.id != now.id) {
            return report("field_id_changed", forbidden,
                          fmt::format("had id {} and has {}: old events would be misread; add new "
                                      "fields at the end, or with (id: n)",
                                      old.id, now.id));
        }
        const bool other_nested =
            old.nested != no_index && now.nested != no_index && objects_[old.nested] != now.nested;
        if (!same_type(old.type, now.type) || other_nested) {
            return report("field_type_changed", forbidden,
                          "has another type: old events would be misread; add a new field");
        }
        compare_enum_of(table, old, now);
        const bool real = is_real(now.type.base);
        if (real ? !(old.default_real == now.default_real)
                 : old.default_integer != now.default_integer) {
            report("field_default_changed", needs_upcaster,
                   real ? fmt::format("had the default {} and has {}, which old events now mean",
                                      old.default_real, now.default_real)
                        : fmt::format("had the default {} and has {}, which old events now mean",
                                      old.default_integer, now.default_integer));
        }
        if (old.optional != now.optional) {
            report("field_presence_changed", needs_upcaster,
                   now.optional ? "may be absent now: old events left out what was the default"
                                : "has a default now, which old events without it take on");
        }
        if (!old.required && now.required) {
            report("field_made_required", needs_upcaster,
                   "is required now: the verifier refuses old events without it");
        }
        if (old.required && !now.required) {
            report("field_made_optional", safe, "is not required any more");
        }
        if (!old.deprecated && now.deprecated) {
            report("field_deprecated", safe, "is deprecated; old events keep what they hold");
        }
        if (old.deprecated && !now.deprecated) report("field_restored", safe, "is read again");
        if (old.key != now.key) {
            report("field_key_changed", needs_upcaster,
                   "is a key or none any more: lists in old events are sorted otherwise");
        }
    }

    void compare_enum_of(const schema_object& table, const schema_field& old,
                         const schema_field& now) {
        if (same_enum(old.type, now.type)) return;
        const bool holds_union =
            old.type.base == base_type::union_value || old.type.base == base_type::union_type ||
            old.type.element == base_type::union_value || old.type.element == base_type::union_type;
        if (holds_union) {
            add("field_type_changed", table.name, now.name, forbidden,
                "holds another union: old events would be misread; add a new field");
        } else {
            add("field_enum_changed", table.name, now.name, needs_upcaster,
                "has another enum: the numbers in old events have other names");
        }
    }

    void compare_enum(std::size_t index) {
        const schema_enum& old = before_.enums[index];
        const std::string kind = old.is_union ? "union" : "enum";
        if (enums_[index] == no_index) {
            add(kind + "_deleted", old.name, "", needs_upcaster,
                "is gone: the values in old events have no names");
            return;
        }
        const schema_enum& now = after_.enums[enums_[index]];
        if (now.name != old.name) {
            add(kind + "_renamed", old.name, "", safe,
                fmt::format("is named {} now, which events do not hold", now.name));
        }
        if (old.is_union != now.is_union || old.underlying != now.underlying) {
            add("enum_type_changed", old.name, "", forbidden,
                "is of another kind: the numbers in old events mean something else");
            return;
        }
        compare_values(old, now, old.is_union ? "union_member" : "enum_value");
    }

    void compare_values(const schema_enum& old, const schema_enum& now, const std::string& kind) {
        std::set<std::string_view> known;
        for (const enum_value& v : old.values) {
            const enum_value* same_name = now.find(std::string_view(v.name));
            const enum_value* same_number = now.find(v.value);
            if (same_name && same_name->value != v.value) {
                add(kind + "_changed", old.name, v.name, forbidden,
                    fmt::format("was {} and is {}: old events would be misread; add new ones at "
                                "the end",
                                v.value, same_name->value));
            } else if (same_name && !same_type(v.member, same_name->member)) {
                add(kind + "_changed", old.name, v.name, forbidden,
                    "is of another type: old events would be misread; add a new member");
            } else if (!same_name && same_number &&
                       !old.find(std::string_view(same_number->name)) &&
                       same_type(v.member, same_number->member)) {
                known.insert(same_number->name);
                add(kind + "_renamed", old.name, v.name, needs_upcaster,
                    fmt::format("is named {} now", same_number->name));
            } else if (!same_name && same_number) {
                add(kind + "_changed", old.name, v.name, forbidden,
                    fmt::format("is gone and {} has its number: old events would be misread; add "
                                "new ones at the end",
                                same_number->name));
            } else if (!same_name) {
                add(kind + "_deleted", old.name, v.name, needs_upcaster,
                    "is gone: events that hold it have a value without a name");
            }
            known.insert(v.name);
        }
        for (const enum_value& v : now.values) {
            if (!known.contains(v.name)) add(kind + "_added", old.name, v.name, safe, "is new");
        }
    }

    const schema::model& before_;
    const schema::model& after_;
    std::vector<std::size_t> objects_;  // of before_: the same of after_, or no_index
    std::vector<std::size_t> enums_;
    std::vector<schema_change> changes_;
};

}  // namespace

std::string_view to_string(compatibility value) noexcept {
    switch (value) {
        case compatibility::safe:
            return "safe";
        case compatibility::needs_upcaster:
            return "needs_upcaster";
        case compatibility::forbidden:
            return "forbidden";
    }
    return "unknown";
}

std::vector<schema_change> compare(const schema& before, const schema& after) {
    return comparison(before.get_model(), after.get_model()).run();
}

compatibility worst(const std::vector<schema_change>& changes) noexcept {
    compatibility gravest = compatibility::safe;
    for (const auto& c : changes) gravest = std::max(gravest, c.compatibility);
    return gravest;
}

}  // namespace idem
