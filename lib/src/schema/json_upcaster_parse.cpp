// The language of declared upcasters.
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>

#include "base/text.hpp"
#include "idem/limits.hpp"
#include "schema/json_definition.hpp"
#include "schema/json_operation.hpp"
#include "schema/json_upcaster.hpp"

namespace idem {
namespace {

constexpr form upcaster_form{
    "an upcaster",
    {"type", "from", "do"},
    "description",
    R"({"type":"bank.Deposited","from":1,"do":[{"rename":"euros","to":"amount"}]})"};

constexpr std::array<form, 6> operation_forms{{
    {rename_member::verb, {rename_member::verb, "to"}, "", R"({"rename":"euros","to":"amount"})"},
    {scale_member::verb, {scale_member::verb, "by"}, "", R"({"scale":"amount","by":100})"},
    {default_member::verb,
     {default_member::verb, "value"},
     "",
     R"({"default":"currency","value":"EUR"})"},
    {split_member::verb,
     {split_member::verb, "at", "into"},
     "",
     R"({"split":"name","at":" ","into":["first","last"]})"},
    {merge_members::verb,
     {merge_members::verb, "with", "into"},
     "",
     R"({"merge":["street","city"],"with":", ","into":"address"})"},
    {drop_member::verb, {drop_member::verb}, "", R"({"drop":"legacy"})"},
}};

// Paths that a step makes or takes away one after the other would meet each other.
void refuse_overlap(const spot& where, const std::vector<json_path>& paths) {
    for (std::size_t i = 0; i < paths.size(); ++i) {
        for (std::size_t k = 0; k < i; ++k) {
            if (!paths[i].leads_to(paths[k]) && !paths[k].leads_to(paths[i])) continue;
            where.within(i).refuse(
                fmt::format("is the same member as item {}, or one lies within the other; name "
                            "members that stand beside each other",
                            k));
        }
    }
}

// The object around the source stays, so nothing else can stand there.
void refuse_above(const spot& where, const json_path& target, const json_path& source) {
    if (target == source || !target.leads_to(source)) return;
    where.refuse(
        fmt::format("names the object that holds {}; choose another name, drop the "
                    "object, then rename",
                    source.shown()));
}

rename_member read_rename(const fields& f) {
    rename_member made{f.path("rename"), f.path("to")};
    if (made.from == made.to) f.at("to").refuse("is the member itself; choose another name");
    refuse_above(f.at("to"), made.to, made.from);
    return made;
}

scale_member read_scale(const fields& f) {
    constexpr std::size_t digits_max = upcaster_limits::factor_digits_max;
    const spot where = f.at("by");
    const std::string_view raw = f.value("by", json::kind::number).text;
    const auto by = exact_decimal::parse(raw);
    if (!by || by->significant_digits() > digits_max) {
        where.refuse(
            fmt::format("is {}, which has too many digits; a factor has at most {}, and "
                        "at most {} with its zeros",
                        text::shown(raw), digits_max, exact_decimal::digits_max));
    }
    if (by->is_zero()) {
        where.refuse("is 0, which would forget the number; drop the member and give a default");
    }
    return {f.path("scale"), *by};
}

default_member read_default(const fields& f) {
    refuse_repeats(f.at("value"), f.value("value"));
    // A definition read from its canonical text must not put 1e0 where a schema wants an integer.
    return {f.path("default"), plain_json(f.value("value").text)};
}

split_member read_split(const fields& f) {
    split_member made{f.path("split"), f.text("at"), f.paths("into")};
    if (made.separator.empty()) f.refuse(f.at("at"), "is empty");
    refuse_overlap(f.at("into"), made.into);
    for (std::size_t i = 0; i < made.into.size(); ++i) {
        refuse_above(f.at("into").within(i), made.into[i], made.from);
    }
    return made;
}

merge_members read_merge(const fields& f) {
    merge_members made{f.paths("merge"), f.text("with"), f.path("into")};
    refuse_overlap(f.at("merge"), made.from);
    for (const json_path& source : made.from) refuse_above(f.at("into"), made.into, source);
    return made;
}

// An operation is known by the member that names it.
const form& operation_form(const spot& where, const raw_value& given) {
    constexpr std::string_view remedy =
        "it is one of rename, scale, default, split, merge and drop";
    if (given.kind != json::kind::object) {
        where.refuse(
            fmt::format("{}; {}", says_wrong_kind(given.kind, json::kind::object), remedy));
    }
    const form* found = nullptr;
    json::each_member(given.text, [&](std::string_view name, json::kind, std::string_view) {
        for (const form& known : operation_forms) {
            if (known.subject != name || &known == found) continue;
            if (found != nullptr) {
                where.refuse(fmt::format("names two operations, {} and {}; make them two",
                                         found->subject, known.subject));
            }
            found = &known;
        }
    });
    if (found == nullptr) where.refuse(fmt::format("names no operation; {}", remedy));
    return *found;
}

json_operation read_operation(const spot& where, const raw_value& given) {
    const form& shape = operation_form(where, given);
    const fields f(where, shape, given);
    if (shape.subject == rename_member::verb) return read_rename(f);
    if (shape.subject == scale_member::verb) return read_scale(f);
    if (shape.subject == default_member::verb) return read_default(f);
    if (shape.subject == split_member::verb) return read_split(f);
    if (shape.subject == merge_members::verb) return read_merge(f);
    return drop_member{f.path(drop_member::verb)};
}

std::string read_type(const fields& f) {
    std::string type = f.text("type");
    const spot where = f.at("type");
    if (type.empty()) f.refuse(where, "is empty");
    if (text::has_control(type)) where.refuse("has a control character; event types have none");
    if (type.size() > limits::name_bytes_max) {
        where.refuse(fmt::format("has {} bytes; event types have at most name_bytes_max, {}",
                                 type.size(), limits::name_bytes_max));
    }
    return type;
}

// By value, as the canonical text says 1e0.
std::uint32_t read_from(const fields& f) {
    constexpr std::uint32_t max = std::numeric_limits<std::uint32_t>::max() - 1;
    const std::string_view raw = f.value("from", json::kind::number).text;
    const auto number = exact_decimal::parse(raw);
    const std::string digits = number ? number->print() : "";
    const char* end = digits.data() + digits.size();
    std::uint32_t from = 0;
    const auto [stop, fault] = std::from_chars(digits.data(), end, from);
    if (fault != std::errc() || stop != end || from < 1 || from > max) {
        f.at("from").refuse(fmt::format(
            "is {}, where it must be a version, an integer from 1 to {}", text::shown(raw), max));
    }
    return from;
}

json_upcaster read_upcaster(const spot& where, const raw_value& given) {
    if (given.text.size() > upcaster_limits::definition_bytes_max) {
        where.refuse(fmt::format("has {} bytes; an upcaster has at most {}", given.text.size(),
                                 upcaster_limits::definition_bytes_max));
    }
    const fields f(where, upcaster_form, given);
    json_program program;
    program.type = read_type(f);
    program.from = read_from(f);
    if (f.has("description")) f.text("description");
    const spot steps = f.at("do");
    json::each_item(f.value("do", json::kind::array).text, [&](json::kind kind,
                                                               std::string_view raw) {
        if (program.operations.size() == upcaster_limits::operations_max) {
            steps.refuse(fmt::format("has more than {} operations; go by way of another version",
                                     upcaster_limits::operations_max));
        }
        program.operations.push_back(
            read_operation(steps.within(program.operations.size()), {kind, raw}));
    });
    if (program.operations.empty()) f.refuse(steps, "is empty");
    program.definition = json::canonical(given.text);
    return json_upcaster(std::make_shared<const json_program>(std::move(program)));
}

}  // namespace

std::vector<json_upcaster> parse_json_upcasters(std::string_view text, const std::string& origin) {
    const spot root{origin, ""};
    if (text.size() > limits::batch_bytes_max) {
        root.refuse(fmt::format("has {} bytes; a file of upcasters has at most {}", text.size(),
                                limits::batch_bytes_max));
    }
    if (const auto fault = json::check(text)) {
        root.refuse(fmt::format("is not JSON at byte {}: {}", fault->offset, fault->reason));
    }
    std::vector<json_upcaster> made;
    if (json::kind_of(text) != json::kind::array) {
        made.push_back(read_upcaster(root, {json::kind_of(text), text}));
        return made;
    }
    json::each_item(text, [&](json::kind kind, std::string_view raw) {
        if (made.size() == upcaster_limits::file_upcasters_max) {
            root.refuse(fmt::format("has more than {} upcasters; make it two files",
                                    upcaster_limits::file_upcasters_max));
        }
        made.push_back(read_upcaster(root.within(made.size()), {kind, raw}));
    });
    return made;
}

}  // namespace idem
