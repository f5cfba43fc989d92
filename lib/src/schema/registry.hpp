// Which event types have a schema and upcasters: a fold of the stream "$schemas", whose events are
// the registrations. What is derived is kept in memory and brought up to date with the log.
//
//     idem.SchemaAdded     {"types":{"bank.Deposited":2},"bfbs":"<base64>"}
//     idem.UpcasterAdded   the definition of a json_upcaster
//
// The fold is total: a registration that contradicts an earlier one has no effect, whatever way it
// came into the log, so all who read the log agree.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "idem/append.hpp"
#include "idem/event.hpp"
#include "log/index.hpp"
#include "schema/concerning.hpp"
#include "schema/json_upcaster.hpp"
#include "schema/model.hpp"

namespace idem {

inline constexpr std::string_view schemas_stream = "$schemas";
inline constexpr std::string_view schema_added_type = "idem.SchemaAdded";
inline constexpr std::string_view upcaster_added_type = "idem.UpcasterAdded";

// An immutable value once it is shared; any thread.
class registered_schemas {
public:
    struct entry {
        registered_type about;
        schema definition;
        const schema_object* table;  // of the definition
    };

    bool empty() const noexcept { return types_.empty() && upcasters_.empty(); }
    const entry* find(std::string_view type, std::uint32_t version) const noexcept;
    const entry* newest(std::string_view type) const noexcept;
    // The newest version whose definition is that of the schema that is compared with.
    const entry* find_same(std::string_view type, type_comparison& with_older) const;
    const json_upcaster* upcaster(std::string_view type, std::uint32_t from) const noexcept;
    std::vector<std::uint32_t> upcast_versions(std::string_view type) const;  // that have one
    // The newest version of a type to which a step has or needs an upcaster, else 1; of a type
    // without a schema the one that its upcasters lead to; 0: nothing is known of it.
    std::uint32_t base_version(std::string_view type) const;
    std::vector<std::string> type_names() const;  // with a schema or an upcaster
    std::vector<registered_type> list() const;
    std::uint64_t registrations() const noexcept { return registrations_; }

    // Takes an event of the stream in. Where it has no effect, says why.
    std::optional<std::string> add(std::string_view type, std::string_view data,
                                   std::uint64_t position);

private:
    std::optional<std::string> add_schema(std::string_view data, std::uint64_t position);
    std::optional<std::string> add_upcaster(std::string_view data);

    std::map<std::string, std::vector<entry>, std::less<>> types_;  // versions rise
    std::map<std::pair<std::string, std::uint32_t>, json_upcaster> upcasters_;
    std::uint64_t registrations_ = 0;
};

// Any thread.
class schema_registry {
public:
    schema_registry(std::shared_ptr<storage::environment> env, log_tables tables)
        : env_(std::move(env)), tables_(std::move(tables)) {}

    // As the log stands, in a transaction or now.
    std::shared_ptr<const registered_schemas> get(const storage::transaction& txn) const;
    std::shared_ptr<const registered_schemas> get() const;
    // The same, with the position up to which the log was looked through.
    struct knowledge {
        std::shared_ptr<const registered_schemas> schemas;
        std::uint64_t position;
    };
    knowledge get_with_position() const;

private:
    std::shared_ptr<storage::environment> env_;
    log_tables tables_;
    mutable std::mutex mutex_;
    mutable std::uint64_t head_ = 0;  // of the log, up to which it was looked through
    mutable std::uint64_t next_ = 1;  // position behind the last registration known
    mutable std::shared_ptr<const registered_schemas> known_ =
        std::make_shared<registered_schemas>();
};

// What a registration of `s` and of upcasters would be: the versions that its types get, and the
// events to append. Throws invalid_input where a change is forbidden.
struct planned_registration {
    schema_addition addition;
    std::vector<event> events;  // none where everything is known
};
planned_registration plan_registration(const registered_schemas& known, const schema* s,
                                       const std::vector<json_upcaster>& upcasters);

// Appends a registration, planned anew where another came between. Throws invalid_input.
using append_events =
    std::function<append_result(const std::vector<event>& batch, expected_revision expected)>;
schema_addition register_schema(const schema_registry& registry, const schema* s,
                                std::string_view upcasters, const append_events& append);

// The first version on the way from one to another that has neither an upcaster to the next nor is
// read as the next without one; nullopt: there is a way. `declared` tells of upcasters elsewhere.
std::optional<std::uint32_t> gap_between(const registered_schemas& known, std::string_view type,
                                         std::uint32_t from, std::uint32_t to,
                                         const std::function<bool(std::uint32_t)>& declared);

}  // namespace idem
