#include "json_projection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <limits>
#include <memory>

#include "idem/error.hpp"
#include "idem/limits.hpp"
#include "input.hpp"
#include "json_fold.hpp"

namespace idem::cli {
namespace {

std::string escaped(std::string_view name) {  // RFC 6901
    std::string out;
    for (const char c : name) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    return out;
}

// A value of the definition and the JSON pointer that leads to it.
class node {
public:
    node(const json& value, std::string pointer, const std::string& origin)
        : value_(&value), pointer_(std::move(pointer)), origin_(&origin) {}

    const json& value() const noexcept { return *value_; }

    [[noreturn]] void refuse(std::string_view why) const {
        throw error(errc::invalid_input,
                    fmt::format("{}: {}: {}", *origin_, pointer_.empty() ? "/" : pointer_, why));
    }

    node at(const std::string& name) const {
        return {(*value_)[name], pointer_ + "/" + escaped(name), *origin_};
    }
    node at(std::size_t index) const {
        return {(*value_)[index], fmt::format("{}/{}", pointer_, index), *origin_};
    }
    bool has(const std::string& name) const { return value_->contains(name); }

    // An object with no other members than these.
    void expect_members(std::initializer_list<std::string_view> known) const {
        std::string all;
        for (const auto name : known) all += fmt::format("{}\"{}\"", all.empty() ? "" : ", ", name);
        if (!value_->is_object()) {
            refuse(fmt::format("is {}; write an object with {}", kind_name(*value_), all));
        }
        for (const auto& member : value_->items()) {
            if (std::find(known.begin(), known.end(), member.key()) == known.end()) {
                refuse(
                    fmt::format("\"{}\" is not known here; the members are {}", member.key(), all));
            }
        }
    }
    std::string text() const {
        if (!value_->is_string() || value_->get_ref<const std::string&>().empty()) {
            refuse(fmt::format("is {}; write a text that is not empty",
                               value_->is_string() ? "empty" : kind_name(*value_)));
        }
        return *value_;
    }
    bool flag(const std::string& name) const {
        if (!has(name)) return false;
        const node member = at(name);
        if (!member.value().is_boolean()) member.refuse("is neither true nor false");
        return member.value().get<bool>();
    }
    std::vector<node> list() const {
        if (!value_->is_array() || value_->empty()) refuse("is not a list with something in it");
        std::vector<node> all;
        for (std::size_t i = 0; i < value_->size(); ++i) all.push_back(at(i));
        return all;
    }

private:
    const json* value_;
    std::string pointer_;
    const std::string* origin_;
};

event_path read_path(const node& n) {
    try {
        return parse_path(n.text());
    } catch (const error& e) {
        if (n.value().is_string()) n.refuse(e.what());
        throw;
    }
}

value_source read_value(const node& n) {
    if (n.value().is_string()) return read_path(n);
    if (!n.value().is_object()) {
        n.refuse("is no path; write a path such as \"data.amount\", or {\"literal\": 5}");
    }
    n.expect_members({"literal"});
    if (!n.has("literal")) n.refuse("has no \"literal\"");
    if (holds_huge_number(n.value())) n.refuse("holds a number beyond 64 bits");
    return n.value()["literal"];
}

std::vector<value_source> read_key(const node& n) {
    if (!n.value().is_array()) return {read_value(n)};
    std::vector<value_source> parts;
    for (const node& part : n.list()) parts.push_back(read_value(part));
    return parts;
}

condition read_condition(const node& n) {
    n.expect_members({"tag", "path", "equals", "exists"});
    if (n.has("tag")) {
        if (n.value().size() > 1) n.refuse("\"tag\" stands alone; write one condition for each");
        return tag_present{n.at("tag").text()};
    }
    if (!n.has("path") || n.has("equals") == n.has("exists")) {
        n.refuse(
            "write {\"tag\": \"...\"}, {\"path\": \"...\", \"equals\": ...} or "
            "{\"path\": \"...\", \"exists\": true}");
    }
    event_path path = read_path(n.at("path"));
    if (n.has("exists")) {
        const bool wanted = n.flag("exists");
        return path_exists{std::move(path), wanted};
    }
    const node wanted = n.at("equals");
    if (wanted.value().is_structured())
        wanted.refuse("compare with text, a number, true, false or null");
    if (holds_huge_number(wanted.value())) wanted.refuse("is a number beyond 64 bits");
    return path_equals{std::move(path), wanted.value()};
}

operation read_operation(const node& n) {
    if (n.value() == "delete") return {.kind = operation_kind::delete_row};
    constexpr std::array kinds{operation_kind::set,    operation_kind::latest, operation_kind::add,
                               operation_kind::count,  operation_kind::max,    operation_kind::min,
                               operation_kind::insert, operation_kind::remove};
    if (!n.value().is_object()) {
        n.refuse("is no operation; write \"delete\" or, for instance, {\"count\": \"goals\"}");
    }
    std::optional<operation> found;
    for (const operation_kind kind : kinds) {
        const std::string name(to_string(kind));
        if (!n.has(name)) continue;
        if (found) {
            n.refuse(fmt::format("is both \"{}\" and \"{}\"; write two operations",
                                 to_string(found->kind), name));
        }
        found = operation{.kind = kind, .field = n.at(name).text()};
        if (found->field == marks_member) {
            n.at(name).refuse("is a name that rows keep for themselves; choose another");
        }
    }
    if (!found) {
        n.refuse(
            "names no operation; they are set, latest, add, count, max, min, insert, remove and "
            "\"delete\"");
    }
    const std::string_view name = to_string(found->kind);
    if (found->kind == operation_kind::count) {
        n.expect_members({name});
        return *found;
    }
    const bool of_numbers = found->kind == operation_kind::add ||
                            found->kind == operation_kind::max ||
                            found->kind == operation_kind::min;
    if (of_numbers) {
        n.expect_members({name, "value", "real", "optional"});
    } else {
        n.expect_members({name, "value", "optional"});
    }
    if (!n.has("value")) n.refuse(fmt::format("\"{}\" needs a \"value\"", name));
    found->value = read_value(n.at("value"));
    found->real = n.flag("real");
    found->optional = n.flag("optional");
    return *found;
}

rule read_rule(const node& n, const std::vector<value_source>& key) {
    n.expect_members({"key", "when", "do"});
    rule r;
    r.key = n.has("key") ? read_key(n.at("key")) : key;
    if (r.key.empty()) n.refuse("has no \"key\", nor has the projection");
    if (n.has("when")) {
        for (const node& c : n.at("when").list()) r.when.push_back(read_condition(c));
    }
    if (!n.has("do")) n.refuse("has no \"do\"");
    for (const node& o : n.at("do").list()) {
        if (!r.operations.empty() && r.operations.back().kind == operation_kind::delete_row) {
            o.refuse("stands behind \"delete\", which must be the last operation");
        }
        r.operations.push_back(read_operation(o));
    }
    return r;
}

std::uint32_t read_version(const node& n) {
    const auto version = as_integer(n.value());
    if (!version || *version < 1 || *version > std::numeric_limits<std::uint32_t>::max()) {
        n.refuse("is no version; they count from 1");
    }
    return static_cast<std::uint32_t>(*version);
}

schema_versions read_versions(const node& n) {
    if (!n.value().is_object()) n.refuse("is no object of versions by event type");
    schema_versions versions;
    for (const auto& member : n.value().items()) {
        versions.emplace(member.key(), read_version(n.at(member.key())));
    }
    return versions;
}

std::string read_name(const node& n) {
    const std::string name = n.text();
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    };
    if (name.size() > limits::name_bytes_max || !std::all_of(name.begin(), name.end(), allowed)) {
        n.refuse(fmt::format("cannot name a projection: at most {} of A-Z a-z 0-9 . _ -",
                             limits::name_bytes_max));
    }
    return name;
}

// Operations that leave a field in a form that only their like may change: a set sorted and
// without repeats, the latest value with its mark. Empty: others may follow.
std::string_view keeper_of(operation_kind kind) {
    if (kind == operation_kind::latest) return "latest";
    const bool is_set = kind == operation_kind::insert || kind == operation_kind::remove;
    return is_set ? "insert and remove" : "";
}

void check_kept_fields(const json_fold& fold, const node& on) {
    // By field: the first operation, and who alone may change it.
    std::map<std::string, std::pair<std::string_view, std::string_view>> fields;
    for (const auto& [type, rules] : fold.rules) {
        for (const auto& r : rules) {
            for (const auto& o : r.operations) {
                const std::string_view keeper = keeper_of(o.kind);
                const auto first =
                    fields.try_emplace(o.field, to_string(o.kind), keeper).first->second;
                if (first.second == keeper) continue;
                on.refuse(
                    fmt::format("the field \"{}\" is changed by \"{}\" and by \"{}\"; only {} may "
                                "change it where it does, so name two fields",
                                o.field, first.first, to_string(o.kind),
                                keeper.empty() ? first.second : keeper));
            }
        }
    }
}

json_fold read_fold(const node& top) {
    top.expect_members({"name", "version", "description", "order", "reads", "key", "on"});
    json_fold fold;
    if (!top.has("name")) top.refuse("has no \"name\"");
    fold.name = read_name(top.at("name"));
    if (top.has("version")) fold.version = read_version(top.at("version"));
    if (top.has("description")) top.at("description").text();
    if (top.has("reads")) fold.reads = read_versions(top.at("reads"));
    std::vector<value_source> key;
    if (top.has("key")) key = read_key(top.at("key"));
    if (!top.has("on")) top.refuse("has no \"on\": the rules by event type");
    const node on = top.at("on");
    if (!on.value().is_object() || on.value().empty())
        on.refuse("is not an object with a rule in it");
    for (const auto& [type, value] : on.value().items()) {
        const node rules = on.at(type);
        if (type.empty()) rules.refuse("an event type cannot be empty; every one is \"*\"");
        auto& read = fold.rules[type];
        if (!value.is_array()) {
            read.push_back(read_rule(rules, key));
        } else {
            for (const node& r : rules.list()) read.push_back(read_rule(r, key));
        }
    }
    check_kept_fields(fold, on);
    return fold;
}

// As it is declared; else as the operations allow.
fold_order read_order(const node& top, const std::vector<std::string>& reasons) {
    if (!top.has("order")) return reasons.empty() ? fold_order::commutative : fold_order::arrival;
    const node declared = top.at("order");
    const std::string word = declared.text();
    if (word == "arrival") return fold_order::arrival;
    if (word == "canonical") return fold_order::canonical;
    if (word != "commutative") {
        declared.refuse("is not an order; write \"arrival\", \"commutative\" or \"canonical\"");
    }
    if (!reasons.empty()) {
        declared.refuse(
            fmt::format("the order of events matters, for {}; write \"canonical\" to "
                        "have one order in every store",
                        reasons.front()));
    }
    return fold_order::commutative;
}

}  // namespace

json_projection parse_json_projection(std::string text, const std::string& origin) {
    json definition;
    try {
        definition = parse_json(text, repeated_members::refused);
    } catch (const error& e) {
        throw error(errc::invalid_input, fmt::format("{}: {}", origin, e.what()));
    }
    const auto fold = std::make_shared<const json_fold>(read_fold(node(definition, "", origin)));
    json_projection result;
    result.order_reasons = order_reasons(*fold);
    result.fold.name = fold->name;
    result.fold.version = fold->version;
    result.fold.reads = fold->reads;
    result.fold.reads_json = true;
    if (!fold->rules.contains("*")) {
        for (const auto& [type, rules] : fold->rules) result.fold.types.push_back(type);
    }
    result.fold.apply = [fold](const event_view& e, state_table& table) { fold->apply(e, table); };
    result.fold.keys_of = [fold](const event_view& e, key_sink& sink) { fold->keys_of(e, sink); };
    result.fold.apply_row = [fold](const event_view& e, std::string_view key,
                                   state_table::slot& row) { fold->apply_row(e, key, row); };
    result.fold.row_to_json = [](std::string_view row) { return visible_row(row); };
    result.fold.order = read_order(node(definition, "", origin), result.order_reasons);
    result.fold.definition = std::move(text);
    return result;
}

json_projection read_json_projection(const std::string& file_name) {
    constexpr std::size_t definition_bytes_max = 256 << 10;
    return parse_json_projection(read_file(file_name, definition_bytes_max), file_name);
}

bool same_definition(std::string_view a, std::string_view b) {
    if (a == b) return true;
    const auto without_prose = [](std::string_view text) {
        json value = parse_json(text, repeated_members::last_counts);
        if (value.is_object()) value.erase("description");
        return value;
    };
    try {
        return without_prose(a) == without_prose(b);
    } catch (const error&) {
        return false;  // one of them is no JSON, such as that of a compiled projection
    }
}

}  // namespace idem::cli
