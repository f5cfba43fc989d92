// A process that dies at its n-th disk operation: stands between liblmdb, the library and the
// system. To be linked into the program that is to die, which loses nothing that it has written so
// far, and writes nothing more.
#pragma once

#include <cstdint>

namespace disk_kill {

enum class moment : std::uint8_t {
    before,
    midway,  // where it writes several pages: half of them are there; else as before
    after,
};

enum class counted : std::uint8_t {
    operations,  // writes, syncs, and what makes, moves and removes files
    commits,     // of LMDB: the writes of a meta page alone
};

// Counts from here, from 1, what the threads of this process do, but for those that are spared; at
// the one named the process is killed, having said "killed MOMENT CALL BYTES" on standard output.
// 0: none does. In force until the next call, which comes while no such operation is under way.
void arm(std::uint64_t number, moment when, counted what = counted::operations);

// How many there have been since.
std::uint64_t count() noexcept;

// From now on what the calling thread does neither counts nor kills.
void spare_this_thread() noexcept;

}  // namespace disk_kill
