// Schemas of payloads: FlatBuffers schemas that print, read and check any payload without generated
// code, and the rules by which two versions of one may differ.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "idem/event.hpp"
#include "idem/upcast.hpp"

namespace idem {

inline constexpr std::string_view flatbuffers_content_type = "application/x-flatbuffers";

// A FlatBuffers schema, verified whole before it is used. An immutable value that is cheap to copy;
// any thread.
class schema {
public:
    // Reads a schema in FlatBuffers' language, or compiled (by `flatc --binary --schema
    // --bfbs-builtins`, without which attributes are lost) where the file's name ends in .bfbs.
    // Included files are looked for beside the file; a text alone can include none. From a stranger
    // too: what is no schema, or a larger one than any should be, is refused. Throws not_found,
    // permission_denied, io; invalid_input that names file, line and cause.
    static schema read(const std::filesystem::path& file);
    static schema from_text(std::string_view fbs);
    static schema from_bfbs(std::string_view bytes);

    std::string_view bfbs() const noexcept;  // compiled, without comments; lives as long as this

    // The tables that can be events: the root table, and those that no other holds. By name.
    std::vector<std::string> event_types() const;
    bool has_table(std::string_view name) const noexcept;

    // Throws invalid_input unless the payload is a whole, aligned and bounded table of that name;
    // names the field, as in "data.owner.name". Stricter than FlatBuffers' own verifier: text must
    // be UTF-8, and a field that the schema does not know is refused.
    void check(std::string_view table, std::string_view payload) const;

    // The payload as JSON on one line. Scalars that are absent are printed with their defaults.
    // Enumerations print by name, infinities and NaN as text. Throws as check(), and where the JSON
    // would be longer than limits::batch_bytes_max.
    std::string to_json(std::string_view table, std::string_view payload) const;

    // The same back: to_json(from_json(x)) means what x means, and what is made passes check(). A
    // member that is null counts as absent. Throws invalid_input that names the member.
    std::string from_json(std::string_view table, std::string_view json) const;

    struct model;
    explicit schema(std::shared_ptr<const model> from) noexcept : model_(std::move(from)) {}
    const model& get_model() const noexcept { return *model_; }  // of lib/src/schema

private:
    std::shared_ptr<const model> model_;
};

// What a change means for events that were written before it.
enum class compatibility : std::uint8_t {
    safe,            // they read as they were meant
    needs_upcaster,  // they are well-formed, and mean something else now: raise the version
    forbidden,       // their bytes would be misread: add a new field or type beside the old one
};
std::string_view to_string(compatibility value) noexcept;

struct schema_change {
    std::string rule;   // a stable name, as "field_deleted"; all are in schemas/EVOLUTION.md
    std::string table;  // table, struct, enumeration or union; empty: the schema as a whole
    std::string field;  // or value, or member; may be empty
    idem::compatibility compatibility = idem::compatibility::safe;
    std::string message;
};

// Every difference that matters to a reader, by table and field.
std::vector<schema_change> compare(const schema& before, const schema& after);

// The gravest; `safe` where there is none.
compatibility worst(const std::vector<schema_change>& changes) noexcept;

// A version of an event type that a store has the schema of.
struct registered_type {
    std::string type;
    std::uint32_t version = 1;
    std::uint64_t position = 0;  // of its registration in the log; 0: it is only planned
    // What the step from the version before means for its events; `safe` for a first version.
    compatibility step = compatibility::safe;
    bool upcaster = false;  // one from the version before is registered
    bool first = false;     // no older version is registered, so there is no step
};

// What became of the types of a schema that was added.
struct schema_addition {
    std::vector<registered_type> added;      // types that got a version
    std::vector<registered_type> unchanged;  // types of which a version is this one
    std::vector<schema_change> changes;      // against the newest versions before
    std::size_t upcasters = 0;               // that were registered
};

class registered_schemas;

// The schemas that a store had at one moment. An immutable value that is cheap to copy; any thread.
class schema_set {
public:
    std::vector<registered_type> types() const;  // by name and version

    // The schema of a version of a type; of the newest for 0.
    std::optional<schema> find(std::string_view type, std::uint32_t version = 0) const;

    // The data as JSON; nullopt unless it is FlatBuffers whose schema is here, and fits it.
    std::optional<std::string> to_json(const event_view& e) const;
    std::optional<std::string> to_json(const event& e) const;

    // The data of an event as JSON, as the upcasters leave it at a version of its type: those given
    // and those in JSON that are registered. Throws unknown_version where no way leads there, and
    // what an upcaster throws.
    std::string to_json_as(const recorded_event& e, std::uint32_t version,
                           const upcasters& steps = {}) const;

    explicit schema_set(std::shared_ptr<const registered_schemas> from) noexcept;
    const registered_schemas& get() const noexcept { return *from_; }  // of lib/src/schema

private:
    std::shared_ptr<const registered_schemas> from_;
};

}  // namespace idem
