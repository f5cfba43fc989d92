#include "json_fold.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "idem/error.hpp"

namespace idem::cli {
namespace {

[[noreturn]] void fail(const std::string& why) {
    throw error(errc::invalid_input, why);
}

[[noreturn]] void fail(const operation& o, std::string_view why) {
    fail(fmt::format("{} \"{}\": {}", to_string(o.kind), o.field, why));
}

std::string told(const value_source& source) {
    if (const auto* path = std::get_if<event_path>(&source)) return path->text;
    return "the literal " + std::get<json>(source).dump();
}

std::optional<json> find(const value_source& source, event_values& e) {
    if (const auto* path = std::get_if<event_path>(&source)) return e.find(*path);
    return std::get<json>(source);
}

bool equal(const json& a, const json& b) {
    const auto left = as_integer(a);
    const auto right = as_integer(b);
    if (left && right) return *left == *right;
    return a.type() == b.type() && a == b;
}

bool holds(const condition& c, event_values& e) {
    if (const auto* tag = std::get_if<tag_present>(&c)) return e.has_tag(tag->tag);
    if (const auto* path = std::get_if<path_exists>(&c)) {
        return e.find(path->path).has_value() == path->wanted;
    }
    const auto& wanted = std::get<path_equals>(c);
    const auto found = e.find(wanted.path);
    return found && equal(*found, wanted.wanted);
}

std::string key_of(const rule& r, event_values& e) {
    std::string key;
    for (const auto& part : r.key) {
        if (&part != &r.key.front()) key += '/';
        const auto value = find(part, e);
        if (!value) {
            fail(
                fmt::format("key: {0} is missing; if such events are to be passed over, add the "
                            "condition {{\"path\": \"{0}\", \"exists\": true}}",
                            told(part)));
        }
        if (value->is_string()) {
            key += value->get_ref<const std::string&>();
        } else if (as_integer(*value) || value->is_boolean()) {
            key += value->dump();
        } else {
            fail(fmt::format("key: {} is {}; a key is made of text, integers, true and false",
                             told(part), kind_name(*value)));
        }
    }
    return key;
}

// ---- operations on one field of a row

wide_integer integer_of(const operation& o, const json& value, std::string_view whose) {
    if (const auto integer = as_integer(value)) return *integer;
    fail(o, fmt::format(
                "{} is {}, not an integer of 64 bits{}", whose, kind_name(value),
                value.is_number_float() ? "; numbers with a fraction need \"real\": true" : ""));
}

double real_of(const operation& o, const json& value, std::string_view whose) {
    if (!value.is_number()) fail(o, fmt::format("{} is {}, not a number", whose, kind_name(value)));
    return value.get<double>() + 0.0;  // -0.0 becomes 0.0: equal numbers have equal bytes
}

void add(const operation& o, json& row, const json& value, std::string_view whose) {
    const auto old = row.find(o.field);
    const std::string field_name = "the field";
    if (o.real) {
        const double before = old == row.end() ? 0.0 : real_of(o, *old, field_name);
        const double sum = before + real_of(o, value, whose);
        if (!std::isfinite(sum)) fail(o, "the sum is beyond the range of real numbers");
        row[o.field] = sum + 0.0;
        return;
    }
    const wide_integer before = old == row.end() ? 0 : integer_of(o, *old, field_name);
    const auto sum = to_json(before + integer_of(o, value, whose));
    if (!sum) fail(o, "the sum is beyond the range of 64-bit integers");
    row[o.field] = *sum;
}

// Text with text, integers with integers; with "real", numbers with numbers.
void keep_extreme(const operation& o, json& row, const json& given, std::string_view whose) {
    const bool largest = o.kind == operation_kind::max;
    const auto old = row.find(o.field);
    if (o.real) {
        const double value = real_of(o, given, whose);
        const double before = old == row.end() ? value : real_of(o, *old, "the field");
        row[o.field] = largest ? std::max(before, value) : std::min(before, value);
        return;
    }
    if (!given.is_string()) integer_of(o, given, whose);
    if (old == row.end()) {
        row[o.field] = given;
        return;
    }
    if (!old->is_string()) integer_of(o, *old, "the field");
    if (old->is_string() != given.is_string()) {
        fail(o, fmt::format("{} is {} where the field holds {}; they have no order", whose,
                            kind_name(given), kind_name(*old)));
    }
    const auto less = [](const json& a, const json& b) {
        return a.is_string() ? a < b : *as_integer(a) < *as_integer(b);
    };
    if (largest ? less(*old, given) : less(given, *old)) *old = given;
}

// false, true, integers, text; within them by value.
bool member_less(const json& a, const json& b) {
    const auto rank = [](const json& v) { return v.is_boolean() ? 0 : v.is_string() ? 2 : 1; };
    if (rank(a) != rank(b)) return rank(a) < rank(b);
    return rank(a) == 1 ? *as_integer(a) < *as_integer(b) : a < b;
}

void change_set(const operation& o, json& row, const json& member, std::string_view whose) {
    if (!member.is_string() && !member.is_boolean() && !as_integer(member)) {
        fail(o, fmt::format("{} is {}; the members of a set are text, integers, true and false",
                            whose, kind_name(member)));
    }
    json& members = row[o.field];  // changed by insert and remove alone: the grammar sees to it
    if (members.is_null()) members = json::array();
    const auto place = std::lower_bound(members.begin(), members.end(), member, member_less);
    const bool present = place != members.end() && !member_less(member, *place);
    if (o.kind == operation_kind::insert) {
        if (!present) members.insert(place, member);
    } else if (present) {
        members.erase(place);
    }
}

// Of the values given the one whose event is latest by its mark. Of two of one event the greater,
// as it is spelt.
void keep_latest(const operation& o, json& row, const json& value, const std::string& mark) {
    json& known = row[std::string(marks_member)][o.field];
    const bool later = !known.is_string() || known.get_ref<const std::string&>() < mark;
    if (!later && (known != mark || value.dump() <= row[o.field].dump())) return;
    known = mark;
    row[o.field] = value;
}

// False: passed over.
bool change(const operation& o, json& row, event_values& e) {
    if (o.kind == operation_kind::count) {
        add(o, row, json(1U), "1");
        return true;
    }
    const auto value = find(o.value, e);
    if (!value) {
        if (o.optional) return false;
        fail(o,
             fmt::format("{} is missing; if such events are to be passed over, give the operation "
                         "\"optional\": true",
                         told(o.value)));
    }
    const std::string whose = told(o.value);
    switch (o.kind) {
        case operation_kind::add:
            add(o, row, *value, whose);
            break;
        case operation_kind::max:
        case operation_kind::min:
            keep_extreme(o, row, *value, whose);
            break;
        case operation_kind::insert:
        case operation_kind::remove:
            change_set(o, row, *value, whose);
            break;
        default:
            if (holds_huge_number(*value)) {
                fail(o, fmt::format("{} holds a number beyond 64 bits, which would lose digits; "
                                    "send it as text",
                                    whose));
            }
            if (o.kind == operation_kind::latest) {
                keep_latest(o, row, *value, e.mark());
            } else {
                row[o.field] = *value;
            }
    }
    return true;
}

void apply_operations(const rule& r, event_values& e, state_table::slot& slot) {
    json row = slot.present ? parse_row(slot.bytes) : json::object();
    bool changed = false;
    for (const auto& o : r.operations) {
        if (o.kind == operation_kind::delete_row) {  // the last one, by the grammar
            slot.changed = slot.changed || slot.present;
            slot.present = false;
            slot.bytes.clear();
            return;
        }
        changed = change(o, row, e) || changed;
    }
    if (!changed) return;
    slot.bytes = row.dump();  // members in the order of their names: equal rows have equal bytes
    slot.present = slot.changed = true;
}

// The rules that hold for an event, in order.
template <class Visit>
void each_rule(const json_fold& fold, const event_view& e, event_values& values, Visit&& visit) {
    for (const std::string_view type : {e.type(), std::string_view("*")}) {
        const auto found = fold.rules.find(type);
        if (found == fold.rules.end()) continue;
        for (const rule& r : found->second) {
            if (std::all_of(r.when.begin(), r.when.end(),
                            [&values](const condition& c) { return holds(c, values); })) {
                visit(r);
            }
        }
    }
}

}  // namespace

std::string_view to_string(operation_kind kind) noexcept {
    switch (kind) {
        case operation_kind::set:
            return "set";
        case operation_kind::latest:
            return "latest";
        case operation_kind::add:
            return "add";
        case operation_kind::count:
            return "count";
        case operation_kind::max:
            return "max";
        case operation_kind::min:
            return "min";
        case operation_kind::insert:
            return "insert";
        case operation_kind::remove:
            return "remove";
        case operation_kind::delete_row:
            return "delete";
    }
    return "unknown";
}

std::string visible_row(std::string_view row) {
    if (row.find(marks_member) == std::string_view::npos) return std::string(row);
    json all = parse_row(row);
    all.erase(std::string(marks_member));
    return all.dump();
}

void json_fold::apply(const event_view& e, state_table& table) const {
    event_values values(e);
    each_rule(*this, e, values,
              [&](const rule& r) { apply_operations(r, values, table.at(key_of(r, values))); });
}

void json_fold::keys_of(const event_view& e, key_sink& sink) const {
    event_values values(e);
    std::set<std::string> keys;
    each_rule(*this, e, values, [&](const rule& r) {
        const auto [key, first] = keys.insert(key_of(r, values));
        if (first) sink.take(*key);
    });
}

void json_fold::apply_row(const event_view& e, std::string_view key, state_table::slot& row) const {
    event_values values(e);
    each_rule(*this, e, values, [&](const rule& r) {
        if (key_of(r, values) == key) apply_operations(r, values, row);
    });
}

}  // namespace idem::cli
