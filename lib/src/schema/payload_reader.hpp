// Events as a reader wants their payloads: upcast to the version that it is written for, and as
// JSON where it asks for that. Lazily, one event at a time; the log stays as it is.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "idem/event.hpp"
#include "idem/projection.hpp"
#include "log/payload_arena.hpp"
#include "schema/registry.hpp"

namespace idem {

// What is known and the registrations among events that are about to be appended; `known` itself
// where there are none.
std::shared_ptr<const registered_schemas> with_registrations(
    std::shared_ptr<const registered_schemas> known, std::span<const event_view> events);

// know() by one thread while no other reads; read() by any.
class payload_reader {
public:
    // With `json`, a version that is newer than what is read is as good, if only safe steps lie
    // between.
    payload_reader(const schema_versions& reads, bool json, upcasters steps);

    // The schemas as of a moment not before the events that are read.
    void know(std::shared_ptr<const registered_schemas> known) noexcept {
        known_ = std::move(known);
    }

    // Throws unknown_version for a version that is newer than what is read, or from which no
    // upcaster leads on; what an upcaster throws.
    event_view read(const event_view& e, payload_arena& arena) const;

private:
    struct state;
    std::uint32_t target_of(std::string_view type) const noexcept;  // 0: as stored
    void to_bytes(state& s) const;
    void to_json(state& s) const;
    void fit_schema(state& s, std::uint32_t from) const;
    void step(state& s) const;
    bool is_as_good(std::string_view type, std::uint32_t target, std::uint32_t version) const;

    std::vector<std::pair<std::string, std::uint32_t>> reads_;
    bool json_;
    upcasters steps_;
    std::shared_ptr<const registered_schemas> known_ = std::make_shared<registered_schemas>();
};

// The versions that a projection reads, with those that it leaves to what the store knows.
schema_versions versions_read(const projection& p, const registered_schemas& known);

// Throws invalid_input that names type and version where the way from a registered version to the
// one that is read has a gap.
void check_upcasters(const schema_versions& reads, const upcasters& steps,
                     const registered_schemas& known);

}  // namespace idem
