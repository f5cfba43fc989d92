// Which changes of a schema leave old events as they were meant. Every rule is one line of
// schemas/EVOLUTION.md.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <set>

#include "base/text.hpp"
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
        enums_ = match(before_.enums, after_.enums,
                       [](const schema::model& in, const std::string& name) {
                           const schema_enum* found = in.find_enum(name);
                           return found ? place_of(in.enums, found) : no_index;
                       });
        objects_ = match(before_.objects, after_.objects,
                         [](const schema::model& in, const std::string& name) {
                             const schema_object* found = in.find_object(name);
                             return found ? place_of(in.objects, found) : no_index;
                         });
        compare_whole();
        for (std::size_t i = 0; i < before_.objects.size(); ++i) compare_object(i);
        for (std::size_t i = 0; i < before_.enums.size(); ++i) compare_enum(i);
        std::vector<bool> known(after_.objects.size());
        for (const std::size_t i : objects_) {
            if (i != no_index) known[i] = true;
        }
        for (std::size_t i = 0; i < known.size(); ++i) {
            if (known[i]) continue;
            const schema_object& o = after_.objects[i];
            add(o.is_struct ? "struct_added" : "table_added", o.name, "", safe, "is new");
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

    template <class Type>
    static std::size_t place_of(const std::vector<Type>& in, const Type* found) {
        return static_cast<std::size_t>(found - in.data());
    }

    // For each type of old the one that it is now: of its name, or else a new one that is the same
    // but for the name; of several such the one that has only moved to another namespace.
    template <class Types, class Find>
    std::vector<std::size_t> match(const Types& old, const Types& now, Find find) const {
        std::vector<std::size_t> found;
        for (const auto& type : old) found.push_back(find(after_, type.name));
        std::vector<bool> taken;
        for (const auto& type : now) taken.push_back(find(before_, type.name) != no_index);
        for (const bool only_moved : {true, false}) {
            std::map<std::string, std::deque<std::size_t>> added;
            for (std::size_t i = 0; i < now.size(); ++i) {
                if (!taken[i]) added[but_for_the_name(now[i], only_moved)].push_back(i);
            }
            added.erase("");
            for (std::size_t i = 0; i < old.size(); ++i) {
                if (found[i] != no_index) continue;
                const auto same = added.find(but_for_the_name(old[i], only_moved));
                if (same == added.end() || same->second.empty()) continue;
                found[i] = same->second.front();
                taken[found[i]] = true;
                same->second.pop_front();
            }
        }
        return found;
    }

    template <class Type>
    static std::string but_for_the_name(const Type& type, bool only_moved) {
        if (!only_moved) return shape_of(type);
        return type.name.substr(type.name.rfind('.') + 1) + " " + shape_of(type);
    }

    static std::string shape_of(const schema_enum& e) {
        std::string shape = fmt::format("{} {}", e.is_union, static_cast<int>(e.underlying));
        for (const enum_value& v : e.values) shape += fmt::format(" {}={}", v.name, v.value);
        return shape;
    }
    // But for the types that they name, which may be renamed too. Empty where it says nothing.
    static std::string shape_of(const schema_object& o) {
        if (o.fields.empty()) return {};
        std::string shape = o.is_struct ? "struct" : "table";
        for (const schema_field& f : o.fields) {
            shape += fmt::format(" {}:{}:{}", f.name, static_cast<int>(f.type.base),
                                 static_cast<int>(f.type.element));
        }
        return shape;
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
                fmt::format("was {} and is {}: readers that check it refuse every old event",
                            text::shown(before_.file_identifier),
                            text::shown(after_.file_identifier)));
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
            compare_key(old, f, now.fields[i]);
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
        compare_key(table, old, now);
        if ((old.nested == no_index) != (now.nested == no_index)) {
            report(
                "field_nested_changed", needs_upcaster,
                now.nested == no_index
                    ? "is no table within bytes any more, or was compiled without --bfbs-builtins"
                    : "is a table within bytes now: what old events hold need be none");
        }
        if (!old.deprecated && now.deprecated) {
            report("field_deprecated", safe, "is deprecated; old events keep what they hold");
        }
        if (old.deprecated && !now.deprecated) report("field_restored", safe, "is read again");
        if (old.required && !now.required) {
            report("field_made_optional", safe, "is not required any more");
        }
        if (!now.deprecated) compare_absence(table, old, now);
    }

    // What old events mean that lack the field, for those who still read it.
    void compare_absence(const schema_object& table, const schema_field& old,
                         const schema_field& now) {
        if (!old.required && now.required) {
            add("field_made_required", table.name, now.name, needs_upcaster,
                "is required now: the verifier refuses old events without it");
        }
        if (old.optional != now.optional) {
            add("field_presence_changed", table.name, now.name, needs_upcaster,
                now.optional ? "may be absent now: old events left out what was the default"
                             : "has a default now, which old events without it take on");
        } else if (!same_default(old, now)) {
            const bool real = is_real(now.type.base);
            add("field_default_changed", table.name, now.name, needs_upcaster,
                fmt::format("had the default {} and has {}, which old events now mean",
                            real ? fmt::format("{}", old.default_real) : shown_integer(old),
                            real ? fmt::format("{}", now.default_real) : shown_integer(now)));
        }
    }

    static bool same_default(const schema_field& old, const schema_field& now) {
        if (!is_scalar(now.type.base) || now.optional) return true;
        if (!is_real(now.type.base)) return old.default_integer == now.default_integer;
        if (std::isnan(old.default_real) || std::isnan(now.default_real)) {
            return std::isnan(old.default_real) && std::isnan(now.default_real);
        }
        if (now.type.base == base_type::float32) {
            return static_cast<float>(old.default_real) == static_cast<float>(now.default_real);
        }
        return old.default_real == now.default_real;
    }

    static std::string shown_integer(const schema_field& f) {
        return f.type.base == base_type::uint64
                   ? fmt::format("{}", static_cast<std::uint64_t>(f.default_integer))
                   : fmt::format("{}", f.default_integer);
    }

    void compare_key(const schema_object& table, const schema_field& old, const schema_field& now) {
        if (old.key == now.key) return;
        add("field_key_changed", table.name, now.name, needs_upcaster,
            "is a key or none any more: lists in old events are sorted otherwise");
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
        if (old.bit_flags && !now.bit_flags) {
            add("enum_flags_dropped", old.name, "", needs_upcaster,
                "is no enum of flags any more, or was compiled without --bfbs-builtins: several "
                "flags in one value of old events have no name");
        }
        if (!old.bit_flags && now.bit_flags) {
            add("enum_flags_added", old.name, "", safe, "is an enum of flags now");
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
