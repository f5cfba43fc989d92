#include "find_projection.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "idem/error.hpp"
#include "json_projection.hpp"

namespace idem::cli {
namespace {

// JSON definitions alone begin like an object; a compiled projection may describe itself otherwise.
bool looks_like_json(const std::string& definition) {
    const auto first = definition.find_first_not_of(" \t\r\n");
    return first != std::string::npos && definition[first] == '{';
}

const projection* find_loaded(const session& s, std::string_view name) {
    const auto found = std::find_if(s.projections.begin(), s.projections.end(),
                                    [name](const projection& p) { return p.name == name; });
    return found == s.projections.end() ? nullptr : &*found;
}

known_projection from(json_projection parsed) {
    return {std::move(parsed.fold), std::move(parsed.order_reasons)};
}

}  // namespace

bool is_file_name(const std::string& name) {
    return name.find('/') != std::string::npos || name.ends_with(".json");
}

known_projection describe(const session& s, const projection_info& kept) {
    const projection* loaded = find_loaded(s, kept.name);
    if (loaded && loaded->version == kept.version &&
        same_definition(loaded->definition, kept.definition)) {
        return {*loaded};
    }
    if (looks_like_json(kept.definition)) {
        return from(parse_json_projection(
            kept.definition,
            fmt::format("the definition of {}@{} in the store", kept.name, kept.version)));
    }
    known_projection rows_alone;
    rows_alone.fold.name = kept.name;
    rows_alone.fold.version = kept.version;
    rows_alone.fold.order = kept.order;
    return rows_alone;
}

std::optional<known_projection> definition_of(const session& s, const store& from_store,
                                              const std::string& name, std::uint32_t version) {
    for (const auto& kept : from_store.projections()) {
        if (kept.name != name || kept.version != version) continue;
        auto known = describe(s, kept);
        return known.can_run() ? std::optional(std::move(known)) : std::nullopt;
    }
    throw error(
        errc::not_found,
        fmt::format("the store keeps no projection {}@{}; `idem projections {}` lists those "
                    "it does",
                    name, version, from_store.path().string()));
}

state kept_rows(const session& s, const store& from_store, const std::string& name,
                std::uint32_t version) {
    const auto known = definition_of(s, from_store, name, version);
    return known ? from_store.state(known->fold) : from_store.state(name, version);
}

known_projection find_projection(const session& s, const store& from_store,
                                 const std::string& name) {
    if (is_file_name(name)) return from(read_json_projection(name));
    if (const projection* loaded = find_loaded(s, name)) return {*loaded};
    if (const auto kept = from_store.find_projection(name)) return describe(s, *kept);
    throw error(
        errc::not_found,
        fmt::format("there is no projection {0}: the store keeps none of that name and no "
                    "--plugin brings it; `idem projections {1}` lists those there are, and a "
                    "file that defines one is named with its path, as in ./{0}.json",
                    name, from_store.path().string()));
}

void refuse_changed_definition(const store& from_store, const projection& fold) {
    for (const auto& kept : from_store.projections()) {
        if (kept.name != fold.name || kept.version != fold.version) continue;
        if (same_definition(kept.definition, fold.definition)) return;
        throw error(
            errc::invalid_input,
            fmt::format("the store keeps {}@{} with another definition; raise its version, so "
                        "that the rows of the two are not mixed",
                        fold.name, fold.version));
    }
}

void require_definition(const known_projection& p) {
    if (p.can_run()) return;
    throw error(errc::invalid_input,
                fmt::format("the store keeps rows of {}@{}, but not how they came about; name the "
                            "shared library that has it with --plugin",
                            p.fold.name, p.fold.version));
}

std::string order_word(const projection& fold) {
    return std::string(to_string(fold.order));
}

std::string order_reason(const known_projection& p) {
    if (p.fold.order == fold_order::canonical) {
        return "rows depend on the set of events alone, by their stamps";
    }
    if (!p.order_reasons.empty()) {
        std::string all;
        for (const auto& reason : p.order_reasons) all += (all.empty() ? "" : ", ") + reason;
        return all;
    }
    const bool analysed = p.can_run() && looks_like_json(p.fold.definition);
    if (analysed && p.fold.order == fold_order::commutative) return "its operations commute";
    return p.fold.order == fold_order::arrival ? "its author declares no other"
                                               : "its author declares it";
}

}  // namespace idem::cli
