// Under which origin a store stamps what is appended to it.
//
// An origin names one history. The files of a store may be copied, or put back as they were, and
// both copies written to: two histories. So the store keeps in its catalog which file it is, and
// under which origins it has written; where it finds itself in another file, it begins a new one.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "idem/event.hpp"
#include "log/decide.hpp"
#include "storage/file_identity.hpp"
#include "storage/storage.hpp"

namespace idem {

struct former_origin {
    uuid origin;
    std::uint64_t counter = 0;  // of its last event
};

struct origin_entry {
    uuid current;
    std::vector<former_origin> former;  // oldest first
    std::optional<storage::file_identity> file;

    // Whether the store itself has written under it.
    bool is_own(const uuid& origin) const noexcept;
    // Up to which counter it has, before anything came from elsewhere. 0 where it has not.
    std::uint64_t counter_of(const uuid& origin, const stamp& head) const noexcept;
};

// `created_with` is the origin that the store was made with. Throws corrupt.
origin_entry read_origin(const storage::transaction& txn, storage::table catalog,
                         const uuid& created_with);

// Ends the current origin at the last record, and begins a new one.
void renew_origin(storage::write_transaction& txn, storage::table catalog, const stamp& head,
                  const uuid& created_with);

// Before a handle's first write: notes which file this is, or finds that it is another than was
// noted, and renews the origin.
void check_file(storage::write_transaction& txn, storage::table catalog, const stamp& head,
                const storage::file_identity& file, const uuid& created_with);

}  // namespace idem
