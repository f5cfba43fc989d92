#include "schema/json_definition.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/json_chars.hpp"
#include "base/text.hpp"
#include "idem/error.hpp"
#include "schema/exact_decimal.hpp"
#include "schema/json_upcaster.hpp"

namespace idem {

void spot::refuse(std::string_view why) const {
    throw error(errc::invalid_input,
                fmt::format("{}{}{} {}", origin, pointer.empty() ? "" : ": ", pointer, why),
                {.field = pointer});
}

spot spot::within(std::string_view name) const {
    return {origin, fmt::format("{}/{}", pointer, name)};
}

spot spot::within(std::size_t index) const {
    return within(std::to_string(index));
}

fields::fields(spot where, const form& shape, const raw_value& object)
    : where_(std::move(where)), shape_(shape) {
    expect(where_, object, json::kind::object);
    json::each_member(
        object.text, [&](std::string_view name, json::kind kind, std::string_view raw) {
            const auto* found = slot(name);
            if (found == nullptr) {
                refuse(where_, fmt::format("has a member {} that {} does not have",
                                           text::shown(name), shape_.subject));
            }
            if (*found) refuse(where_, fmt::format("has the member {} twice", text::shown(name)));
            values_[static_cast<std::size_t>(found - values_.data())] = raw_value{kind, raw};
        });
    for (std::size_t i = 0; i < shape_.required.size(); ++i) {
        const std::string_view name = shape_.required[i];
        if (!name.empty() && !values_[i]) refuse(where_, fmt::format("lacks '{}'", name));
    }
}

const std::optional<raw_value>* fields::slot(std::string_view name) const {
    if (name.empty()) return nullptr;
    for (std::size_t i = 0; i < shape_.required.size(); ++i) {
        if (shape_.required[i] == name) return &values_[i];
    }
    return shape_.optional == name ? &values_.back() : nullptr;
}

void fields::refuse(const spot& where, std::string_view why) const {
    where.refuse(fmt::format("{}; write {} like {}", why, shape_.subject, shape_.example));
}

void fields::expect(const spot& where, const raw_value& given, json::kind kind) const {
    if (given.kind != kind) refuse(where, says_wrong_kind(given.kind, kind));
}

const raw_value& fields::value(std::string_view name, json::kind kind) const {
    expect(at(name), value(name), kind);
    return value(name);
}

std::string fields::text(std::string_view name) const {
    return json::decode_string(value(name, json::kind::string).text);
}

json_path fields::read_path(const spot& where, const raw_value& given) const {
    expect(where, given, json::kind::string);
    try {
        return json_path(json::decode_string(given.text));
    } catch (const unfit_value& unfit) {
        where.refuse(unfit.why);
    }
}

json_path fields::path(std::string_view name) const {
    return read_path(at(name), value(name));
}

std::vector<json_path> fields::paths(std::string_view name) const {
    constexpr std::size_t max = upcaster_limits::parts_max;
    std::vector<json_path> found;
    const spot here = at(name);
    json::each_item(
        value(name, json::kind::array).text, [&](json::kind kind, std::string_view raw) {
            if (found.size() == max) {
                here.refuse(fmt::format("has more than {} items; make it two operations", max));
            }
            found.push_back(read_path(here.within(found.size()), {kind, raw}));
        });
    if (found.size() < 2) {
        refuse(here, fmt::format("must have at least 2 items, and has {}", found.size()));
    }
    return found;
}

void refuse_repeats(const spot& where, const raw_value& value) {
    std::vector<raw_value> open{value};
    while (!open.empty()) {
        const raw_value here = open.back();
        open.pop_back();
        if (here.kind == json::kind::array) {
            json::each_item(here.text, [&](json::kind kind, std::string_view raw) {
                open.push_back({kind, raw});
            });
        } else if (here.kind == json::kind::object) {
            std::vector<std::string> names;
            json::each_member(here.text,
                              [&](std::string_view name, json::kind kind, std::string_view raw) {
                                  names.emplace_back(name);
                                  open.push_back({kind, raw});
                              });
            std::sort(names.begin(), names.end());
            const auto twice = std::adjacent_find(names.begin(), names.end());
            if (twice == names.end()) continue;
            where.refuse(fmt::format("has the member {} twice; keep one", text::shown(*twice)));
        }
    }
}

std::string plain_json(std::string_view raw) {
    std::string out;
    std::size_t at = 0;
    while (at < raw.size()) {
        const std::size_t start = at;
        const char c = raw[at++];
        if (c == '"') {
            while (raw[at] != '"') at += raw[at] == '\\' ? 2 : 1;
            out += raw.substr(start, ++at - start);
        } else if (c == '-' || json::is_digit(c)) {
            at = std::min(raw.find_first_not_of("+-.eE0123456789", at), raw.size());
            const std::string_view number = raw.substr(start, at - start);
            const auto exact = exact_decimal::parse(number);
            out += exact ? exact->print() : std::string(number);
        } else if (!json::is_space(c)) {
            out += c;
        }
    }
    return out;
}

}  // namespace idem
