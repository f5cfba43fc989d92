// What LMDB's and the system's codes mean to a caller.
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "storage/handles.hpp"

namespace idem::storage {
namespace {

struct meaning {
    int code;
    errc what;
    const char* advice;
};

constexpr meaning meanings[] = {
    {ENOSPC, errc::no_space, "make room on the disk: nothing was written, reads go on"},
    {EDQUOT, errc::no_space, "the quota is used up: nothing was written, reads go on"},
    {EFBIG, errc::no_space,
     "the file may not grow further (ulimit -f, or the file system's limit)"},
    {EIO, errc::no_space,
     "the disk is full or failing, nothing was written: make room, or look into the system's log"},
    {EACCES, errc::permission_denied,
     "run as a user who may read and write it, or open it read-only"},
    {EPERM, errc::permission_denied,
     "run as a user who may read and write it, or open it read-only"},
    {EROFS, errc::permission_denied, "the file system is read-only: open the store read-only"},
    {ENOENT, errc::not_found, "name a folder that is there"},
    {ENOTDIR, errc::not_a_store, "a store is a folder; name one"},
    {ENOMEM, errc::map_full,
     "the system grants no more address space or memory; raise ulimit -v, or open with a smaller "
     "map"},
    {EAGAIN, errc::busy,
     "another process holds its lock: containers that share a store must share the pid namespace "
     "too"},
    {EBUSY, errc::busy, "another process holds its lock; try again"},
    {MDB_MAP_FULL, errc::map_full, "open it with a larger map"},
    {MDB_MAP_RESIZED, errc::busy, "another process keeps growing it; try again"},
    {MDB_READERS_FULL, errc::too_many_readers, "end some of the processes or threads that read it"},
    {MDB_PANIC, errc::outcome_unknown,
     "an earlier commit failed halfway: open the store again, and append what had no answer again"},
    {MDB_INVALID, errc::not_a_store, "data.mdb is not an LMDB file"},
    {MDB_VERSION_MISMATCH, errc::unsupported_format, "it was written by another version of LMDB"},
    {MDB_INCOMPATIBLE, errc::not_a_store, "its tables are not those of a store"},
    {MDB_CORRUPTED, errc::corrupt, "the file is damaged: restore a sound backup"},
    {MDB_PAGE_NOTFOUND, errc::corrupt, "the file is damaged: restore a sound backup"},
    {MDB_CURSOR_FULL, errc::corrupt, "the file is damaged: restore a sound backup"},
    {MDB_PAGE_FULL, errc::corrupt, "the file is damaged: restore a sound backup"},
    {MDB_KEYEXIST, errc::corrupt, "a key that should be new is there; run `idem verify`"},
    {MDB_TXN_FULL, errc::invalid_input, "the transaction is too large; append in smaller batches"},
    {MDB_BAD_VALSIZE, errc::invalid_input, "a key has more bytes than the store can take"},
    {MDB_DBS_FULL, errc::invalid_input, "it holds as many tables as it can; drop old projections"},
};

// File systems that other machines write to, or that answer for locks and maps in user space.
constexpr std::array<long, 15> network_types = {
    0x6969,      // NFS
    0x517b,      // SMB
    0xff534d42,  // CIFS
    0xfe534d42,  // SMB2
    0x01021997,  // 9P
    0x65735546,  // FUSE
    0x00c36400,  // Ceph
    0x5346414f,  // AFS
    0x6b414653,  // kAFS
    0x73757245,  // Coda
    0x564c,      // NCP
    0x0bd00bd0,  // Lustre
    0x47504653,  // GPFS
    0x7461636f,  // OCFS2
    0x01161970,  // GFS2
};

}  // namespace

void throw_fault(const std::filesystem::path& folder, int code, std::string_view doing) {
    const auto found = std::find_if(std::begin(meanings), std::end(meanings),
                                    [code](const meaning& m) { return m.code == code; });
    const bool known = found != std::end(meanings);
    throw error(known ? found->what : errc::io,
                fmt::format("{}: {} failed: {}{}{}", folder.string(), doing, mdb_strerror(code),
                            known ? "; " : "", known ? found->advice : ""));
}

void check(const environment::state& s, int code, std::string_view doing) {
    if (code != MDB_SUCCESS) throw_fault(s.folder, code, doing);
}

void check_process(const environment::state& s) {
    if (s.process == ::getpid()) return;
    throw error(
        errc::forked,
        fmt::format("{} was opened by process {} and is used by its child {}: open the store "
                    "in the child",
                    s.folder.string(), s.process, ::getpid()));
}

bool is_network_file_system(long type) noexcept {
    return std::find(network_types.begin(), network_types.end(), type & 0xffffffffL) !=
           network_types.end();
}

void refuse_network_file_system(const std::filesystem::path& folder) {
    struct statfs info {};
    if (::statfs(folder.c_str(), &info) != 0) return;  // opening will say what is wrong
    if (!is_network_file_system(info.f_type)) return;
    throw error(
        errc::network_file_system,
        fmt::format("{} lies on a network or user-space file system (type {:#x}), where locks "
                    "and memory maps cannot be trusted: move it to a local disk, or allow it "
                    "for a single process with allow_network_file_system",
                    folder.string(), static_cast<unsigned long>(info.f_type)));
}

}  // namespace idem::storage
