#include "schema/json_operation.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "schema/scalar.hpp"

namespace idem {
namespace {

// False where the value is null, of which nothing can be made.
bool has_value(const json_rewrite::value& value, json::kind wanted, const json_path& path) {
    if (value.kind == json::kind::null) return false;
    if (value.kind == wanted) return true;
    throw unfit_member{path.shown(), says_wrong_kind(value.kind, wanted)};
}

}  // namespace

void rename_member::apply(json_rewrite& data) const {
    const auto place = data.find(from);
    if (place) data.put(to, data.take(place), place);
}

void scale_member::apply(json_rewrite& data) const {
    const auto place = data.find(at);
    if (!place || !has_value(data.at(place), json::kind::number, at)) return;
    const std::string_view raw = data.at(place).raw;
    const auto refuse = [&](const std::string& what) {
        throw unfit_member{
            at.shown(), fmt::format("is {}, which {} more than {} digits", text::shown(raw), what,
                                    exact_decimal::digits_max)};
    };
    const auto number = exact_decimal::parse(raw);
    if (!number) refuse("needs");
    const auto scaled = number->times(by);
    if (!scaled) refuse(fmt::format("times {} needs", by.print()));
    data.set(place, data.make_number(scaled->print()));
}

void default_member::apply(json_rewrite& data) const {
    data.put_if_absent(at, {json::kind_of(value), value});
}

void split_member::apply(json_rewrite& data) const {
    auto place = data.find(from);
    if (!place) return;
    const bool has_text = has_value(data.at(place), json::kind::string, from);
    const std::string_view raw = data.take(place).raw;
    // Checked for parts that are missing too, so that it does not depend on the text.
    for (const json_path& target : into) {
        if (data.find(target)) {
            throw unfit_member{target.shown(),
                               "is there already; drop it first, or choose another name"};
        }
    }
    if (!has_text) {
        for (const json_path& target : into) place = data.put(target, {}, place);
        return;
    }
    const std::string text = json::decode_string(raw);
    std::size_t start = 0;
    for (std::size_t i = 0; i < into.size() && start != std::string::npos; ++i) {
        const bool last = i + 1 == into.size();
        const std::size_t end = last ? std::string::npos : text.find(separator, start);
        const std::string_view part = std::string_view(text).substr(start, end - start);
        place = data.put(into[i], data.make_text(part), place);
        start = end == std::string::npos ? end : end + separator.size();
    }
}

void merge_members::apply(json_rewrite& data) const {
    std::string joined;
    bool has_text = false;
    json_rewrite::place first;
    for (const json_path& source : from) {
        const auto place = data.find(source);
        if (!place) continue;
        const bool is_text = has_value(data.at(place), json::kind::string, source);
        const std::string_view raw = data.take(place).raw;
        if (!first) first = place;
        if (!is_text) continue;
        if (has_text) joined += separator;
        joined += json::decode_string(raw);
        has_text = true;
    }
    if (!first) return;
    data.put(into, has_text ? data.make_text(joined) : json_rewrite::value{}, first);
}

void drop_member::apply(json_rewrite& data) const {
    if (const auto place = data.find(at)) data.take(place);
}

}  // namespace idem
