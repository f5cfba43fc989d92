// Reading what people declare as JSON: where in it we are, which members an object has to have, and
// messages that say how to go on.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/json_path.hpp"
#include "schema/scalar.hpp"

namespace idem {

// Somewhere in a definition. `origin` must outlive it.
struct spot {
    const std::string& origin;  // the name of a file
    std::string pointer;        // RFC 6901; empty: the whole

    [[noreturn]] void refuse(std::string_view why) const;  // throws invalid_input
    spot within(std::string_view name) const;              // a name without '/' and '~'
    spot within(std::size_t index) const;
};

// The members that an object has, each once.
struct form {
    std::string_view subject;                  // for messages: "an upcaster"
    std::array<std::string_view, 3> required;  // empty: fewer
    std::string_view optional;                 // empty: none
    std::string_view example;
};

// An object held against its form. Throws invalid_input. Names that are asked for must be in the
// form.
class fields {
public:
    // `shape` and the text of `object`, which is checked, must outlive this.
    fields(spot where, const form& shape, const raw_value& object);

    spot at(std::string_view name) const { return where_.within(name); }
    bool has(std::string_view name) const { return slot(name)->has_value(); }
    const raw_value& value(std::string_view name) const { return **slot(name); }
    const raw_value& value(std::string_view name, json::kind kind) const;
    std::string text(std::string_view name) const;
    json_path path(std::string_view name) const;
    std::vector<json_path> paths(std::string_view name) const;  // of a list of 2 to parts_max

    // With the example, as the remedy.
    [[noreturn]] void refuse(const spot& where, std::string_view why) const;

private:
    const std::optional<raw_value>* slot(std::string_view name) const;
    void expect(const spot& where, const raw_value& given, json::kind kind) const;
    json_path read_path(const spot& where, const raw_value& given) const;

    spot where_;
    const form& shape_;
    std::array<std::optional<raw_value>, 4> values_;  // the required ones, then the optional one
};

// Throws invalid_input where an object within has a member twice.
void refuse_repeats(const spot& where, const raw_value& value);

// Checked JSON without white space between its parts, and with its numbers as exact_decimal prints
// them, where they fit into one: 1 where json::canonical says 1e0.
std::string plain_json(std::string_view raw);

}  // namespace idem
