#include "schema/payloads.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.hpp"
#include "base/text.hpp"
#include "idem/error.hpp"
#include "log/content.hpp"
#include "log/record.hpp"

namespace idem {
namespace {

struct unfit {
    std::string field;
    std::string why;
};

// Text that begins like an object cannot be a FlatBuffer: its first four bytes, the place of the
// root table, would lie far beyond the largest event.
bool looks_like_json_object(std::string_view data) {
    const auto first = data.find_first_not_of(" \t\r\n");
    return first != std::string_view::npos && data[first] == '{';
}

bool is_reserved(std::string_view stream) {
    return stream.starts_with('$');
}

// Runs `work` on data; what it throws names "data.member", and the event is named by the caller.
template <class Work>
auto or_unfit(std::string_view as_what, Work&& work) {
    try {
        return work();
    } catch (const error& e) {
        const std::string field = e.place().field.empty() ? "data" : e.place().field;
        std::string why = e.what();
        if (why.starts_with(field + " ")) why.erase(0, field.size() + 1);
        throw unfit{field, why.append(as_what)};
    }
}

void take_registration(registered_schemas& known, const event& e) {
    if (const auto why = known.add(e.type, e.data, 0)) {
        throw unfit{"data", fmt::format("would register nothing: {}", *why)};
    }
}

void resolve(const registered_schemas& known, event& e) {
    const auto* const newest = known.newest(e.type);
    const bool flatbuffers = e.content_type == flatbuffers_content_type;
    const bool unstated = e.schema_version == 0;
    if (unstated && newest && newest->about.version > 1 && flatbuffers &&
        !looks_like_json_object(e.data)) {
        throw unfit{"schema_version",
                    fmt::format("is not stated, and the store has {} versions of {}: say which one "
                                "the bytes are of, as schema_version<Table> does",
                                newest->about.version, text::shown(e.type))};
    }
    if (unstated) e.schema_version = newest ? newest->about.version : 1;
    if (!newest) {
        if (!flatbuffers || !looks_like_json_object(e.data)) return;
        throw unfit{"data", fmt::format("is JSON where it must be FlatBuffers, and the store has "
                                        "no schema of {} to make it so; `idem schema add` adds one",
                                        text::shown(e.type))};
    }
    const auto* const entry = known.find(e.type, e.schema_version);
    if (!entry) {
        throw unfit{"schema_version",
                    fmt::format("is {}; the newest version of {} that the store has a schema of is "
                                "{}, `idem schema add` adds the next",
                                e.schema_version, text::shown(e.type), newest->about.version)};
    }
    std::string as_what;
    if (newest->about.version > 1) {
        as_what =
            fmt::format(" (as version {} of {}{})", e.schema_version, text::shown(e.type),
                        unstated ? ", the newest; an older one is to say its schemaversion" : "");
    }
    if (is_json_content_type(e.content_type) || (flatbuffers && looks_like_json_object(e.data))) {
        e.data = or_unfit(as_what, [&] { return entry->definition.from_json(e.type, e.data); });
        e.content_type = flatbuffers_content_type;
    } else if (flatbuffers) {
        or_unfit(as_what, [&] { entry->definition.check(e.type, e.data); });
    } else {
        throw unfit{"content_type", fmt::format("is {}; {} has a schema, so its data is {} or JSON",
                                                text::shown(e.content_type), text::shown(e.type),
                                                flatbuffers_content_type)};
    }
}

// The data of an event as JSON in which nothing is left out, by a schema that it fits.
std::optional<std::string> in_full(const registered_schemas::entry& entry, const event& e) {
    try {
        const std::string_view type = e.type;
        if (e.content_type == flatbuffers_content_type && !looks_like_json_object(e.data)) {
            return entry.definition.to_json(type, e.data);
        }
        return entry.definition.to_json(type, entry.definition.from_json(type, e.data));
    } catch (const error&) {
        return std::nullopt;
    }
}

// Whether the schemas say that `given` is the event known as `stored`, in another form.
bool says_the_same(const registered_schemas& known, const event& given, const event& stored) {
    const auto typed = [](const event& e) {
        return e.content_type == flatbuffers_content_type || is_json_content_type(e.content_type);
    };
    if (given.type != stored.type || !typed(given) || !typed(stored)) return false;
    if (given.schema_version != 0 && given.schema_version != stored.schema_version) return false;
    if (given.content_type == stored.content_type &&
        same_data(given.content_type, given.data, stored.data)) {
        return true;
    }
    const auto* const entry = known.find(stored.type, stored.schema_version);
    if (!entry) return false;
    const auto a = in_full(*entry, given);
    const auto b = in_full(*entry, stored);
    return a && b && json::same_value(*a, *b);
}

}  // namespace

append_payloads::append_payloads(schema_registry::knowledge known, std::span<const event> batch,
                                 find_event find, const check_reserved& reserved)
    : given_(batch),
      resolved_(batch),
      known_(std::move(known.schemas)),
      position_(known.position),
      find_(std::move(find)) {
    if (needs_a_look()) resolve_each(reserved);
}

bool append_payloads::needs_a_look() const noexcept {
    if (!known_->empty()) return true;
    return std::any_of(given_.begin(), given_.end(), [](const event& e) {
        return (is_reserved(e.stream) && e.stream != erasures_stream) ||
               e.content_type == flatbuffers_content_type;
    });
}

void append_payloads::resolve_each(const check_reserved& reserved) {
    changed_.assign(given_.begin(), given_.end());
    resolved_ = changed_;
    for (std::size_t i = 0; i < changed_.size(); ++i) {
        event& e = changed_[i];
        try {
            if (e.stream == erasures_stream || e.erased || e.sealed) {
                if (e.schema_version == 0) e.schema_version = 1;  // there is no data to look at
            } else if (is_reserved(e.stream) && e.stream != schemas_stream) {
                if (e.schema_version == 0) e.schema_version = 1;
                if (const auto why = reserved(e)) throw unfit{"stream", *why};
            } else if (is_reserved(e.stream)) {
                if (e.schema_version == 0) e.schema_version = 1;
                auto grown = std::make_shared<registered_schemas>(*known_);
                take_registration(*grown, e);
                known_ = std::move(grown);
            } else {
                resolve(*known_, e);
            }
        } catch (const unfit& u) {
            if (e.id.is_nil() || e.id.is_max() || !find_(e.id)) {
                throw error(errc::invalid_input,
                            fmt::format("event {} ({}): {} {}", i, to_string(e.id), u.field, u.why),
                            {.index = i, .field = u.field});
            }
            e = given_[i];
            if (e.schema_version == 0) e.schema_version = 1;
        }
    }
}

std::optional<event> append_payloads::known_as(std::size_t index) const {
    for (std::size_t i = 0; i < index; ++i) {
        if (resolved_[i].id == resolved_[index].id) return resolved_[i];
    }
    if (auto stored = find_(resolved_[index].id)) return event(std::move(*stored));
    return std::nullopt;
}

bool append_payloads::align() {
    aligned_.resize(given_.size());
    bool any = false;
    for (std::size_t i = 0; i < given_.size(); ++i) {
        if (aligned_[i]) continue;
        const auto stored = known_as(i);
        if (!stored || !says_the_same(*known_, given_[i], *stored)) continue;
        aligned_[i] = any = true;
        if (changed_.empty()) {
            changed_.assign(given_.begin(), given_.end());
            resolved_ = changed_;
        }
        changed_[i].schema_version = stored->schema_version;
        changed_[i].content_type = stored->content_type;
        changed_[i].data = stored->data;
    }
    return any;
}

}  // namespace idem
