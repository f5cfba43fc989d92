// What the schemas of a store mean for events that are appended: JSON data of a registered type
// becomes FlatBuffers, every payload is checked, and an event that comes again in another form than
// it was stored in is recognised.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "idem/append.hpp"
#include "schema/registry.hpp"

namespace idem {

// For one append. Lives as long as the batch that it was made of.
class append_payloads {
public:
    // Looks an id up in the store.
    using find_event = std::function<std::optional<recorded_event>(const uuid&)>;

    // Why an event of a reserved stream other than "$schemas" cannot be appended; nullopt: it can.
    using check_reserved = std::function<std::optional<std::string>(const event&)>;

    // Throws invalid_input that names event and field. An event whose id is known is never refused:
    // what becomes of it is for append to say.
    append_payloads(schema_registry::knowledge known, std::span<const event> batch, find_event find,
                    const check_reserved& reserved);

    // As they are to be appended.
    std::span<const event> events() const noexcept { return resolved_; }

    // Up to which position the log's registrations were heeded.
    std::uint64_t position() const noexcept { return position_; }

    // After an id_conflict: gives each event that says the same as the one known under its id the
    // form of that one. False: there was none that was not given it before.
    bool align();

private:
    bool needs_a_look() const noexcept;
    void resolve_each(const check_reserved& reserved);
    std::optional<event> known_as(std::size_t index) const;

    std::span<const event> given_;
    std::span<const event> resolved_;
    std::vector<event> changed_;  // holds the events, where one had to be changed
    std::vector<bool> aligned_;
    std::shared_ptr<const registered_schemas> known_;
    std::uint64_t position_ = 0;
    find_event find_;
};

}  // namespace idem
