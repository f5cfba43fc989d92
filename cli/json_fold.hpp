// A JSON projection after it was read: rules, and how they change a row.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "idem/projection.hpp"
#include "json_path.hpp"
#include "json_value.hpp"

namespace idem::cli {

using value_source = std::variant<event_path, json>;  // found in the event, or a literal

struct tag_present {
    std::string tag;
};
struct path_equals {
    event_path path;
    json wanted;  // text, a number, true, false or null
};
struct path_exists {
    event_path path;
    bool wanted = true;
};
using condition = std::variant<tag_present, path_equals, path_exists>;

enum class operation_kind : std::uint8_t {
    set,
    latest,
    add,
    count,
    max,
    min,
    insert,
    remove,
    delete_row,
};
std::string_view to_string(operation_kind kind) noexcept;

// The member of a row that holds the marks of the events whose values "latest" has kept, by field.
// No row is printed with it.
inline constexpr std::string_view marks_member = "$latest";
// A row as people see it.
std::string visible_row(std::string_view row);

struct operation {
    operation_kind kind = operation_kind::set;
    std::string field = {};   // none for delete_row
    value_source value = {};  // none for count and delete_row
    bool real = false;        // add, max, min: numbers with a fraction
    bool optional = false;    // passed over where the event lacks the value
};

struct rule {
    std::vector<value_source> key;  // parts, joined by "/"
    std::vector<condition> when;    // all must hold
    std::vector<operation> operations;
};

struct json_fold {
    std::string name;
    std::uint32_t version = 1;
    schema_versions reads;  // of event types; the newest that the store knows where not named
    std::map<std::string, std::vector<rule>, std::less<>> rules;  // by event type; "*": every one

    // Throws idem::error that names operation and path; the rows of the event are then dropped.
    void apply(const event_view& e, state_table& table) const;
    // The same by rows, for replay on several threads.
    void keys_of(const event_view& e, key_sink& sink) const;
    void apply_row(const event_view& e, std::string_view key, state_table::slot& row) const;
};

// json_order.cpp: why the order of events matters for the rows of this fold; empty: it does not.
std::vector<std::string> order_reasons(const json_fold& fold);

}  // namespace idem::cli
