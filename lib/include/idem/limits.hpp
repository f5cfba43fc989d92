// Every limit of the store in one place. All are checked before anything is written; the error
// names the limit that was passed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace idem::limits {

inline constexpr std::size_t name_bytes_max = 255;  // stream, type, content type, tag, correlation,
                                                    // causation, metadata key, projection name
inline constexpr std::size_t tags_max = 64;         // per event
inline constexpr std::size_t metadata_max = 64;     // entries per event
inline constexpr std::size_t metadata_value_bytes_max = 4096;
inline constexpr std::size_t event_bytes_max = 1 << 20;  // of an encoded record, all its fields
inline constexpr std::size_t batch_events_max = 10'000;
inline constexpr std::size_t batch_bytes_max = 64 << 20;    // of all encoded records of one batch
inline constexpr std::size_t condition_parts_max = 256;     // streams, matches and rows of one
inline constexpr std::size_t key_bytes_max = 4096;          // of an idempotency key
inline constexpr std::size_t result_bytes_max = 128 << 10;  // of a command, an effect, a step
inline constexpr std::size_t saga_steps_max = 100;          // of one saga
inline constexpr std::size_t events_per_key_max = 1000;     // that a command appends
inline constexpr std::size_t row_key_bytes_max = 500;       // of an encoded projection key
inline constexpr std::size_t row_bytes_max = 1 << 20;       // of an encoded projection row
inline constexpr std::size_t rows_per_event_max = 10'000;   // that one event may touch
// How far back a canonical projection takes a late event: so long by the stamps of the log, so many
// events of the log, and about so many times that a row was touched.
inline constexpr std::uint64_t horizon_ms = 24 * 60 * 60 * 1000;
inline constexpr std::uint64_t horizon_events_max = 250'000;
inline constexpr std::uint64_t horizon_touches_max = 1'000'000;
inline constexpr std::uint64_t checkpoint_bytes_max = 64 << 20;  // of keys and rows
inline constexpr std::size_t accepted_max = 4096;           // events of one accept()
inline constexpr std::size_t parked_max = 10'000;            // events that wait for a gap
inline constexpr std::size_t context_bytes_max = 64 << 10;       // of a version vector as text
inline constexpr std::size_t json_depth_max = 128;               // nesting of JSON data
inline constexpr std::uint32_t reader_slots = 1024;  // concurrent read transactions, all processes

}  // namespace idem::limits
