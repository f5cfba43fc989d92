// Checking a store against everything that it promises about its own bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "idem/projection.hpp"

namespace idem {

// One thing that is wrong. Kinds are stable names:
//   format               the catalog cannot be read, or names a format this build does not know
//   record_checksum      an event's bytes do not match their checksum
//   record_malformed     an event's bytes are not an event, or pass a limit
//   position_gap         a position is missing
//   position_mismatch    an event says it stands at another position
//   index_damaged        a part of an index does not hold just what its positions ask for
//   id_missing           an event's id is not in the index of ids
//   id_repeated          two events have one id
//   stream_missing       an event is not in the index of streams
//   order_missing        an event is not where it should be in the index of canonical order
//   tag_missing          a tag of an event is not in the index of tags
//   type_head            the last position of a type is not the one that is kept
//   seal_damaged         sealed data does not open with its key, or the file of keys is damaged
//   key_left             data was erased, and the file of keys has its key
//   revision_gap         a stream's revisions do not follow one another
//   checkpoint           a projection's checkpoint lies beyond the log
//   state_digest         a projection's rows do not match the digest of their last commit
//   undo_damaged         what takes rows of a canonical projection back is damaged
//   state_mismatch       a projection's rows differ from a replay of the log
//   table_mismatch       a row of a table of the store's own differs from a replay of the log
//   unreadable           pages of the file cannot be walked
struct finding {
    std::string kind = {};
    std::optional<std::uint64_t> position = {};
    std::string subject = {};  // the id, stream, projection or table; may be empty
    std::string message = {};  // what is wrong, and what to do
};

struct verify_options {
    // Replayed, and compared where the store keeps their rows.
    std::span<const projection> projections = {};
    std::function<void(std::uint64_t position, std::uint64_t head)> progress = {};
    std::function<void(const finding&)> report = {};  // each finding as it is made
    std::size_t findings_max = 1000;                  // then the walk stops
};

struct verify_report {
    std::uint64_t events = 0;  // read and found sound
    std::uint64_t erased = 0;  // of them, those whose data was erased
    std::uint64_t sealed = 0;  // those whose data was not looked at: its key is not here
    std::vector<finding> findings;
    bool complete = true;  // false: stopped at findings_max

    bool sound() const noexcept { return findings.empty(); }
};

// Reads everything, changes nothing. LMDB itself may abort the process on a damaged page: run it in
// a child process where that matters, as `idem verify` does.
verify_report verify(const std::filesystem::path& folder, const verify_options& options = {});

}  // namespace idem
