#include "schema/registry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/json.hpp"
#include "base/text.hpp"
#include "idem/cloudevents.hpp"
#include "idem/error.hpp"
#include "schema/concerning.hpp"

namespace idem {
namespace {

// The members of a registration of a schema; nullopt where it is none.
struct schema_added {
    std::vector<std::pair<std::string, std::uint32_t>> types;
    std::string bfbs;
};

std::optional<schema_added> read_schema_added(std::string_view data) {
    if (json::check(data) || json::kind_of(data) != json::kind::object) return std::nullopt;
    schema_added read;
    bool sound = true;
    json::each_member(data, [&](std::string_view name, json::kind kind, std::string_view raw) {
        if (name == "bfbs" && kind == json::kind::string) {
            const auto bytes = text::decode_base64(json::decode_string(raw));
            sound = sound && bytes.has_value();
            if (bytes) read.bfbs = *bytes;
        } else if (name == "types" && kind == json::kind::object) {
            json::each_member(raw, [&](std::string_view type, json::kind, std::string_view number) {
                std::uint32_t version = 0;
                const char* const end = number.data() + number.size();
                const auto parsed = std::from_chars(number.data(), end, version);
                sound = sound && parsed.ec == std::errc() && parsed.ptr == end && version > 0;
                read.types.emplace_back(type, version);
            });
        }
    });
    if (!sound || read.bfbs.empty() || read.types.empty()) return std::nullopt;
    return read;
}

std::string write_schema_added(const std::vector<registered_type>& types, const schema& s) {
    std::string list;
    for (const auto& t : types) {
        list += fmt::format("{}{}:{}", list.empty() ? "" : ",", to_json_string(t.type), t.version);
    }
    return fmt::format(R"({{"types":{{{}}},"bfbs":"{}"}})", list, to_base64(s.bfbs()));
}

void append_new(std::vector<schema_change>& to, const std::vector<schema_change>& from) {
    for (const auto& c : from) {
        const bool known = std::any_of(to.begin(), to.end(), [&](const schema_change& other) {
            return other.rule == c.rule && other.table == c.table && other.field == c.field;
        });
        if (!known) to.push_back(c);
    }
}

void refuse_forbidden(const std::vector<schema_change>& changes) {
    std::string all;
    for (const auto& c : changes) {
        if (c.compatibility != compatibility::forbidden) continue;
        all += fmt::format("{}{}: {}", all.empty() ? "" : "; ", c.rule, c.message);
    }
    if (all.empty()) return;
    throw error(errc::invalid_input, "the schema would misread events of the one before: " + all,
                {.field = "schema"});
}

// One of a registered type must lead to a version of it, or readers would look for the way there.
void refuse_stray(const registered_schemas& known, const schema_addition& addition,
                  const json_upcaster& u) {
    const auto* const newest = known.newest(u.type());
    std::uint32_t last = newest ? newest->about.version : 0;
    for (const auto& t : addition.added) {
        if (t.type == u.type()) last = t.version;
    }
    if (last == 0 || u.from() < last) return;
    throw error(errc::invalid_input,
                fmt::format("upcasters: {} has an upcaster from version {}, and its newest version "
                            "is {}",
                            text::shown(u.type()), u.from(), last),
                {.field = "from"});
}

event registration(std::string_view type, std::string data) {
    event e;
    e.stream = schemas_stream;
    e.type = type;
    e.data = std::move(data);
    return e;
}

}  // namespace

const registered_schemas::entry* registered_schemas::find(std::string_view type,
                                                          std::uint32_t version) const noexcept {
    const auto found = types_.find(type);
    if (found == types_.end()) return nullptr;
    for (const entry& e : found->second) {
        if (e.about.version == version) return &e;
    }
    return nullptr;
}

const registered_schemas::entry* registered_schemas::newest(std::string_view type) const noexcept {
    const auto found = types_.find(type);
    return found == types_.end() ? nullptr : &found->second.back();
}

const registered_schemas::entry* registered_schemas::find_same(std::string_view type,
                                                               type_comparison& with_older) const {
    const auto found = types_.find(type);
    if (found == types_.end()) return nullptr;
    for (auto e = found->second.rbegin(); e != found->second.rend(); ++e) {
        if (with_older.changes_of(*e->table, e->definition).empty()) return &*e;
    }
    return nullptr;
}

const json_upcaster* registered_schemas::upcaster(std::string_view type,
                                                  std::uint32_t from) const noexcept {
    if (upcasters_.empty()) return nullptr;
    const auto found = upcasters_.find({std::string(type), from});
    return found == upcasters_.end() ? nullptr : &found->second;
}

std::vector<std::uint32_t> registered_schemas::upcast_versions(std::string_view type) const {
    std::vector<std::uint32_t> versions;
    for (const auto& [key, upcaster] : upcasters_) {
        if (key.first == type) versions.push_back(key.second);
    }
    return versions;
}

// Old events become this version; what has come since is read as it was meant.
std::uint32_t registered_schemas::base_version(std::string_view type) const {
    const auto found = types_.find(type);
    if (found == types_.end()) {
        const auto upcast = upcast_versions(type);
        return upcast.empty() ? 0 : upcast.back() + 1;
    }
    std::uint32_t base = 1;
    for (const entry& e : found->second) {
        const bool upcast = upcaster(type, e.about.version - 1) != nullptr;
        if (upcast || e.about.step != compatibility::safe) base = e.about.version;
    }
    return base;
}

std::vector<std::string> registered_schemas::type_names() const {
    std::vector<std::string> names;
    for (const auto& [type, versions] : types_) names.push_back(type);
    for (const auto& [key, upcaster] : upcasters_) names.push_back(key.first);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

std::vector<registered_type> registered_schemas::list() const {
    std::vector<registered_type> all;
    for (const auto& [type, versions] : types_) {
        for (const entry& e : versions) {
            all.push_back(e.about);
            all.back().upcaster = upcaster(type, e.about.version - 1) != nullptr;
        }
    }
    for (const auto& [key, u] : upcasters_) {
        if (!types_.contains(key.first)) all.push_back({key.first, key.second + 1, 0, {}, true});
    }
    return all;
}

std::optional<std::string> registered_schemas::add(std::string_view type, std::string_view data,
                                                   std::uint64_t position) {
    ++registrations_;
    if (type == schema_added_type) return add_schema(data, position);
    if (type == upcaster_added_type) return add_upcaster(data);
    return fmt::format("{} is no registration", text::shown(type));
}

std::optional<std::string> registered_schemas::add_schema(std::string_view data,
                                                          std::uint64_t position) {
    const auto added = read_schema_added(data);
    if (!added) return "the data is no registration of a schema";
    std::optional<schema> definition;
    try {
        definition = schema::from_bfbs(added->bfbs);
    } catch (const error& e) {
        return e.what();
    }
    auto types = types_;
    type_comparison with_older(*definition);
    for (const auto& [type, version] : added->types) {
        const schema_object* const table = definition->get_model().find_object(type);
        if (!table || table->is_struct) {
            return fmt::format("its schema has no table {}", text::shown(type));
        }
        if (const entry* const known = find(type, version)) {
            if (with_older.changes_of(*known->table, known->definition).empty()) continue;
            return fmt::format(
                "version {} of {} is registered with another definition, at "
                "position {}",
                version, type, known->about.position);
        }
        constexpr std::uint32_t version_max = 1'000'000;
        if (version > version_max) {
            return fmt::format("version {} of {} is beyond {}", version, type, version_max);
        }
        auto& versions = types[type];
        if (!versions.empty() && versions.back().about.version >= version) {
            return fmt::format("version {} of {} is registered, so it cannot get version {} now",
                               versions.back().about.version, type, version);
        }
        compatibility step = compatibility::safe;
        if (!versions.empty()) {
            const entry& before = versions.back();
            step = worst(with_older.changes_of(*before.table, before.definition));
            if (step == compatibility::forbidden) {
                return fmt::format("events of {} would be misread by its version {}", type,
                                   version);
            }
        }
        versions.push_back(
            {{type, version, position, step, false, versions.empty()}, *definition, table});
    }
    types_ = std::move(types);
    return std::nullopt;
}

std::optional<std::string> registered_schemas::add_upcaster(std::string_view data) {
    try {
        auto parsed = parse_json_upcasters(data, "data");
        for (auto& u : parsed) upcasters_.insert_or_assign({u.type(), u.from()}, std::move(u));
    } catch (const error& e) {
        return e.what();
    }
    return std::nullopt;
}

std::shared_ptr<const registered_schemas> schema_registry::get(
    const storage::transaction& txn) const {
    const std::scoped_lock lock(mutex_);
    const std::uint64_t head = head_of(txn, tables_);
    if (head <= head_) return known_;  // an older snapshot knows no more than a newer one
    const index_view view(txn, tables_);
    const auto last = view.last_of_stream(schemas_stream);
    if (last && last->position() >= next_) {
        auto grown = std::make_shared<registered_schemas>(*known_);
        std::uint64_t position = 0;
        view.forwards(schemas_stream, next_, [&](const event_view& e) {
            position = e.position();
            grown->add(e.type(), e.data(), position);
            return true;
        });
        next_ = position + 1;
        known_ = std::move(grown);
    }
    head_ = head;
    return known_;
}

std::shared_ptr<const registered_schemas> schema_registry::get() const {
    const storage::read_transaction txn(*env_);
    return get(txn);
}

schema_registry::knowledge schema_registry::get_with_position() const {
    const storage::read_transaction txn(*env_);
    get(txn);
    const std::scoped_lock lock(mutex_);
    return {known_, head_};
}

planned_registration plan_registration(const registered_schemas& known, const schema* s,
                                       const std::vector<json_upcaster>& upcasters) {
    planned_registration plan;
    std::optional<type_comparison> with_older;
    if (s) with_older.emplace(*s);
    for (const auto& type : s ? s->event_types() : std::vector<std::string>()) {
        const auto* const before = known.newest(type);
        if (!before) {
            plan.addition.added.push_back({.type = type, .version = 1, .first = true});
            continue;
        }
        // An older release registers what it knows, which is no news.
        if (const auto* const same = known.find_same(type, *with_older)) {
            plan.addition.unchanged.push_back(same->about);
            continue;
        }
        const auto changes = with_older->changes_of(*before->table, before->definition);
        append_new(plan.addition.changes, changes);
        plan.addition.added.push_back({type, before->about.version + 1, 0, worst(changes)});
    }
    if (s && plan.addition.added.empty() && plan.addition.unchanged.empty()) {
        throw error(errc::invalid_input, "the schema has no table that could be an event",
                    {.field = "schema"});
    }
    if (worst(plan.addition.changes) == compatibility::forbidden) return plan;
    if (!plan.addition.added.empty()) {
        plan.events.push_back(
            registration(schema_added_type, write_schema_added(plan.addition.added, *s)));
    }
    std::set<std::pair<std::string_view, std::uint32_t>> seen;
    for (const auto& u : upcasters) {
        if (!seen.emplace(u.type(), u.from()).second) {
            throw error(errc::invalid_input,
                        fmt::format("upcasters: {} has two from version {}; which one counts?",
                                    text::shown(u.type()), u.from()),
                        {.field = "from"});
        }
        refuse_stray(known, plan.addition, u);
        const json_upcaster* const same = known.upcaster(u.type(), u.from());
        if (same && same->definition() == u.definition()) continue;
        plan.events.push_back(registration(upcaster_added_type, u.definition()));
        ++plan.addition.upcasters;
        for (auto& t : plan.addition.added) {
            if (t.type == u.type() && t.version == u.from() + 1) t.upcaster = true;
        }
    }
    return plan;
}

schema_addition register_schema(const schema_registry& registry, const schema* s,
                                std::string_view upcasters, const append_events& append) {
    constexpr int attempts_max = 100;
    std::vector<json_upcaster> steps;
    if (!upcasters.empty()) steps = parse_json_upcasters(upcasters, "upcasters");
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
        const auto known = registry.get();
        auto plan = plan_registration(*known, s, steps);
        refuse_forbidden(plan.addition.changes);
        if (plan.events.empty()) return std::move(plan.addition);
        const std::uint64_t count = known->registrations();
        const auto result = append(plan.events, count == 0 ? expected_revision::no_stream()
                                                           : expected_revision::exactly(count - 1));
        if (result.outcome() == outcome::wrong_revision) continue;
        for (auto& t : plan.addition.added) t.position = result.receipts.front().position;
        return std::move(plan.addition);
    }
    throw error(errc::busy, "others register schemas all the time; try again");
}

std::optional<std::uint32_t> gap_between(const registered_schemas& known, std::string_view type,
                                         std::uint32_t from, std::uint32_t to,
                                         const std::function<bool(std::uint32_t)>& declared) {
    for (std::uint32_t v = from; v < to; ++v) {
        if (declared(v) || known.upcaster(type, v)) continue;
        const auto* const next = known.find(type, v + 1);
        if (!next || !known.find(type, v) || next->about.step != compatibility::safe) return v;
    }
    return std::nullopt;
}

}  // namespace idem
