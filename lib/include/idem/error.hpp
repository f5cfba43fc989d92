// Faults. What a caller must expect (a duplicate, a wrong revision, "not there") is a return value;
// what broke is an idem::error with a code to switch on and a message that says what, where and how
// to go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace idem {

enum class errc : std::uint8_t {
    invalid_input,       // the caller's argument or event breaks a stated rule; nothing was written
    not_found,           // the store, projection or file named does not exist
    not_a_store,         // the folder exists and is not an idem store
    unsupported_format,  // written by a newer idem, or on a machine of another byte order
    corrupt,             // stored bytes fail their checksum or contradict each other
    read_only,           // a write to a store that was opened, or can only be opened, for reading
    permission_denied,   // the operating system refused access to a file
    no_space,            // the disk refuses more bytes; reads go on, appends resume with room
    map_full,            // the memory map could not grow to hold the store
    busy,                // another user of the store stands in the way; try again
    too_many_readers,    // every reader slot is held by a live transaction
    outcome_unknown,     // the commit may or may not be durable: reopen and append the same again
    forked,              // the store was opened before fork() and is used after it
    network_file_system,  // the folder lies on a file system on which locks or maps cannot be
                          // trusted
    handler_failed,       // a projection's handler or an effect rule threw; names event and cause
    unknown_version,  // an event's schema version is newer than its reader, or no upcaster leads
                      // on from it
    stale,            // a projection's rows were made by other code than runs here: rebuild it
    clock_drift,      // a stamp would be too far ahead of this machine's clock
    io,               // any other failure of the operating system
};

// The code's name as it appears in messages and in JSON, for instance "invalid_input".
std::string_view to_string(errc code) noexcept;

// What an error is about, as far as it is known.
struct error_place {
    std::optional<std::size_t> index = {};       // of the event within the batch, from 0
    std::string field = {};                      // of the event, for instance "type"
    std::optional<std::uint64_t> position = {};  // in the log
};

class error : public std::runtime_error {
public:
    error(errc code, const std::string& message, error_place place = {})
        : std::runtime_error(message), code_(code), place_(std::move(place)) {}

    errc code() const noexcept { return code_; }
    const error_place& place() const noexcept { return place_; }

private:
    errc code_;
    error_place place_;
};

}  // namespace idem
