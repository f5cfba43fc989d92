#include "projection/identity.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/hash.hpp"
#include "base/text.hpp"
#include "schema/payload_reader.hpp"

namespace idem {
namespace {

std::uint64_t hash_of_upcasters(const registered_schemas& known, const upcasters& steps,
                                std::string_view type, std::uint32_t to) {
    std::string definitions;
    for (const auto from : known.upcast_versions(type)) {
        if (from < to && !steps.find(type, from)) {
            definitions += known.upcaster(type, from)->definition();
        }
    }
    if (definitions.empty()) return 0;
    // What they make goes through the schema that it is to fit, once there is one.
    if (known.find(type, to)) definitions += "registered";
    return hash::of_bytes(definitions);
}

std::string told(const std::string& code) {
    return code.empty() ? "unnamed code" : "code " + text::shown(code);
}

const read_version* find(const std::vector<read_version>& reads, std::string_view type) {
    const auto found = std::find_if(reads.begin(), reads.end(),
                                    [type](const read_version& r) { return r.type == type; });
    return found == reads.end() ? nullptr : &*found;
}

}  // namespace

std::string_view to_string(fold_order order) noexcept {
    switch (order) {
        case fold_order::arrival:
            return "arrival";
        case fold_order::commutative:
            return "commutative";
        case fold_order::canonical:
            return "canonical";
    }
    return "unknown";
}

projection_identity identity_of(const projection& p, const registered_schemas& known) {
    projection_identity identity{p.name, p.version, p.keys, p.code, p.order, {}};
    for (const auto& [type, version] : versions_read(p, known)) {
        identity.reads.push_back(
            {type, version, hash_of_upcasters(known, p.upcasters, type, version)});
    }
    // What a projection reads because the store knows it is not worth a word while it is the first.
    if (p.reads_json) {
        std::erase_if(identity.reads, [&](const read_version& r) {
            return r.version <= 1 && !p.reads.contains(r.type);
        });
    }
    return identity;
}

std::string fingerprint_of(const projection_identity& identity) {
    std::string text = fmt::format("{}@{}\n{}\n{}\n", identity.name, identity.version,
                                   static_cast<int>(identity.keys), identity.code);
    for (const auto& r : identity.reads) {
        text += fmt::format("{}\n{}\n{}\n", r.type, r.version, r.upcasters);
    }
    if (identity.order != fold_order::arrival) {
        text += fmt::format("{}\n", to_string(identity.order));
    }
    return to_string(hash::of_row("", text));
}

std::string difference_between(const projection_identity& kept, const projection_identity& wanted) {
    if (kept.version != wanted.version) {
        return fmt::format("the rows are of version {}, and version {} is wanted", kept.version,
                           wanted.version);
    }
    if (kept.keys != wanted.keys) return "its keys are of another kind";
    if (kept.code != wanted.code) {
        return fmt::format("the rows were made by {}, and {} is here", told(kept.code),
                           told(wanted.code));
    }
    if (kept.order != wanted.order) {
        return fmt::format("the rows were folded in {} order, and {} order is wanted",
                           to_string(kept.order), to_string(wanted.order));
    }
    for (const auto& r : wanted.reads) {
        const auto* const before = find(kept.reads, r.type);
        if (!before || before->version != r.version) {
            return fmt::format("the rows were made with version {} of {}, and version {} is read",
                               before ? before->version : 1, text::shown(r.type), r.version);
        }
        if (before->upcasters != r.upcasters) {
            return fmt::format("the upcasters of {} have changed", text::shown(r.type));
        }
    }
    for (const auto& r : kept.reads) {
        if (find(wanted.reads, r.type)) continue;
        return fmt::format("the rows were made with version {} of {}, which is not read any more",
                           r.version, text::shown(r.type));
    }
    return {};
}

}  // namespace idem
